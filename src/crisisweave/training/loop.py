"""The one training loop, for every method.

One epoch: batches in the order of `order.epoch_batches`, cross-entropy, clipped gradients, one optimiser
step each; then the dev rows are scored. The epoch with the best dev score is kept. The loop never sees a
test row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.balancing.layer import Balancer
from crisisweave.balancing.measures import watch_dev
from crisisweave.config.balance import Balance
from crisisweave.config.method import Training
from crisisweave.evaluation.metrics import confusion_counts, summarise
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch
from crisisweave.progress import track
from crisisweave.training.checkpoint import Checkpoints
from crisisweave.training.examples import Examples
from crisisweave.training.optimiser import build_optimiser, scale_at
from crisisweave.training.order import epoch_batches
from crisisweave.training.record import Meter

# Rows per batch when nothing is learned: as fast as larger ones on a CPU, with a quarter of their memory.
SCORING_BATCH = 64


class Outcome(NamedTuple):
    """What training leaves behind: the best epoch's state, and one row of scores per epoch.

    `finished` is what a checkpoint holds of training that is done: loaded, it gives the same outcome.
    """

    state: dict[str, Tensor]
    history: list[dict[str, float]]
    best_epoch: int
    dev_score: float
    finished: dict[str, Any]


def precision(device: torch.device, name: str) -> AbstractContextManager[Any]:
    """The autocast context of a precision."""
    return torch.autocast(device.type, torch.bfloat16) if name == "bf16" else nullcontext()


class Scorable(Protocol):
    """Rows that can be scored: `Examples`, and tweets that belong to no data set."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        """Tokens per row (N,), or None where nothing is tokenised."""

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """The inputs of `rows`."""


def probabilities(model: Classifier, examples: Scorable, device: torch.device) -> NDArray[np.float64]:
    """Class probabilities (N, C) in evaluation mode; the model is left in the mode it was in."""
    was_training = model.training
    model.eval()
    n = len(examples)
    order = np.arange(n) if examples.lengths is None else np.argsort(examples.lengths, kind="stable")
    result: NDArray[np.float64] | None = None
    with torch.inference_mode():
        for start in range(0, n, SCORING_BATCH):
            rows = order[start : start + SCORING_BATCH]
            scores = model(examples.batch(rows).to(device)).double()
            block = torch.softmax(scores, dim=1).cpu().numpy()
            if result is None:
                result = np.empty((n, block.shape[1]))
            result[rows] = block
    model.train(was_training)
    assert result is not None
    return result


def class_weights(labels: NDArray[np.int64], n_classes: int, how: str) -> Tensor | None:
    """Weights of the classes in the loss (C,): None, or n / (C · n_c) over the training rows."""
    if how == "none":
        return None
    counts = np.bincount(labels, minlength=n_classes)
    return torch.tensor(len(labels) / (n_classes * counts), dtype=torch.float32)


class _Run:
    """The state of a training run: what is trained, how far it is, and the best so far."""

    def __init__(
        self,
        model: Classifier,
        train: Examples,
        dev: Examples,
        n_classes: int,
        config: Training,
        seed: int,
        device: torch.device,
        balance: Balance | None,
    ):
        self.model = model.to(device)
        self.train_rows, self.dev_rows = train, dev
        self.n_classes, self.config, self.seed, self.device = n_classes, config, seed, device
        self.optimiser = build_optimiser(model, config)
        self.balancer: Balancer | None = None
        if balance is not None:
            self.balancer = Balancer(model, balance, train.labels, n_classes, seed, device)
            if own := self.balancer.parameters():
                lr = config.lr if config.head_lr is None else config.head_lr
                self.optimiser.add_param_group({"params": own, "lr": lr, "weight_decay": 0.0})
        self.base_lrs = [group["lr"] for group in self.optimiser.param_groups]
        weights = class_weights(train.labels, n_classes, config.class_weights)
        self.weights = None if weights is None else weights.to(device)
        self.trainable = [p for n, p in model.named_parameters() if p.requires_grad and model.learns(n)]
        self.steps_per_epoch = -(-len(train) // config.batch_size)
        self.epoch = 0
        self.step = 0
        self.loss_sum = 0.0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_epoch = -1
        self.best_score = -1.0

    def snapshot(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "history": self.history,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_score": self.best_score,
            "model": self.model.stored_state(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
            "balance": None if self.balancer is None else self.balancer.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.step, self.loss_sum = state["epoch"], state["step"], state["loss_sum"]
        self.history, self.best = state["history"], state["best"]
        self.best_epoch, self.best_score = state["best_epoch"], state["best_score"]
        self.model.load_state_dict(state["model"], strict=False)
        self.optimiser.load_state_dict(state["optimiser"])
        if self.balancer is not None:
            self.balancer.restore(state["balance"])
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state_all(state["random_cuda"])

    def batches(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The epoch's remaining batches with their step numbers."""
        order = epoch_batches(
            len(self.train_rows),
            self.config.batch_size,
            self.train_rows.lengths,
            self.seed,
            self.epoch,
        )
        return iter([(i, rows) for i, rows in enumerate(order) if i >= self.step])

    def learn(self, step: int, rows: NDArray[np.int64]) -> None:
        """One optimiser step on one batch."""
        total = self.epoch * self.steps_per_epoch + step
        scale = scale_at(total, self.config.epochs * self.steps_per_epoch, self.config)
        for group, lr in zip(self.optimiser.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr * scale
        flips = np.random.default_rng([self.seed, self.epoch, step])
        changes = None if self.balancer is None else self.balancer.draw(rows)
        swapped = None if self.balancer is None else self.balancer.read_rows(rows, changes)
        batch = self.train_rows.batch(rows, flips, swapped).to(self.device)
        labels = torch.from_numpy(self.train_rows.labels[rows]).to(self.device)
        with precision(self.device, self.config.precision):
            if self.balancer is None:
                loss = self.model.loss(batch, labels, self.weights)
            else:
                loss = self.balancer.loss(batch, labels, self.weights, changes)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.balancer is not None:
            self.balancer.touch_gradients(batch, labels)
        if self.config.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.trainable, self.config.clip)
        self.optimiser.step()
        self.loss_sum += loss.item() * len(rows)
        self.step = step + 1

    def settle_on_dev(self) -> dict[str, float]:
        """What the method itself settles and measures on dev."""
        n = len(self.dev_rows)
        starts = range(0, n, SCORING_BATCH)
        was_training = self.model.training
        self.model.eval()
        with torch.no_grad():
            batches = (self.dev_rows.batch(np.arange(i, min(i + SCORING_BATCH, n))) for i in starts)
            scores = self.model.settle_on_dev(batch.to(self.device) for batch in batches)
        self.model.train(was_training)
        return scores

    def begin_epoch(self) -> None:
        """Tell the balancer, where there is one, unless the epoch goes on from a checkpoint."""
        if self.balancer is not None and self.step == 0:
            self.balancer.begin_epoch(self.epoch, self.read_train)

    def read_train(self, rows: NDArray[np.int64]) -> Batch:
        """Training rows as they are."""
        return self.train_rows.batch(rows).to(self.device)

    def read_dev(self, rows: NDArray[np.int64]) -> Batch:
        """Dev rows as they are."""
        return self.dev_rows.batch(rows).to(self.device)

    def balance_of_epoch(self) -> dict[str, float]:
        """The history's columns on balance."""
        if self.balancer is None:
            return {}
        columns = self.balancer.close_epoch(len(self.train_rows))
        self.balancer.estimate(self.epoch, self.read_train, self.read_dev, self.dev_rows.labels)
        return {**columns, **watch_dev(self.model, self.balancer, self.read_dev, self.dev_rows.labels)}

    def close_epoch(self) -> None:
        """Score dev, keep the epoch if it is the best, and go on to the next."""
        predicted = probabilities(self.model, self.dev_rows, self.device)
        truth = self.dev_rows.labels
        scores = summarise(confusion_counts(truth, predicted.argmax(axis=1), self.n_classes))
        dev_loss = -np.log(np.clip(predicted[np.arange(len(truth)), truth], 1e-12, None)).mean()
        row = {
            "epoch": self.epoch,
            "train_loss": self.loss_sum / len(self.train_rows),
            "dev_loss": float(dev_loss),
            **{f"dev_{name}": float(scores[name]) for name in ("accuracy", "f1_macro", "f1_weighted")},
        }
        own = self.settle_on_dev()
        score = self.model.dev_score(row[f"dev_{self.config.select_on}"], own)
        row |= {f"dev_{name}": value for name, value in own.items()}
        self.history.append({**row, **self.balance_of_epoch()})
        if score > self.best_score or self.config.keep == "last":
            self.best_score, self.best_epoch = score, self.epoch
            self.best = {k: v.detach().cpu().clone() for k, v in self.model.stored_state().items()}
        self.epoch, self.step, self.loss_sum = self.epoch + 1, 0, 0.0

    def finished(self) -> bool:
        """Whether all epochs are done, or dev has not improved for `patience` of them."""
        stale = self.epoch - 1 - self.best_epoch
        return self.epoch >= self.config.epochs or (self.epoch > 0 and stale >= self.config.patience)


def fit(
    model: Classifier,
    train: Examples,
    dev: Examples,
    n_classes: int,
    config: Training,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints,
    meter: Meter,
    balance: Balance | None = None,
) -> Outcome:
    """Train a method and give back its best epoch on dev.

    Args:
        model: the network; its frozen branches have been fitted.
        train: training rows, all with a label.
        dev: dev rows, all with a label.
        n_classes: size C of the class list.
        config: the loop's settings.
        seed: of the batch order and of dropout (the caller has seeded the generators).
        device: where to train.
        checkpoints: a run that was killed goes on from there and ends with the same numbers.
        meter: of the run; checkpoints carry what it has measured.
        balance: how the modalities are balanced, if they are.
    """
    run = _Run(model, train, dev, n_classes, config, seed, device, balance)
    state = checkpoints.load()
    if state is not None:
        run.restore(state)
        meter.resume(state["spent"])
    while not run.finished():
        model.train()
        run.begin_epoch()
        title = f"epoch {run.epoch + 1}/{config.epochs}"
        for step, rows in track(run.batches(), title, total=run.steps_per_epoch - run.step):
            run.learn(step, rows)
            if checkpoints.due():
                checkpoints.save({**run.snapshot(), "spent": meter.spent()})
        run.close_epoch()
    return Outcome(run.best, run.history, run.best_epoch, run.best_score, run.snapshot())
