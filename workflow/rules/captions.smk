# Needs: image features (and, for a captioner that is trained here, reference captions).
# Makes: one folder per captioner, and captions of every image of a data set.


def captioner_inputs(wildcards):
    """What a captioner that is trained by the workflow learns from; a published one is imported."""
    settings = PROFILE.captioner(wildcards.captioner)
    if settings.training is None:
        return {}
    source = settings.training.dataset
    slug = image_slug(settings.image.encoder, settings.image.size, settings.image.grid)
    return {
        "truth": f"data/raw/{PROFILE.dataset(source).folder}/truth/images.jsonl",
        "features": f"data/features/{source}/{slug}/features.npy",
        "index": f"data/images/{source}/index.parquet",
        "instances": [
            f"data/prepared/{source}/{task}/instances.parquet"
            for task in settings.training.tasks
        ],
    }


def caption_inputs(wildcards):
    """Images to caption, and the truth to score against where there is one."""
    settings = PROFILE.captioner(wildcards.captioner)
    dataset = wildcards.dataset
    slug = image_slug(settings.image.encoder, settings.image.size, settings.image.grid)
    inputs = {
        "captioner": f"data/captioners/{wildcards.captioner}/model.safetensors",
        "features": f"data/features/{dataset}/{slug}/features.npy",
        "index": f"data/images/{dataset}/index.parquet",
    }
    if PROFILE.dataset(dataset).generated:
        inputs["truth"] = (
            f"data/raw/{PROFILE.dataset(dataset).folder}/truth/images.jsonl"
        )
        inputs["instances"] = [
            f"data/prepared/{dataset}/{task}/instances.parquet"
            for task in PROFILE.scored_caption_tasks(dataset, wildcards.captioner)
        ]
    return inputs


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
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=lambda wc, attempt: 3000 * attempt,
        runtime=60,
    params:
        version=STEP_VERSIONS["captioner"],
        config=captioner_config,
        threads=THREADS,
    message:
        "Make the captioner {wildcards.captioner}"
    shell:
        "crisisweave captioner --profile {profile_file} --captioner {wildcards.captioner} > {log} 2>&1"


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
    threads: THREADS
    resources:
        gpu=1,
        mem_mb=lambda wc, attempt: 3000 * attempt,
        runtime=120,
    params:
        version=STEP_VERSIONS["captions"],
        config=captions_config,
        threads=THREADS,
    message:
        "Caption the images of {wildcards.dataset} with {wildcards.captioner}"
    shell:
        "crisisweave captions --profile {profile_file} --dataset {wildcards.dataset}"
        " --captioner {wildcards.captioner} > {log} 2>&1"
