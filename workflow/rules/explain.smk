# Needs: trained runs of methods with rationales, the run that scores faithfulness, gold words and boxes if any.
# Makes: the words and patches that each run decided on beside what comparators say of it, and their scores.


rule explain:
    input:
        unpack(run_inputs),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/rationales.parquet",
    log:
        "logs/explain/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/explain/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(EXPLAINED_METHODS),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from("explain", family_version=version_of_family),
    message:
        "Explain {wildcards.method} on {wildcards.dataset}/{wildcards.task}, seed {wildcards.seed}"
    shell:
        "crisisweave explain --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule explain_transfer:
    input:
        unpack(transfer_inputs),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
    output:
        "results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/rationales.parquet",
    log:
        "logs/explain/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/explain/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
    wildcard_constraints:
        method=one_of(EXPLAINED_METHODS),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from(
            "explain", target=target_config, family_version=version_of_family
        ),
    message:
        "Explain {wildcards.method} of {wildcards.dataset}/{wildcards.task} on {wildcards.target},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave explain --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"


rule evaluate_rationales:
    input:
        unpack(run_inputs),
        unpack(scorer_inputs),
        unpack(known_rationales),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
        rationales="results/{dataset}/{task}/{method}/seed-{seed}/rationales.parquet",
    output:
        summary="results/{dataset}/{task}/{method}/seed-{seed}/rationales.json",
        scores="results/{dataset}/{task}/{method}/seed-{seed}/rationale_scores.parquet",
    log:
        "logs/evaluate_rationales/{dataset}/{task}/{method}/seed-{seed}.log",
    benchmark:
        "logs/evaluate_rationales/{dataset}/{task}/{method}/seed-{seed}.tsv"
    wildcard_constraints:
        method=one_of(EXPLAINED_METHODS),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from("evaluate-rationales", family_versions=versions_of_families),
    message:
        "Evaluate rationales of {wildcards.method} on {wildcards.dataset}/{wildcards.task},"
        " seed {wildcards.seed}"
    shell:
        "crisisweave evaluate-rationales --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed} > {log} 2>&1"


rule evaluate_transferred_rationales:
    input:
        unpack(transfer_inputs),
        unpack(scorer_inputs),
        unpack(known_rationales),
        model="results/{dataset}/{task}/{method}/seed-{seed}/model.safetensors",
        config="results/{dataset}/{task}/{method}/seed-{seed}/config.yaml",
        rationales="results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/rationales.parquet",
    output:
        summary="results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/rationales.json",
        scores="results/{dataset}/{task}/{method}/seed-{seed}/transfer/{target}/rationale_scores.parquet",
    log:
        "logs/evaluate_rationales/{dataset}/{task}/{method}/seed-{seed}/{target}.log",
    benchmark:
        "logs/evaluate_rationales/{dataset}/{task}/{method}/seed-{seed}/{target}.tsv"
    wildcard_constraints:
        method=one_of(EXPLAINED_METHODS),
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from(
            "evaluate-rationales",
            target=target_config,
            family_versions=versions_of_families,
        ),
    message:
        "Evaluate rationales of {wildcards.method} of {wildcards.dataset}/{wildcards.task} on"
        " {wildcards.target}, seed {wildcards.seed}"
    shell:
        "crisisweave evaluate-rationales --dataset {wildcards.dataset}"
        " --task {wildcards.task} --method {wildcards.method} --seed {wildcards.seed}"
        " --target {wildcards.target} > {log} 2>&1"
