# Needs: trained runs and a prepared target data set.
# Makes: predictions on the target, which nothing was trained on.


rule transfer:
    input:
        unpack(transfer_inputs),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/predictions.parquet",
    log:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
    wildcard_constraints:
        method=one_of(TRAINED),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from(
            "transfer", target=target_config, family_version=version_of_family
        ),
    message:
        "Transfer {wildcards.method} of {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed},"
        " to {wildcards.target}"
    shell:
        "crisisweave transfer --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"


rule read_partly_transfer:
    input:
        unpack(partial_inputs),
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/predictions.parquet",
    log:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
    wildcard_constraints:
        method=one_of(PARTIAL),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from("read-partly", method=method_config, target=target_config),
    message:
        "Score {wildcards.method} of {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed},"
        " on {wildcards.target}"
    shell:
        "crisisweave read-partly --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"


rule combine_transfer:
    input:
        member_predictions,
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/predictions.parquet",
    log:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
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
        "Combine decisions by {wildcards.method} of {wildcards.dataset}/{wildcards.task} on {wildcards.target},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave combine --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"
