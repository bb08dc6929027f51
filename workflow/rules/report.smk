# Needs: the tables, and what describes each data set.
# Makes: the HTML report.


rule report:
    input:
        unpack(report_inputs),
    output:
        index="reports/index.html",
        pages=directory("reports/pages"),
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        made_from=made_from("report", config=report_config),
    message:
        "Render the report"
    shell:
        "crisisweave report > {log} 2>&1"
