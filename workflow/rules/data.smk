# Needs: raw files (or nothing: the demo is generated).
# Makes: instances per data set and task, one image store and one leakage audit per data set.


rule demo:
    output:
        manifest="data/raw/demo/manifest.json",
        truth="data/raw/demo/truth/images.jsonl",
        ceilings="data/raw/demo/truth/ceilings.json",
    log:
        "logs/demo.log",
    benchmark:
        "logs/demo.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        version=STEP_VERSIONS["demo"],
        tweets=PROFILE.config.demo_tweets,
    message:
        "Generate the embedded demo data set ({params.tweets} tweets)"
    shell:
        "crisisweave demo --profile {profile_file} > {log} 2>&1"


rule prepare:
    input:
        lambda wc: raw_tables(wc.dataset, wc.task),
    output:
        instances="data/prepared/{dataset}/{task}/instances.parquet",
        description="data/prepared/{dataset}/{task}/dataset.json",
    log:
        "logs/prepare/{dataset}/{task}.log",
    benchmark:
        "logs/prepare/{dataset}/{task}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        version=STEP_VERSIONS["prepare"],
        config=dataset_config,
    message:
        "Prepare {wildcards.dataset}/{wildcards.task}"
    shell:
        "crisisweave prepare --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} > {log} 2>&1"


rule images:
    input:
        lambda wc: all_tables(wc.dataset),
    output:
        index="data/images/{dataset}/index.parquet",
        pixels="data/images/{dataset}/pixels.u8",
        description="data/images/{dataset}/images.json",
    log:
        "logs/images/{dataset}.log",
    benchmark:
        "logs/images/{dataset}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    params:
        version=STEP_VERSIONS["images"],
        shorter_side=lambda wc: PROFILE.dataset(wc.dataset).shorter_side,
        missing_images=lambda wc: PROFILE.dataset(wc.dataset).missing_images,
    message:
        "Decode the images of {wildcards.dataset}"
    shell:
        "crisisweave images --profile {profile_file} --dataset {wildcards.dataset} > {log} 2>&1"


rule audit:
    input:
        instances=lambda wc: [
            f"data/prepared/{wc.dataset}/{task}/instances.parquet"
            for task in PROFILE.tasks_of(wc.dataset)
        ],
        index=lambda wc: (
            [f"data/images/{wc.dataset}/index.parquet"]
            if "image" in PROFILE.dataset(wc.dataset).modalities
            else []
        ),
    output:
        audit="data/audit/{dataset}/audit.json",
        duplicates="data/audit/{dataset}/duplicates.parquet",
    log:
        "logs/audit/{dataset}.log",
    benchmark:
        "logs/audit/{dataset}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        version=STEP_VERSIONS["audit"],
    message:
        "Audit {wildcards.dataset} for leaks between splits and tasks"
    shell:
        "crisisweave audit --profile {profile_file} --dataset {wildcards.dataset} > {log} 2>&1"


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
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=2500,
        runtime=60,
    params:
        version=STEP_VERSIONS["features"],
        encoder=lambda wc: IMAGE_FEATURES[wc.dataset, wc.slug][0],
        size=lambda wc: IMAGE_FEATURES[wc.dataset, wc.slug][1],
        grid=lambda wc: IMAGE_FEATURES[wc.dataset, wc.slug][2],
        threads=THREADS,
    message:
        "Encode the images of {wildcards.dataset} with {params.encoder}"
    shell:
        "crisisweave features --dataset {wildcards.dataset} --encoder {params.encoder}"
        " --size {params.size} --grid {params.grid} --threads {params.threads} > {log} 2>&1"


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
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=2500,
        runtime=60,
    params:
        version=STEP_VERSIONS["features"],
        run=lambda wc: TEXT_FEATURES[wc.dataset, wc.task, wc.slug],
        threads=THREADS,
    message:
        "Encode the texts of {wildcards.dataset}/{wildcards.task}"
    shell:
        "crisisweave text-features --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --run-dataset {params.run[0]} --run-task {params.run[1]}"
        " --method {params.run[2]} > {log} 2>&1"
