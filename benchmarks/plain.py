"""The objectives as one writes them in plain torch: the whole matrix, autograd for the rest."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.data import Batch


def infonce(batch: Batch, temperature: float) -> Tensor:
    """Cross-entropy in both directions."""
    scores = F.normalize(batch.anchor) @ F.normalize(batch.positive).T / temperature
    target = torch.arange(len(scores))
    return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2


def linear_cross_entropy(batch: Batch, temperature: float) -> Tensor:
    """torch's chunked cross-entropy, called twice."""
    a, p = F.normalize(batch.anchor), F.normalize(batch.positive)
    target, options = torch.arange(len(a)), torch.nn.LinearCrossEntropyOptions()
    there = F.linear_cross_entropy(a / temperature, p, target, options=options)
    back = F.linear_cross_entropy(p / temperature, a, target, options=options)
    return (there + back) / 2


def ntxent(batch: Batch, temperature: float) -> Tensor:
    """Cross-entropy over 2n views, oneself left out."""
    n = len(batch.anchor)
    z = F.normalize(torch.cat([batch.anchor, batch.positive]))
    scores = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(scores, torch.arange(2 * n).roll(n))


def dcl(batch: Batch, temperature: float) -> Tensor:
    """NT-Xent with the positive left out of the denominator."""
    n = len(batch.anchor)
    z = F.normalize(torch.cat([batch.anchor, batch.positive]))
    scores = z @ z.T / temperature
    own = scores.diagonal(n)
    out = torch.eye(n, dtype=torch.bool).repeat(2, 2)
    return scores.masked_fill(out, -torch.inf).logsumexp(1).mean() - own.mean()


def supcon(batch: Batch, temperature: float) -> Tensor:
    """Mean log-probability of one's class, oneself left out."""
    z = F.normalize(batch.anchor)
    scores = z @ z.T / temperature
    itself = torch.eye(len(z), dtype=torch.bool)
    near = (batch.labels[:, None] == batch.labels) & ~itself
    log_z = scores.masked_fill(itself, -torch.inf).logsumexp(1)
    return (log_z - (scores * near).sum(1) / near.sum(1)).mean()


def sigmoid(batch: Batch, temperature: float, bias: float) -> Tensor:
    """A yes-or-no question per pair."""
    scores = F.normalize(batch.anchor) @ F.normalize(batch.positive).T / temperature + bias
    sign = 2 * torch.eye(len(scores)) - 1
    return -F.logsigmoid(sign * scores).sum() / len(scores)


def multi_similarity(batch: Batch) -> Tensor:
    """Mined with epsilon = 0.1; alpha = 2, beta = 50, lambda = 0.5."""
    z = F.normalize(batch.anchor)
    scores = z @ z.T
    itself = torch.eye(len(z), dtype=torch.bool)
    same = batch.labels[:, None] == batch.labels
    near, far = same & ~itself, ~same
    with torch.no_grad():
        easiest = scores.masked_fill(~near, torch.inf).amin(1, keepdim=True)
        hardest = scores.masked_fill(~far, -torch.inf).amax(1, keepdim=True)
        near &= scores < hardest + 0.1
        far &= scores > easiest - 0.1
    pull = (-2 * (scores - 0.5)).masked_fill(~near, -torch.inf).logsumexp(1)
    push = (50 * (scores - 0.5)).masked_fill(~far, -torch.inf).logsumexp(1)
    rows = F.softplus(pull) / 2 + F.softplus(push) / 50
    return torch.where(near.any(1) & far.any(1), rows, 0).mean()


def mv_dhel(batch: Batch, temperature: float) -> Tensor:
    """Two views, each spread out over its own cloud."""
    a, p = F.normalize(batch.anchor), F.normalize(batch.positive)
    out = torch.eye(len(a), dtype=torch.bool)
    spread = [(z @ z.T / temperature).masked_fill(out, -torch.inf).logsumexp(1) for z in (a, p)]
    return (spread[0] + spread[1] - (a * p).sum(1) / temperature).mean()


def soft_targets(batch: Batch, temperature: float) -> Tensor:
    """Cross-entropy against the rows of a teacher's similarities, one direction."""
    a, p = F.normalize(batch.anchor), F.normalize(batch.positive)
    teacher = F.normalize(batch.anchor.detach()[:, :32])
    weight = (teacher @ teacher.T + 1) / 2
    return F.cross_entropy(a @ p.T / temperature, weight / weight.sum(1, keepdim=True))
