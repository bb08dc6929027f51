# Needs: image stores, and for an encoder that is trained here its data set's tables and captions.
# Makes: features of patches that are each seen alone, regions that a detector finds, and one folder per joint
# encoder of words and patches.


rule patch_features:
    input:
        "data/images/{dataset}/index.parquet",
        "data/images/{dataset}/pixels.u8",
    output:
        features="data/patch-features/{dataset}/{slug}/features.npy",
        description="data/patch-features/{dataset}/{slug}/features.json",
    log:
        "logs/patch-features/{dataset}/{slug}.log",
    benchmark:
        "logs/patch-features/{dataset}/{slug}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from("patch-features", patches=patches_of, threads=THREADS),
        joint=joint_of_patches,
    message:
        "Encode the patches of the images of {wildcards.dataset} for {params.joint}"
    shell:
        "crisisweave patch-features --dataset {wildcards.dataset}"
        " --joint {params.joint} > {log} 2>&1"


rule region_features:
    input:
        "data/images/{dataset}/index.parquet",
        "data/images/{dataset}/pixels.u8",
    output:
        features="data/region-features/{dataset}/{slug}/features.npy",
        boxes="data/region-features/{dataset}/{slug}/boxes.npy",
        description="data/region-features/{dataset}/{slug}/features.json",
    log:
        "logs/region-features/{dataset}/{slug}.log",
    benchmark:
        "logs/region-features/{dataset}/{slug}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(4000),
        runtime=grows(240),
    params:
        made_from=made_from("region-features", regions=regions_of, threads=THREADS),
        # As with text features, any run that reads these regions may stand for them.
        run=lambda wc, output: REGION_FEATURES[wc.dataset, wc.slug],
    message:
        "Find the regions of the images of {wildcards.dataset}"
    shell:
        "crisisweave region-features --dataset {wildcards.dataset}"
        " --run-dataset {params.run[0]} --run-task {params.run[1]} --method {params.run[2]}"
        " > {log} 2>&1"


rule joint:
    input:
        unpack(joint_inputs),
    output:
        model="data/joint/{joint}/model.safetensors",
        config="data/joint/{joint}/config.yaml",
        tokenizer="data/joint/{joint}/tokenizer.json",
    log:
        "logs/joint/{joint}.log",
    benchmark:
        "logs/joint/{joint}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(4000),
        runtime=grows(120),
    params:
        made_from=made_from("joint", config=joint_config, threads=THREADS),
    message:
        "Make the joint encoder {wildcards.joint}"
    shell:
        "crisisweave joint --joint {wildcards.joint} > {log} 2>&1"
