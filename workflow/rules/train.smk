# Needs: instances, and whatever of images, features and captions a method reads.
# Makes: a run folder per data set, task, method and seed, with predictions on dev and test.


rule train:
    input:
        unpack(run_inputs),
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
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(120),
    params:
        made_from=made_from(
            "train",
            method=method_config,
            classes=classes_of,
            threads=THREADS,
            shorter_side=image_side,
            captioner=captioner_of_run,
            joint=joint_of_run,
        ),
    message:
        "Train {wildcards.method} on {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed}"
    shell:
        "crisisweave train --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule predict_splits:
    input:
        unpack(run_inputs),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/predictions.parquet",
    log:
        "logs/predict_splits/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/predict_splits/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(TRAINED),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(30),
    params:
        made_from=made_from("predict-splits", family_version=version_of_family),
    message:
        "Predict dev and test with {wildcards.method} on {wildcards.dataset}/{wildcards.task},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave predict-splits --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule read_partly:
    input:
        unpack(partial_inputs),
    output:
        predictions="results/{dataset}/{task}/{method}/seed-{seed}/predictions.parquet",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
        record="results/{dataset}/{task}/{method}/seed-{seed}/run.json",
    log:
        "logs/read_partly/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/read_partly/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(PARTIAL),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(30),
    params:
        made_from=made_from("read-partly", method=method_config),
    message:
        "Score {wildcards.method} on {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed}"
    shell:
        "crisisweave read-partly --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule balance:
    input:
        unpack(run_inputs),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/balance.json",
    log:
        "logs/balance/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/balance/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(sorted({r.method for r in SEVERAL_BRANCHES})),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(30),
    params:
        made_from=made_from("balance", family_version=version_of_family),
    message:
        "Measure the use of modalities by {wildcards.method} on {wildcards.dataset}/{wildcards.task},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave balance --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule combine:
    input:
        member_predictions,
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
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1000),
        runtime=grows(5),
    params:
        made_from=made_from("combine", method=method_config),
    message:
        "Combine decisions by {wildcards.method} on {wildcards.dataset}/{wildcards.task},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave combine --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"
