#!/usr/bin/env bash
# Fills the active conda environment from the locks. Run from the project's root, as Snakemake does.
# Snakemake makes the environment anew when this file changes; lock.sh writes the locks' digest here for that:
# locks e94475737c57c4f5
set -euo pipefail
bash envs/install.sh "${CONDA_PREFIX:?activate the environment of envs/environment.yaml first}"
