#!/usr/bin/env bash
# Makes the project's environment: envs/install.sh FOLDER. Every version is pinned by the locks beside it.
#
# torch comes first and alone: where pip is set up with a CPU build of it, that build satisfies the pin and
# nothing of CUDA is fetched; elsewhere the index's build comes with what it needs. The rest is installed
# with --no-deps, because the lock is complete and a resolver at work could replace torch.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=$1
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=python3
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || {
    echo "error: $("$python" --version) found, Python 3.11 or 3.12 needed; say which with PYTHON=/path/to/python3.11" >&2
    exit 2
}
[ -x "$target/bin/python" ] || "$python" -m venv "$target"
pip=("$target/bin/python" -m pip --disable-pip-version-check install --quiet --no-input)
"${pip[@]}" -r "$here/torch.lock"
"${pip[@]}" --no-deps -r "$here/weights.lock"
"${pip[@]}" --no-deps -r "$here/requirements.lock"
"${pip[@]}" --no-deps --no-build-isolation --editable "$here/.."
echo "environment ready: $target"
