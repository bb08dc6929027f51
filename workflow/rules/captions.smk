# Needs: image features (and, for a captioner that is trained here, reference captions).
# Makes: one folder per captioner, captions of every image of a data set, and how near its texts and images are.


rule captioner:
    input:
        unpack(captioner_inputs),
    output:
        model="data/captioners/{captioner}/model.safetensors",
        config="data/captioners/{captioner}/config.yaml",
        tokenizer="data/captioners/{captioner}/tokenizer.json",
        record="data/captioners/{captioner}/run.json",
    log:
        "logs/captioner/{captioner}.log",
    benchmark:
        "logs/captioner/{captioner}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from("captioner", config=captioner_config, threads=THREADS),
    message:
        "Make the captioner {wildcards.captioner}"
    shell:
        "crisisweave captioner --captioner {wildcards.captioner} > {log} 2>&1"


rule captions:
    input:
        unpack(caption_inputs),
    output:
        captions="data/captions/{dataset}/{captioner}/captions.parquet",
        scores="data/captions/{dataset}/{captioner}/captions.json",
    log:
        "logs/captions/{dataset}/{captioner}.log",
    benchmark:
        "logs/captions/{dataset}/{captioner}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(120),
    params:
        made_from=made_from("captions", config=captions_config, threads=THREADS),
    message:
        "Caption the images of {wildcards.dataset} with {wildcards.captioner}"
    shell:
        "crisisweave captions --dataset {wildcards.dataset}"
        " --captioner {wildcards.captioner} > {log} 2>&1"


rule similarity:
    input:
        unpack(similarity_inputs),
    output:
        pairs="data/similarity/{dataset}/{task}/{scorer}/similarity.parquet",
        summary="data/similarity/{dataset}/{task}/{scorer}/similarity.json",
    log:
        "logs/similarity/{dataset}/{task}/{scorer}.log",
    benchmark:
        "logs/similarity/{dataset}/{task}/{scorer}.tsv"
    wildcard_constraints:
        scorer="[a-z0-9_]+",
    conda:
        "../../envs/environment.yaml"
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        made_from=made_from("similarity", config=similarity_config, threads=THREADS),
    message:
        "Compare texts and images of {wildcards.dataset}/{wildcards.task} by {wildcards.scorer}"
    shell:
        "crisisweave similarity --dataset {wildcards.dataset} > {log} 2>&1"
