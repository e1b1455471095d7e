"""Mixtures for contrast with a number as label: SupReMix's hard negatives and hard positives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dipole.kernels.draws import for_rows


class Mixtures(NamedTuple):
    """Own lists of the anchors: vectors (n, k, d), labels (n, k); there (n, k): no padding."""

    vectors: Tensor
    labels: Tensor
    there: Tensor


@torch.no_grad()
def mix_negatives(
    anchor: Tensor,
    label: Tensor,
    others: Tensor,
    other_labels: Tensor,
    *,
    most: int,
    concentration: tuple[float, float] = (2.0, 8.0),
    same: float = 0.0,
) -> Mixtures:
    """m = a z_i + (1 - a) z_k for every k with |y_k - y_i| > same, `most` drawn if there are more.

    a ~ Beta(concentration), and the label is a y_i + (1 - a) y_k. Mixtures keep their length.
    Shapes: anchor (n, d), label (n,); others (m, d), other_labels (m,).
    """
    order = torch.argsort(other_labels)
    line = other_labels[order].contiguous()
    low = torch.searchsorted(line, label - same)
    high = torch.searchsorted(line, label + same, right=True)
    pick, there = _choose(len(line) - (high - low), most)
    pick = pick + torch.where(pick >= low[:, None], (high - low)[:, None], 0)
    k = order[pick.clamp(max=len(line) - 1)]
    beta = torch.distributions.Beta(*concentration)
    shares = for_rows(lambda rows: {"a": beta.sample((rows, most))}, len(anchor))["a"]
    a = shares[:, : k.shape[1]].to(anchor)
    labels = a * label[:, None] + (1 - a) * other_labels[k]
    a = a[:, :, None]
    return Mixtures(a * anchor[:, None] + (1 - a) * others[k], labels, there)


@torch.no_grad()
def mix_positives(
    label: Tensor,
    others: Tensor,
    other_labels: Tensor,
    *,
    most: int,
    window: float = torch.inf,
    same: float = 0.0,
) -> Mixtures:
    """m = a z_j + (1 - a) z_k with a = (y_k - y_i) / (y_k - y_j), whose label is y_i.

    For every (j, k) with y_j < y_i < y_k (by more than `same`), both less than `window` away;
    `most` of them drawn if there are more. Shapes: label (n,); others (m, d), other_labels (m,).
    """
    order = torch.argsort(other_labels)
    line = other_labels[order].contiguous()
    # In the order of the labels those below, and those above, are a range each.
    start = torch.searchsorted(line, label - window, right=True)
    below = (torch.searchsorted(line, label - same) - start).clamp(min=0)
    first = torch.searchsorted(line, label + same, right=True)
    above = (torch.searchsorted(line, label + window) - first).clamp(min=0)
    pick, there = _choose(below * above, most)
    wide = above.clamp(min=1)[:, None]
    last = len(line) - 1
    j = order[(start[:, None] + pick // wide).clamp(max=last)]
    k = order[(first[:, None] + pick % wide).clamp(max=last)]
    y_j, y_k, y_i = other_labels[j], other_labels[k], label[:, None]
    a = (y_k - y_i) / torch.where(there, y_k - y_j, 1)
    a = a[:, :, None]
    return Mixtures(a * others[j] + (1 - a) * others[k], y_i.expand(k.shape), there)


def _choose(sizes: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """(n, k) numbers below each row's size: all of them, or `most` drawn if there are more."""
    width = min(most, int(sizes.max()))
    every = torch.arange(width, device=sizes.device)
    # As many as there may be: on another process the widest row is another one.
    found = for_rows(lambda rows: {"u": torch.rand(rows, most, dtype=torch.float64)}, len(sizes))
    drawn = found["u"][:, :width].to(sizes.device)
    drawn = (drawn * sizes[:, None]).long().clamp(max=(sizes[:, None] - 1).clamp(min=0))
    pick = torch.where(sizes[:, None] > most, drawn, every)
    there = every < sizes[:, None]
    return torch.where(there, pick, 0), there
