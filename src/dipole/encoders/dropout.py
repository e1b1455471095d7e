"""Dropout on a CPU for what its random numbers are worth: four from each draw, in every model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from dipole.encoders.base import Features
from dipole.views.dropout import DROPOUT

# A draw has 64 bits, an element takes 16 of them: the probability is a multiple of 2^-16.
_LEVELS = 2**16
# Where torch's functions are given a probability: by which name, at which place.
_RATES: dict[Any, tuple[str, int]] = {
    F.dropout: ("p", 1), F.scaled_dot_product_attention: ("dropout_p", 4),
}  # fmt: skip


def rate_of(features: Features) -> float | None:
    """The share that a view of these features asks to drop; None: what the encoder has."""
    return float(features[DROPOUT].flatten()[0]) if DROPOUT in features else None


class CheapDropout(TorchFunctionMode):
    """Inside, dropout and attention with dropout draw a quarter of the random numbers.

        y_i = x_i b_i / (1 - p),   b_i = 1 with probability 1 - p, rounded to 2^-16

    torch draws one number per element on one thread, which is a seventh of a training step of a
    small transformer. The numbers are torch's generator's, so seeds, checkpoints and recomputation
    replay them. Attention is softmax(q k' / sqrt(d) + mask) v with the products in the precision
    that surrounds it; a row that may look at nothing is not meant (its softmax is NaN).

    rate: the p of every dropout inside, that of attention too, if not the module's own.
    """

    def __init__(self, rate: float | None = None) -> None:
        super().__init__()
        self.rate = rate

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """The function, or its stand-in where that gives the same."""
        kwargs = kwargs or {}
        if self.rate is not None and func in _RATES:
            name, place = _RATES[func]
            if len(args) > place:
                args = (*args[:place], self.rate, *args[place + 1 :])
            else:
                kwargs = kwargs | {name: self.rate}
        if func is F.dropout:
            return dropout(*args, **kwargs)
        if func is F.scaled_dot_product_attention and _is_plain(*args, **kwargs):
            return attention(*args, **kwargs)
        return func(*args, **kwargs)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """As `torch.nn.functional.dropout`."""
    if not training or p == 0 or inplace or input.device.type != "cpu":
        return F.dropout(input, p, training, inplace)
    kept, scale = keep(input.shape, p, input.dtype)
    return input * kept * scale


def keep(shape: torch.Size, p: float, dtype: torch.dtype) -> tuple[Tensor, float]:
    """(1 for what stays and 0 for the rest, what is multiplied by so that the mean is the same)."""
    stay = round((1 - p) * _LEVELS)
    draws = torch.empty((shape.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    # `le`, as 2^15 itself is no int16
    stays = draws.view(torch.int16)[: shape.numel()] <= stay - _LEVELS // 2 - 1
    # a factor of the input's type: one of another type is converted at every product
    return stays.view(shape).to(dtype), _LEVELS / stay if stay else 0.0


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    scale: float | None = None,
    **_: Any,
) -> Tensor:
    """As `torch.nn.functional.scaled_dot_product_attention`, its dropout by `keep`."""
    query = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    scores = query @ key.transpose(-2, -1)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    weights = scores.softmax(-1)
    kept, more = keep(weights.shape, dropout_p, weights.dtype)
    return (weights * kept) @ (value * more)


def _is_plain(
    query: Tensor, *_: Any, dropout_p: float = 0.0, is_causal: bool = False, **kwargs: Any
) -> bool:
    """Whether `attention` means the same: on a CPU, with dropout, every place open to every one."""
    grouped = kwargs.get("enable_gqa", False)
    return query.device.type == "cpu" and dropout_p > 0 and not is_causal and not grouped
