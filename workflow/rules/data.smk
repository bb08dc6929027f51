# Needs: raw files (or nothing: the demo is generated).
# Makes: instances per data set and task, one image store and one leakage audit per data set.


rule demo:
    output:
        manifest="data/demo/manifest.json",
        truth="data/demo/truth/images.jsonl",
        ceilings="data/demo/truth/ceilings.json",
    log:
        "logs/demo.log",
    benchmark:
        "logs/demo.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1000),
        runtime=grows(5),
    params:
        made_from=made_from("demo", tweets=PROFILE.config.demo_tweets),
    message:
        "Generate the embedded demo data set ({PROFILE.config.demo_tweets} tweets)"
    shell:
        "crisisweave demo > {log} 2>&1"


rule prepare:
    input:
        lambda wc: raw_manifest(wc.dataset),
    output:
        instances="data/prepared/{dataset}/{task}/instances.parquet",
        description="data/prepared/{dataset}/{task}/dataset.json",
    log:
        "logs/prepare/{dataset}/{task}.log",
    benchmark:
        "logs/prepare/{dataset}/{task}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1000),
        runtime=grows(10),
    params:
        made_from=made_from("prepare", config=dataset_config, raw=raw_table_digest),
    message:
        "Prepare {wildcards.dataset}/{wildcards.task}"
    shell:
        "crisisweave prepare --dataset {wildcards.dataset}"
        " --task {wildcards.task} > {log} 2>&1"


rule images:
    input:
        lambda wc: raw_manifest(wc.dataset),
    output:
        index="data/images/{dataset}/index.parquet",
        pixels="data/images/{dataset}/pixels.u8",
        description="data/images/{dataset}/images.json",
    log:
        "logs/images/{dataset}.log",
    benchmark:
        "logs/images/{dataset}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=grows(60),
    params:
        made_from=made_from("images", config=store_config, raw=raw_image_digest),
    message:
        "Decode the images of {wildcards.dataset}"
    shell:
        "crisisweave images --dataset {wildcards.dataset} > {log} 2>&1"


rule views:
    input:
        "data/prepared/{dataset}/{task}/instances.parquet",
    output:
        grey="data/views/{dataset}/{task}/grey.npy",
        colour="data/views/{dataset}/{task}/colour.npy",
        description="data/views/{dataset}/{task}/views.json",
    log:
        "logs/views/{dataset}/{task}.log",
    benchmark:
        "logs/views/{dataset}/{task}.tsv"
    wildcard_constraints:
        dataset=one_of(
            [n for n in PROFILE.datasets() if not has_media(PROFILE.dataset(n))]
        ),
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=grows(10),
    params:
        made_from=made_from("views", config=dataset_config, raw=raw_views_digest),
    message:
        "Make the views of {wildcards.dataset}/{wildcards.task}"
    shell:
        "crisisweave views --dataset {wildcards.dataset}"
        " --task {wildcards.task} > {log} 2>&1"


rule media_views:
    input:
        "data/prepared/{dataset}/{task}/instances.parquet",
    output:
        # Says the hashes of the arrays beside it, of which there are as many as views.
        "data/views/{dataset}/{task}/views.json",
    log:
        "logs/media-views/{dataset}/{task}.log",
    benchmark:
        "logs/media-views/{dataset}/{task}.tsv"
    wildcard_constraints:
        dataset=one_of([n for n in PROFILE.datasets() if has_media(PROFILE.dataset(n))]),
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1500),
        runtime=grows(120),
    params:
        made_from=made_from("media-views", config=dataset_config, raw=raw_media_digest),
    message:
        "Decode the media of {wildcards.dataset}/{wildcards.task}"
    shell:
        "crisisweave media-views --dataset {wildcards.dataset}"
        " --task {wildcards.task} > {log} 2>&1"


rule audit:
    input:
        unpack(audit_inputs),
    output:
        audit="data/audit/{dataset}/audit.json",
        duplicates="data/audit/{dataset}/duplicates.parquet",
    log:
        "logs/audit/{dataset}.log",
    benchmark:
        "logs/audit/{dataset}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(15),
    params:
        made_from=made_from("audit"),
    message:
        "Audit {wildcards.dataset} for leaks between splits and tasks"
    shell:
        "crisisweave audit --dataset {wildcards.dataset} > {log} 2>&1"


rule features:
    input:
        "data/images/{dataset}/index.parquet",
        "data/images/{dataset}/pixels.u8",
    output:
        features="data/features/{dataset}/{slug}/features.npy",
        description="data/features/{dataset}/{slug}/features.json",
    log:
        "logs/features/{dataset}/{slug}.log",
    benchmark:
        "logs/features/{dataset}/{slug}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(2500),
        runtime=grows(60),
    params:
        made_from=made_from(
            "features", encoding=image_encoding_of_record, threads=THREADS
        ),
        encoding=image_encoding,
    message:
        "Encode the images of {wildcards.dataset} with {params.encoding[0]}"
    shell:
        "crisisweave features --dataset {wildcards.dataset} --encoder {params.encoding[0]}"
        " --size {params.encoding[1]} --grid {params.encoding[2]} > {log} 2>&1"


rule text_features:
    input:
        "data/prepared/{dataset}/{task}/instances.parquet",
    output:
        features="data/text-features/{dataset}/{task}/{slug}/features.npy",
        description="data/text-features/{dataset}/{task}/{slug}/features.json",
    log:
        "logs/text-features/{dataset}/{task}/{slug}.log",
    benchmark:
        "logs/text-features/{dataset}/{task}/{slug}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(2500),
        runtime=grows(60),
    params:
        made_from=made_from("features", encoding=text_encoding, threads=THREADS),
        # Any run that reads the encoding may stand for it, so which one is not of record: Snakemake leaves
        # params that are functions of other directives out of what it compares.
        run=lambda wc, output: text_feature_run(wc),
    message:
        "Encode the texts of {wildcards.dataset}/{wildcards.task}"
    shell:
        "crisisweave text-features --dataset {wildcards.dataset}"
        " --task {wildcards.task} --run-dataset {params.run[0]} --run-task {params.run[1]}"
        " --method {params.run[2]} > {log} 2>&1"
