"""Double backward outside the dense executor: a clear error instead of a wrong number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dipole.errors import InputError


def once(grads: Sequence[Tensor | None], sources: Sequence[Tensor | None]) -> list[Tensor | None]:
    """`grads`, computed from `sources`; whoever differentiates them again is told what to do."""
    live = [t for t in sources if t is not None and t.requires_grad]
    if not torch.is_grad_enabled() or not live:
        return list(grads)
    return [None if g is None else _Refuse.apply(g, *live) for g in grads]


class _Refuse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, grad: Tensor, *sources: Tensor) -> Tensor:
        return grad.view_as(grad)

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        raise InputError(
            "pairs: a second derivative was asked of an executor that streams tiles; "
            "expected executor='dense'"
        )
