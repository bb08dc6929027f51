"""What a run cost, also where it took more than one process."""

from __future__ import annotations

import pytest
import torch

from crisisweave.files import read_json
from crisisweave.training import loop, record
from crisisweave.training.record import Meter
from crisisweave.training.train import train
from toy import TRAINING, Toy, tiny_method


class _Clock:
    """Wall and processor time that go only when told to."""

    def __init__(self) -> None:
        self.wall, self.cpu = 1000.0, 70.0

    def monotonic(self) -> float:
        return self.wall

    def process_time(self) -> float:
        return self.cpu


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(record, "time", clock)
    return clock


def test_a_step_in_one_process_costs_what_it_took(clock: _Clock) -> None:
    meter = Meter()
    clock.wall, clock.cpu = clock.wall + 30, clock.cpu + 60
    found = meter.record("cpu")
    # 60 s of one core at 12 W are 0.2 Wh.
    assert (found["wall_s"], found["cpu_s"], found["energy_wh"], found["resumed"]) == (30, 60, 0.2, False)


def test_a_resumed_step_costs_what_all_its_processes_took(clock: _Clock) -> None:
    first = Meter()
    clock.wall, clock.cpu = clock.wall + 30, clock.cpu + 60
    stored = first.spent()
    # A new process, later and with its own processor time.
    clock.wall, clock.cpu = 9000.0, 5.0
    second = Meter()
    second.resume(stored)
    clock.wall, clock.cpu = clock.wall + 6, clock.cpu + 12
    assert second.spent() == {"wall_s": 36, "cpu_s": 72}
    found = second.record("some GPU")
    # 72 s of a core at 12 W and 36 s of a GPU at 350 W.
    assert (found["wall_s"], found["cpu_s"], found["resumed"]) == (36, 72, True)
    assert found["energy_wh"] == round((72 * 12 + 36 * 350) / 3600, 4) == 3.74


def test_a_run_that_goes_on_from_a_checkpoint_adds_its_cost(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = toy.run(tiny_method("text", training={**TRAINING, "epochs": 2}))
    folder, checkpoints = toy.root / "run", toy.root / "checkpoints"

    class Killed(BaseException):
        pass

    def kill(self: loop._Run) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop._Run, "close_epoch", kill)
        train(run, toy.sources, folder, checkpoint_every=0, checkpoint_folder=checkpoints)
    (file,) = checkpoints.glob("*/state.pt")
    state = torch.load(file, weights_only=True)
    assert state["spent"]["cpu_s"] > 0
    state["spent"] = {"wall_s": 20_000.0, "cpu_s": 10_000.0}
    torch.save(state, file)
    train(run, toy.sources, folder, checkpoint_folder=checkpoints)
    found = read_json(folder / "run.json")
    assert found["resumed"] is True
    assert 20_000 < found["wall_s"] < 21_000
    assert 10_000 < found["cpu_s"] < 11_000
