# Needs: predictions of every run, the leakage audit.
# Makes: metrics.json per run and transfer, and the tables that the report shows.


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
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1000),
        runtime=grows(5),
    params:
        made_from=made_from("evaluate"),
    message:
        "Evaluate {wildcards.method} on {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed}"
    shell:
        "crisisweave evaluate --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule evaluate_transfer:
    input:
        predictions="results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/predictions.parquet",
        duplicates=audit_of_transfer,
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/metrics.json",
    log:
        "logs/evaluate/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/evaluate/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(1000),
        runtime=grows(5),
    params:
        made_from=made_from("evaluate"),
    message:
        "Evaluate {wildcards.method} of {wildcards.dataset}/{wildcards.task} on {wildcards.target}, seed {wildcards.seed}"
    shell:
        "crisisweave evaluate --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"


rule aggregate:
    input:
        metrics=run_files("metrics.json"),
        predictions=run_files("predictions.parquet"),
        records=[str(run.folder / "run.json") for run in RUNS],
        configs=[str(run.folder / "config.yaml") for run in RUNS],
        histories=[
            str(run.folder / "history.csv") for run in RUNS if run.method in TRAINED
        ],
        rationales=explained_files("rationales.json"),
        rationale_scores=explained_files("rationale_scores.parquet"),
    output:
        TABLES,
        metrics=directory("results/tables/metrics"),
        plots=directory("results/tables/plots"),
    log:
        "logs/aggregate.log",
    benchmark:
        "logs/aggregate.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(30),
    params:
        made_from=made_from("aggregate"),
    message:
        "Gather the scores of {PROFILE.config.name} and compare methods"
    shell:
        "crisisweave aggregate > {log} 2>&1"
