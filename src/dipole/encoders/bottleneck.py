"""Bottleneck adapters: a small map beside the identity after a layer's two large maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.errors import InputError

# How the last map of a layer's attention and of its feed-forward part end, by architecture.
ATTENTION: tuple[str, ...] = ("attention.output.dense", "attention.out_lin", "attention.attn.o")
ATTENTION += ("attn.Wo", "self_attn.o_proj", "self_attn.out_proj")
FEED_FORWARD = ("output.dense", "ffn.lin2", "mlp.down_proj", "mlp.Wo", "fc2")


class Bottleneck(nn.Module):
    """h + U relu(D h + b) + c after a map h = base(x); U and c start at 0: the identity.

    Shapes: (..., d) -> (..., d), D (d / reduction, d).
    Source: Houlsby et al. 2019, arXiv 1902.00751.
    """

    def __init__(self, base: nn.Module, dim: int, reduction: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(dim, max(dim // reduction, 1))
        self.up = nn.Linear(max(dim // reduction, 1), dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The base's output with what the bottleneck adds."""
        h: Tensor = self.base(x)
        return h + self.up(F.relu(self.down(h)))


def without(model: Any, kind: type, inner: Callable[[Any], nn.Module]) -> Any:
    """A model with what is inside every module of a kind in that module's place; in place."""
    for name, module in list(model.named_modules()):
        if isinstance(module, kind):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, inner(module))
    return model


def add_bottlenecks(transformer: Any, *, reduction: int = 16, placement: str = "both") -> Any:
    """Put a `Bottleneck` into every layer, after the attention's output and after the
    feed-forward's ("both"), or after the latter ("feed-forward"); in place."""
    if placement not in ("both", "feed-forward"):
        raise InputError(f"placement: found {placement!r}, expected both or feed-forward")
    if reduction < 1:
        raise InputError(f"reduction: found {reduction}, expected at least 1")
    dim = int(transformer.config.hidden_size)
    chosen = []
    for name, module in transformer.named_modules():
        attends = name.endswith(ATTENTION)
        feeds = name.endswith(FEED_FORWARD) and not attends
        if feeds or (attends and placement == "both"):
            chosen.append((name, module))
    if not chosen:
        raise InputError(
            f"{type(transformer).__name__}: found no maps to put bottlenecks after; expected the "
            "names of BERT, DistilBERT, MPNet, ModernBERT or Llama"
        )
    device = next(transformer.parameters()).device
    for name, module in chosen:
        parent, _, last = name.rpartition(".")
        made = Bottleneck(module, dim, reduction).to(device, torch.float32)
        setattr(transformer.get_submodule(parent), last, made)
    return transformer
