"""LARS: a learning rate for every layer, for very large batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor


class LARS(torch.optim.Optimizer):
    """Momentum SGD whose step in a layer is in proportion to the size of the layer's weights:

        v <- m v + lr  eta ||w|| / (||g|| + b ||w||)  (g + b w),    w <- w - v

    with the weight decay b. Vectors and scalars (biases, normalisation) have neither decay nor a
    rate of their own, as in SimCLR; nor has a layer whose weights or gradient are all zero.

    Sources: You, Gitman and Ginsburg 2017, Large Batch Training of Convolutional Networks, arXiv
    1708.03888; the weights left out, eta and momentum: Chen et al. 2020, SimCLR, arXiv 2002.05709.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        *,
        momentum: float = 0.9,
        eta: float = 0.001,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum: found {momentum}; expected a number from 0 to below 1")
        if eta <= 0:
            raise ValueError(f"eta: found {eta}; expected a number above 0")
        settings = {"momentum": momentum, "eta": eta, "nesterov": nesterov}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay} | settings)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step; weights without a gradient stay as they are."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        gradient, decay = weight.grad, group["weight_decay"]
        assert gradient is not None
        rate: float | Tensor = group["lr"]
        if weight.ndim > 1:
            size, slope = _norm(weight), _norm(gradient)
            ratio = group["eta"] * size / (slope + decay * size)
            rate = rate * torch.where((size > 0) & (slope > 0), ratio, torch.ones_like(ratio))
            gradient = gradient + decay * weight
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        step = gradient * rate
        velocity = state["momentum"].mul_(group["momentum"]).add_(step)
        weight.sub_(step + group["momentum"] * velocity if group["nesterov"] else velocity)


def _norm(x: Tensor) -> Tensor:
    """The length of a tensor, of all of it where processes have parts."""
    found = torch.linalg.vector_norm(x, dtype=torch.promote_types(x.dtype, torch.float32))
    return found.full_tensor() if isinstance(found, DTensor) else found
