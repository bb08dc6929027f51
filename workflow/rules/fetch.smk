# Needs: a network. Makes: nothing that the workflow tracks; it brings what the profile needs to this machine.
# Asked for by name, `snakemake fetch`, where there is internet; no part of a bare `snakemake`.


localrules:
    fetch,


rule fetch:
    log:
        "logs/fetch.log",
    conda:
        "../../envs/environment.yaml"
    params:
        accepted=accepted_licences(),
    message:
        "Fetch what {profile_file} needs from outside"
    shell:
        "crisisweave fetch {params.accepted} 2>&1 | tee {log}"
