# Needs: image features (and, for a captioner that is trained here, reference captions).
# Makes: one folder per captioner, and captions of every image of a data set.


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
