# The whole workflow: raw files → instances and images → captions → runs → scores → report.
# What is run is said by a profile, one YAML: `snakemake` runs config/default.yaml (the embedded demo),
# `snakemake --configfile config/<other>.yaml` another one.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/needs.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/captions.smk"
include: "workflow/rules/rationales.smk"
include: "workflow/rules/joint.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        "reports/index.html",
