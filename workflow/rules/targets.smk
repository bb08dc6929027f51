# The phases of the workflow by name, one for each stage of dvc.yaml: `snakemake prepare_all`.
localrules:
    prepare_all,
    encode_all,
    caption_all,
    joint_all,
    run_all,


rule prepare_all:
    input:
        PREPARED,
        IMAGE_STORES,
        expand("data/audit/{dataset}/audit.json", dataset=PROFILE.datasets()),


rule encode_all:
    input:
        IMAGE_ENCODINGS,
        PATCH_ENCODINGS,
        REGION_ENCODINGS,
        TEXT_ENCODINGS,
        VIEWS,


rule caption_all:
    input:
        CAPTIONS,
        SIMILARITIES,


rule joint_all:
    input:
        # Never empty: a target without input is run each time.
        PREPARED,
        JOINT_ENCODERS,
        RATIONALE_LABELS,


rule run_all:
    input:
        TABLES,
        [str(run.folder / "balance.json") for run in SEVERAL_BRANCHES],
