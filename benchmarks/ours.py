"""The same objectives by dipole."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.data import Batch, made
from dipole import objectives
from dipole.kernels import Weight, count, lse, pairs, total
from dipole.kernels.settings import using


def infonce(batch: Batch, temperature: float) -> Tensor:
    return made(objectives.InfoNCE, temperature)(batch.anchor, batch.positive)


def infonce_bf16(batch: Batch, temperature: float) -> Tensor:
    """The setting holds where the loss is built; its backward pass remembers it."""
    with using(bf16=True):
        return infonce(batch, temperature)


def ntxent(batch: Batch, temperature: float) -> Tensor:
    return made(objectives.NTXent, temperature)(batch.anchor, batch.positive)


def dcl(batch: Batch, temperature: float) -> Tensor:
    return made(objectives.DCL, temperature)(batch.anchor, batch.positive)


def supcon(batch: Batch, temperature: float) -> Tensor:
    return made(objectives.SupCon, temperature)(batch.anchor[None], labels=batch.labels)


def sigmoid(batch: Batch, temperature: float, bias: float) -> Tensor:
    """Temperature and bias are not learnt, as nobody else here learns them."""
    return made(_fixed_sigmoid, temperature, bias)(batch.anchor, batch.positive)


def _fixed_sigmoid(temperature: float, bias: float) -> objectives.Sigmoid:
    return objectives.Sigmoid(temperature, bias, learn=False)


def multi_similarity(batch: Batch) -> Tensor:
    return made(objectives.MultiSimilarity)(batch.anchor[None], labels=batch.labels)


def mv_dhel(batch: Batch, temperature: float) -> Tensor:
    views = torch.stack([batch.anchor, batch.positive])
    return made(objectives.MVDHEL, temperature)(views)


def soft_targets(batch: Batch, temperature: float) -> Tensor:
    """The teacher's weights as a function of two vectors; what they sum to cancels out."""
    a, p = F.normalize(batch.anchor), F.normalize(batch.positive)
    teacher = F.normalize(batch.anchor.detach()[:, :32])
    weight = Weight(lambda s, x, y: x @ y.T + 1, row=teacher, column=teacher)
    everything, pull, mass = pairs(
        a, p, temperature=temperature, row=[lse(), total(weight=weight), count(weight=weight)]
    ).row
    return (everything - pull / mass).mean()
