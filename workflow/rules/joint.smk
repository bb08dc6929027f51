# Needs: image stores, and for an encoder that is trained here its data set's tables and captions.
# Makes: features of patches that are each seen alone, and one folder per joint encoder of words and patches.


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
