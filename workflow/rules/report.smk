# Needs: the tables, and what describes each data set.
# Makes: the HTML report.


def report_inputs(name):
    """A file of each data set of the profile: what the report says of the data."""
    prepared = [
        f"data/prepared/{dataset}/{task}/{name}"
        for dataset in PROFILE.datasets()
        for task in PROFILE.tasks_of(dataset)
    ]
    return prepared


def with_images():
    """Data sets whose images are looked at."""
    return [d for d in PROFILE.datasets() if "image" in PROFILE.dataset(d).modalities]


rule report:
    input:
        tables="results/tables",
        instances=report_inputs("instances.parquet"),
        descriptions=report_inputs("dataset.json"),
        audits=expand("data/audit/{dataset}/audit.json", dataset=PROFILE.datasets()),
        images=expand("data/images/{dataset}/images.json", dataset=with_images()),
        captions=[
            f"data/captions/{dataset}/{captioner}/captions.json"
            for dataset in PROFILE.datasets()
            for captioner in PROFILE.captioners_of(dataset)
        ],
        ceilings=[
            f"data/raw/{PROFILE.dataset(dataset).folder}/truth/ceilings.json"
            for dataset in PROFILE.datasets()
            if PROFILE.dataset(dataset).generated
        ],
    output:
        index="reports/index.html",
        data=expand("reports/data-{dataset}.html", dataset=PROFILE.datasets()),
        style="reports/style.css",
        tables=directory("reports/tables"),
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        version=STEP_VERSIONS["report"],
        redistributable={
            d: PROFILE.dataset(d).redistributable for d in PROFILE.datasets()
        },
    message:
        "Render the report"
    shell:
        "crisisweave report --profile {profile_file} > {log} 2>&1"
