"""Every rule of the workflow where there is no network: in a namespace whose only interface is down."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from checkout import Checkout, job_counts
from small_digits import small_views, write_digits
from small_media import small_media, write_objects
from small_tagger import TABLE, small_tagger, write_table

# One method for each way through the workflow: a tuned and a frozen text encoder, a frozen image encoder,
# captions, also read in part, a fusion of decisions, a joint encoder with rationales that a tagger made,
# regions of images, two views of digits, two pictures of objects, a transfer.
PROFILE = {
    "name": "offline",
    "threads": 1,
    "demo_tweets": 200,
    "override": {
        "*": {
            "text": {"name": "tiny:bert", "pooling": "mean"},
            "image": {"name": "tiny:conv", "tuned": False, "size": 32},
            "max_tokens": 32,
            "captioner": "demo_prefix",
        },
        **{name: {"training": {"lr": 1e-3, "epochs": 1}} for name in ("text", "image", "concat", "cmb")},
        "concat": {"text": {"tuned": False}, "training": {"lr": 1e-3, "epochs": 1}},
        "lxmert": {
            "lxmert": {"hub": None, "language": "tiny:bert", "relation_layers": 1, "cross_layers": 1},
            "regions": {"detector": "tiny:detr", "boxes": 4, "size": 32, "width": 16},
            "training": {"lr": 1e-3, "epochs": 1},
        },
        "vilt": {"joint": "demo_vilt", "training": {"lr": 1e-3, "epochs": 1}},
        "rationale_transfer": {
            "joint": "demo_vilt",
            "training": {"lr": 1e-3, "epochs": 1},
            "rationales": {"labels": "small_tagger", "hidden": 8},
        },
    },
    "joint_override": {
        "demo_vilt": {
            "patches": {"encoder": "tiny:conv", "size": 32, "patch": 16},
            "max_tokens": 32,
            "transformer": {"width": 16, "layers": 1, "heads": 2},
            "training": {"epochs": 1, "patience": 1, "captions": 1},
        }
    },
    "captioner_override": {
        "demo_prefix": {
            "image": {"encoder": "tiny:conv", "size": 32},
            "training": {"epochs": 1, "vocabulary": 300},
            "scorer": {"epochs": 1},
            "decoding": {"method": "greedy", "candidates": 1, "max_tokens": 8},
        }
    },
    "similarity": {"scorer": "demo_captions", "tasks": {"demo": "humanitarian_all"}},
    "experiments": [
        {
            "dataset": "demo",
            "task": "humanitarian",
            "methods": ["decision_mean", "concat", "cmb", "cmb_text", "lxmert", "rationale_transfer"],
            "seeds": [1],
            "transfers": ["demo_heldout"],
        },
        {
            "dataset": "cg_mnist",
            "task": "sigma_001",
            "methods": ["balance_none"],
            "seeds": [1],
            "override": {"balance_none": {"training": {"epochs": 1}}},
        },
        {
            "dataset": "modelnet40",
            "task": "front_back",
            "methods": ["pair_concat_none"],
            "seeds": [1],
            "override": {
                "pair_concat_none": {
                    "views": {"channels": [3, 3], "augment": "flip"},
                    "training": {"epochs": 1, "batch_size": 12},
                }
            },
        },
    ],
}

# Says which interfaces there are, and whether a server that listens outside the namespace can be reached.
_PROBE = """
import json, socket, sys
from pathlib import Path
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2).close()
    reached = True
except OSError:
    reached = False
lines = Path("/proc/net/dev").read_text().splitlines()[2:]
print(json.dumps({"reached": reached, "interfaces": [line.split(":")[0].strip() for line in lines]}))
"""


def _offline(checkout: Checkout, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where there is no network; also for a user who is not root."""
    empty = checkout.folder / "empty-cache"
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", *command],
        cwd=checkout.folder,
        # No model that this machine happens to have in its cache may help.
        env={**checkout.environment(), "HF_HOME": str(empty), "XDG_CACHE_HOME": str(empty)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_every_rule_runs_without_a_network(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "project", profile="offline")
    (checkout.folder / "config" / "offline.yaml").write_text(yaml.safe_dump(PROFILE))
    source = yaml.safe_dump(small_tagger("affected_individuals"))
    (checkout.folder / "config" / "rationales" / "small_tagger.yaml").write_text(source)
    (checkout.folder / "data" / "raw").mkdir(parents=True)
    write_table(checkout.folder / "data" / "raw" / TABLE)
    write_digits(checkout.folder / "data" / "raw" / "mnist")
    small_views(checkout.folder / "config" / "datasets" / "cg_mnist.yaml")
    write_objects(checkout.folder / "data" / "raw" / "modelnet40", ["bowl", "xbox"], n_train=10)
    small_media(checkout.folder / "config" / "datasets", ["bowl", "xbox"])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        outside = subprocess.run(
            [sys.executable, "-c", _PROBE, port], capture_output=True, text=True, check=True
        )
        assert json.loads(outside.stdout)["reached"], "the probe finds what is there"
        inside = _offline(checkout, sys.executable, "-c", _PROBE, port)
    assert inside.returncode == 0, inside.stderr
    assert json.loads(inside.stdout) == {"reached": False, "interfaces": ["lo"]}

    snakemake = str(Path(sys.executable).parent / "snakemake")
    done = _offline(checkout, snakemake, "--cores", "2", "--configfile", "config/offline.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout.folder / "reports" / "index.html").is_file()
    listed = checkout.call("snakemake", "--list-rules", "--configfile", "config/offline.yaml").stdout.split()
    targets = {"all", "fetch", *(rule for rule in listed if rule.endswith("_all"))}
    ran = job_counts(done.stdout + done.stderr)
    assert set(listed) - targets <= set(ran), "a rule that this profile does not reach"
