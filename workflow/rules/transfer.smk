# Needs: trained runs and a prepared target data set.
# Makes: predictions on the target, which nothing was trained on.


def transfer_inputs(wildcards):
    """What a run's method reads of the transfer target."""
    target = PROFILE.transfer(wildcards.target)
    settings = PROFILE.method(wildcards.dataset, wildcards.task, wildcards.method)
    return {
        "instances": f"data/prepared/{target.dataset}/{target.task}/instances.parquet",
        **modality_inputs(settings, target.dataset, target.task),
    }


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
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=lambda wc, attempt: 3000 * attempt,
        runtime=60,
    params:
        version=STEP_VERSIONS["transfer"],
        target=lambda wc: PROFILE.transfer(wc.target).model_dump(mode="json"),
    message:
        "Transfer {wildcards.method} of {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed},"
        " to {wildcards.target}"
    shell:
        "crisisweave transfer --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"


rule combine_transfer:
    input:
        lambda wc: [
            f"results/{wc.dataset}/{wc.task}/{member}/seed-{wc.seed}/transfer/{wc.target}"
            "/predictions.parquet"
            for member in PROFILE.method(
                wc.dataset, wc.task, wc.method
            ).members.values()
        ],
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/predictions.parquet",
    log:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/transfer/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
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
        "Combine decisions by {wildcards.method} on {wildcards.target}, seed {wildcards.seed}"
    shell:
        "crisisweave combine --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"
