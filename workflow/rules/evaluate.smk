# Needs: predictions of every run, the leakage audit.
# Makes: metrics.json per run and transfer, and the tables that the report shows.


def audit_of(wildcards):
    """The audit's list of test rows with a twin in train."""
    return f"data/audit/{wildcards.dataset}/duplicates.parquet"


rule evaluate:
    input:
        predictions="results/{dataset}/{task}/{method}/seed-{seed}/predictions.parquet",
        duplicates=audit_of,
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/metrics.json",
    log:
        "logs/evaluate/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/evaluate/{dataset}/{task}/{method}/seed-{seed}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        version=STEP_VERSIONS["evaluate"],
    message:
        "Evaluate {wildcards.method} on {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed}"
    shell:
        "crisisweave evaluate --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule evaluate_transfer:
    input:
        predictions="results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/predictions.parquet",
        duplicates=lambda wc: (
            audit_of(wc)
            if PROFILE.transfer(wc.target).audited_with(wc.dataset, wc.task)
            else []
        ),
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/metrics.json",
    log:
        "logs/evaluate/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/evaluate/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        version=STEP_VERSIONS["evaluate"],
    message:
        "Evaluate {wildcards.method} on {wildcards.target}, seed {wildcards.seed}"
    shell:
        "crisisweave evaluate --profile {profile_file} --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"


rule aggregate:
    input:
        metrics=run_files("metrics.json"),
        predictions=run_files("predictions.parquet"),
        records=[str(run.folder / "run.json") for run in RUNS],
    output:
        directory("results/tables"),
    log:
        "logs/aggregate.log",
    benchmark:
        "logs/aggregate.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        version=STEP_VERSIONS["aggregate"],
    message:
        "Gather the scores of {PROFILE.config.name} and compare methods"
    shell:
        "crisisweave aggregate --profile {profile_file} > {log} 2>&1"
