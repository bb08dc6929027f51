#!/usr/bin/env bash
# Renews requirements.lock from requirements.in and constraints.in: envs/lock.sh (needs uv and the index).
# torch and what only its CUDA build brings stay out: torch.lock installs them (see install.sh).
set -euo pipefail
cd "$(dirname "$0")"
left_out=(
    torch torchvision triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti
    nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand
    nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink
    nvidia-nvshmem-cu13 nvidia-nvtx
)
uv pip compile requirements.in --constraints constraints.in --python-version 3.11 --generate-hashes \
    --no-annotate --no-header --output-file requirements.lock "${left_out[@]/#/--no-emit-package=}"
