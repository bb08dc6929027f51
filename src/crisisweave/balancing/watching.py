"""Reading and replacing what a method's branches give, without the method knowing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def watched(
    branches: Sequence[nn.Module], replace: Sequence[Tensor | None] | Sequence[Tensor] | None = None
) -> Iterator[list[Tensor]]:
    """While it lasts, the list holds what each branch last gave (before any replacement), one entry a branch.

    Args:
        branches: the branches of modality 0, 1, …
        replace: for each branch None, or vectors (B, d) or (d,) that the rest of the method gets instead; a
            mask (B,) of booleans keeps the rows where it is true and makes the others zero.
    """
    seen: list[Tensor] = [Tensor() for _ in branches]

    def hook(modality: int, given: Tensor | None):  # type: ignore[no-untyped-def]
        def remember(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
            seen[modality] = output
            if given is None:
                return output
            if given.dtype.is_floating_point:
                return given.to(output).expand_as(output)
            return output * given.view(-1, *[1] * (output.ndim - 1))

        return remember

    given = replace if replace is not None else [None] * len(branches)
    handles = [branch.register_forward_hook(hook(m, given[m])) for m, branch in enumerate(branches)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def one_each(outputs: Sequence[Tensor]) -> list[Tensor]:
    """One vector a row (B, d) from what branches gave: sequences (B, L, d) become their mean."""
    return [z.mean(dim=1) if z.ndim == 3 else z for z in outputs]


@contextmanager
def reads_of(module: nn.Module) -> Iterator[list[Tensor]]:
    """While it lasts, the one entry of the list is what the module was last given."""
    seen: list[Tensor] = [Tensor()]

    def remember(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen[0] = inputs[0]

    handle = module.register_forward_pre_hook(remember)
    try:
        yield seen
    finally:
        handle.remove()
