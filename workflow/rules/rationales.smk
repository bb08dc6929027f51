# Needs: prepared instances, and a generator's truth, a table of human rationales or a file of labels.
# Makes: taggers, and the rationale labels of a task (which words carry each tweet's class).


rule tagger:
    output:
        model="data/taggers/{source}/model.safetensors",
        config="data/taggers/{source}/config.yaml",
        validation="data/taggers/{source}/cross_validation.json",
    log:
        "logs/tagger/{source}.log",
    benchmark:
        "logs/tagger/{source}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from(
            "tagger", config=tagger_config, table=human_table_digest, threads=THREADS
        ),
    message:
        "Train and cross-validate the rationale tagger {wildcards.source}"
    shell:
        "crisisweave rationales train-tagger --source {wildcards.source} > {log} 2>&1"


rule rationale_labels:
    input:
        unpack(label_inputs),
    output:
        labels="data/rationales/{dataset}/{task}/{source}.jsonl",
        description="data/rationales/{dataset}/{task}/{source}.json",
    log:
        "logs/rationale_labels/{dataset}/{task}/{source}.log",
    benchmark:
        "logs/rationale_labels/{dataset}/{task}/{source}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        made_from=made_from(
            "rationale-labels",
            config=label_config,
            file=label_file_digest,
            threads=THREADS,
        ),
    message:
        "Rationale labels of {wildcards.dataset}/{wildcards.task} from {wildcards.source}"
    shell:
        "crisisweave rationales labels --dataset {wildcards.dataset}"
        " --task {wildcards.task} --source {wildcards.source} > {log} 2>&1"
