"""Muon for the matrices of a tower, AdamW for all else, as one optimiser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn

from dipole.errors import InputError

# Layers that multiply by a matrix, and what they call it.
_LAYERS = (nn.Linear, nn.MultiheadAttention)
_NAMES = ("weight", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


class Muon(torch.optim.Optimizer):
    """Steps of the matrices of linear layers are momentum made orthogonal (Newton-Schulz); all else
    (vectors, convolutions, embeddings, what is the objective's own) has AdamW's.

    Both have the learning rate and weight decay of the training: `adjust` scales Muon's steps to
    the root mean square of AdamW's. Groups say with `muon` which they are, see `split`.

    Sources: Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks; scaled to
    AdamW: Liu et al. 2025, Muon is Scalable for LLM Training, arXiv 2502.16982.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        steps: int = 5,
        adjust: Literal["match_rms_adamw", "original"] = "match_rms_adamw",
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        # The two see the groups and the state of this one, which is what is saved.
        self._inner: list[tuple[bool, torch.optim.Optimizer]] = []
        if found := self._of(True):
            muon = torch.optim.Muon(
                found, lr=lr, momentum=momentum, nesterov=nesterov, ns_steps=steps,
                adjust_lr_fn=adjust,
            )  # fmt: skip
            self._inner.append((True, muon))
        if found := self._of(False):
            adamw = torch.optim.AdamW(found, lr=lr, betas=betas, eps=eps, fused=True)
            self._inner.append((False, adamw))

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of both."""
        for is_muon, inner in self._inner:
            inner.param_groups, inner.state = self._of(is_muon), self.state
            inner.step()

    def _of(self, is_muon: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group["muon"] is is_muon]


def split(groups: Iterable[dict[str, Any]], towers: nn.Module) -> list[dict[str, Any]]:
    """Every group as two, those of Muon and those of AdamW."""
    mine: set[nn.Parameter] = set()
    for name, module in towers.named_modules():
        if name.startswith("encoder.") and isinstance(module, _LAYERS):
            own = module.named_parameters(recurse=False)
            mine |= {p for name, p in own if name in _NAMES and p.ndim == 2}
    found = []
    for group in groups:
        for is_muon in (True, False):
            if parameters := [p for p in group["params"] if (p in mine) is is_muon]:
                found.append(group | {"params": parameters, "muon": is_muon})
    if not any(group["muon"] for group in found):
        raise InputError(
            "optimizer: found muon, and the encoder has no linear layer to train; expected adamw"
        )
    return found
