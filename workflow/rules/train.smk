# Needs: instances, and whatever of images, features and captions a method reads.
# Makes: a run folder per data set, task, method and seed, with predictions on dev and test.


rule train:
    input:
        unpack(lambda wc: inputs_of(wc.dataset, wc.task, wc.method)),
    output:
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
        history="results/{dataset}/{task}/{method}/seed-{seed}/history.csv",
        record="results/{dataset}/{task}/{method}/seed-{seed}/run.json",
    log:
        "logs/train/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/train/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(TRAINED),
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=lambda wc, attempt: 3000 * attempt,
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        version=STEP_VERSIONS["train"],
        method=method_config,
        classes=lambda wc: PROFILE.dataset(wc.dataset).tasks[wc.task].classes,
        threads=THREADS,
    message:
        "Train {wildcards.method} on {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed}"
    shell:
        "crisisweave train --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule predict:
    input:
        unpack(lambda wc: inputs_of(wc.dataset, wc.task, wc.method)),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/predictions.parquet",
    log:
        "logs/predict/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/predict/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(TRAINED),
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=lambda wc, attempt: 3000 * attempt,
        runtime=30,
    params:
        version=STEP_VERSIONS["predict"],
    message:
        "Predict dev and test with {wildcards.method} on {wildcards.dataset}/{wildcards.task},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave predict --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule combine:
    input:
        lambda wc: [
            f"results/{wc.dataset}/{wc.task}/{member}/seed-{wc.seed}/predictions.parquet"
            for member in PROFILE.method(
                wc.dataset, wc.task, wc.method
            ).members.values()
        ],
    output:
        predictions="results/{dataset}/{task}/{method}/seed-{seed}/predictions.parquet",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
        record="results/{dataset}/{task}/{method}/seed-{seed}/run.json",
    log:
        "logs/combine/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/combine/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(DECISIONS),
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        version=STEP_VERSIONS["combine"],
        method=method_config,
    message:
        "Combine decisions by {wildcards.method} on {wildcards.dataset}/{wildcards.task},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave combine --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"
