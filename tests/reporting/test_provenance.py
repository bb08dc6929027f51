"""The page that says where every number comes from."""

from typing import Any

from crisisweave.encoders.packages import MINILM_WEIGHTS
from crisisweave.reporting.provenance import provenance_page

REVISION = "0" * 40


def run(method: str, seed: int, **changed: object) -> dict[str, Any]:
    return {
        "dataset": "demo",
        "task": "harm",
        "target": "",
        "method": method,
        "seed": seed,
        "versions": {"python": "3.11"},
        "device": "cpu",
        "threads": 1,
        "command": f"CRISISWEAVE_PROFILE=config/my.yaml crisisweave train --method {method} --seed {seed}",
        "config_sha256": "c" * 64,
        "data_sha256": "d" * 64,
        "energy_assumes": {"watts_per_core": 12.0},
        "wall_s": 10.0,
        "peak_memory_mb": 100 + seed,
        "energy_wh": 0.5,
        **changed,
    }


def values(*runs: dict[str, Any], configs: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    nothing = {"text": None, "image": None, "captioning": None, "joint_encoder": None}
    details = [{"method": m, "config": {**nothing, **config}} for m, config in (configs or {}).items()]
    return dict(provenance_page({"runs": runs, "provenance": runs}, details).values)


def test_the_command_that_makes_the_numbers_again_names_every_profile() -> None:
    other = run("b", 1, command="CRISISWEAVE_DATA=x CRISISWEAVE_PROFILE=config/own.yaml crisisweave train")
    assert values(run("a", 1), run("a", 2), other)["profiles"] == ["config/my.yaml", "config/own.yaml"]
    assert values(run("a", 1, command="crisisweave train --method a"))["profiles"] == []
    assert values(run("a", 1, command=None))["profiles"] == []


def test_sums_hold_all_runs_or_nothing() -> None:
    whole = values(run("a", 1), run("a", 2))
    assert whole["totals"] == {"wall_s": 20.0, "energy_wh": 1.0}
    assert whole["most_memory"] == 102
    assert values(run("a", 1), run("a", 2, energy_wh=None))["totals"] == {"wall_s": 20.0, "energy_wh": None}


def test_scores_on_a_transfer_target_cost_nothing() -> None:
    transferred = {**run("a", 1), "target": "elsewhere", "wall_s": 999.0}
    page = provenance_page({"runs": [run("a", 1), transferred], "provenance": [run("a", 1)]}, [])
    assert page.values["totals"]["wall_s"] == 10.0


def test_versions_devices_and_data_are_said_once() -> None:
    page = values(
        run("a", 1), run("a", 2), run("b", 1, versions={"python": "3.11", "torch": "2"}, device="cuda")
    )
    assert page["environments"] == {
        "names": ["python", "torch"],
        "sets": [({"python": "3.11", "torch": "2"}, 1), ({"python": "3.11"}, 2)],
    }
    assert page["devices"] == [("cpu", 1, 2), ("cuda", 1, 1)]
    assert page["energy"] == [{"watts_per_core": 12.0}]
    [data] = page["data"]
    assert (data["sha256"], data["methods"]) == ("d" * 64, ["a", "b"])


def test_weights_are_named_with_what_pins_them() -> None:
    published = {
        "name": "cc",
        "image": {"encoder": "open_clip:ViT-B-32/openai"},
        "generator": None,
        "published": {
            "checkpoint": {"file": "clipcap/x.pt", "sha256": None},
            "tokenizer": {"file": "gpt2/tokenizer.json", "sha256": "e" * 64},
        },
        "scorer": {"kind": "clip", "weights": {"file": "clip.safetensors", "sha256": "f" * 64}},
    }
    page = values(
        run("a", 1),
        configs={
            "text": {"text": {"name": "package:minilm"}},
            "cmb": {"text": {"name": "package:minilm"}, "captioning": published},
            "vit": {"image": {"name": f"hub:some/vit@{REVISION}"}},
            "small": {
                "joint_encoder": {
                    "hub": None,
                    "patches": {"encoder": "package:efficientnet_lite0"},
                    "transformer": {"words": "package:minilm"},
                }
            },
            "vilt": {
                "joint_encoder": {
                    "hub": {"repository": "some/vilt", "revision": REVISION},
                    "patches": {"encoder": None},
                    "transformer": None,
                }
            },
            "fused": {},
        },
    )
    by_name = {row["name"]: row for row in page["weights"]}
    assert set(by_name) == {
        "package:minilm", "package:efficientnet_lite0", "open_clip:ViT-B-32/openai", "captioner cc",
        f"hub:some/vit@{REVISION}", f"hub:some/vilt@{REVISION}",
    }  # fmt: skip
    assert by_name["package:minilm"]["methods"] == ["cmb", "small", "text"]
    assert MINILM_WEIGHTS.sha256 in [sha256 for _, sha256 in by_name["package:minilm"]["files"]]
    assert by_name["captioner cc"]["files"] == [
        ("clipcap/x.pt", None),
        ("gpt2/tokenizer.json", "e" * 64),
        ("clip.safetensors", "f" * 64),
    ]
