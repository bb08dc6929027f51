#!/usr/bin/env bash
# Makes the project's environment, every version pinned by the locks beside it:
#
#     envs/install.sh FOLDER                torch without CUDA
#     TORCH=cuda envs/install.sh FOLDER     torch with CUDA (Linux x86_64; several GB)
#
# FOLDER is an environment that exists (venv, conda) or where a new venv is made. Everything is installed with
# --no-deps: the locks are complete, and a resolver at work could replace torch.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=$1
python=${PYTHON:-python3.11}
[ ! -x "$target/bin/python" ] || python=$target/bin/python
command -v "$python" >/dev/null || python=python3
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || {
    echo "error: $("$python" --version) found, Python 3.11 or 3.12 needed; say which with PYTHON=/path/to/python3.11" >&2
    exit 2
}
build=${TORCH:-cpu}
[[ $build == cpu || $build == cuda ]] || {
    echo "error: TORCH=$build is no build of torch; say TORCH=cpu (the default) or TORCH=cuda" >&2
    exit 2
}
[[ $build == cpu || $(uname -sm) == "Linux x86_64" ]] || {
    echo "error: TORCH=cuda is locked for Linux x86_64, this is $(uname -sm); use TORCH=cpu" >&2
    exit 2
}
[ -x "$target/bin/python" ] || "$python" -m venv "$target"
pip=("$target/bin/python" -m pip --disable-pip-version-check install --quiet --no-input)

if [[ $build == cuda ]]; then
    "${pip[@]}" --no-deps -r "$here/torch-cuda.lock"
# Where pip is told of a place with CPU builds, that is enough; elsewhere they come from PyTorch's own index.
elif ! refusal=$("${pip[@]}" --no-deps -r "$here/torch-cpu.lock" 2>&1); then
    "${pip[@]}" --no-deps -r "$here/torch-cpu.lock" --index-url https://download.pytorch.org/whl/cpu || {
        echo "$refusal" >&2
        echo "error: neither pip's own index nor PyTorch's gave the CPU build that torch-cpu.lock names (see above)" >&2
        exit 1
    }
fi
"${pip[@]}" --no-deps -r "$here/weights.lock"
"${pip[@]}" --no-deps -r "$here/requirements.lock"
"${pip[@]}" --no-deps --no-build-isolation --editable "$here/.."
echo "environment ready: $target (torch: $build)"
