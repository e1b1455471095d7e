"""Hydra: any two classes may be a positive pair, seen through the dimensions they share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Count
from dipole.errors import InputError
from dipole.kernels import Modifier, count, different, lse, pairs, same, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, one_against, reduce, unit
from dipole.objectives.sets.gml import check_classes


@register(
    "hydra",
    paper="Wu et al. 2024, Rethinking Positive Pairs in Contrastive Learning, arXiv 2410.18200",
    system="hydra",
    form="softmax in the sub-space of a pair of classes",
    related=("infonce", "supcon"),
)
class Hydra(Objective):
    """With the gate g_i in (0, 1)^d of pair i's two classes, * by dimension,

        s_ij = cos(g_i * a_i, g_i * p_j) / temperature
        L_i  = sum_{j in P(i)} ( log( exp s_ij + sum_{k in N(i)} exp s_ik ) - s_ij ) / mean |P|,

    P(i) the batch's positives of the class that i's own positive has, N(i) those whose class is
    neither of pair i's: so the mean is over all pairs of an anchor and one of P(i), as in the
    authors' code (there a_i and p_j are the same vectors). The gated cosine is (g_i^2 a_i) . z over
    the root of g_i^2 . z^2: two matrix products on a tile.
    Shapes: anchor, positive (n, d); labels, positive_labels (n,), their classes.

    The gate is learnt; `gated=False` is the control, without any. Gates can die:
    `objective.gate(y, y').exp().mean()` should stay away from 0. Use the encoder's vectors without
    gates afterwards; the likeness of gates is a map of the classes.

    Example:
        >>> import torch
        >>> objective = Hydra(classes=4, dim=8)
        >>> y, other = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 3])
        >>> objective(torch.randn(4, 8), torch.randn(4, 8), y, other).shape
        torch.Size([])
    """

    classes: Count = 10
    dim: Count = 128
    temperature: Temperature = Temperature(0.1)
    label_dim: Count = 64
    gated: bool = True
    seed: int = 0

    def make(self) -> None:
        sizes = self.classes, self.dim, self.label_dim
        self.gate = Gate(*sizes, self.seed) if self.gated else None

    def forward(
        self, anchor: Tensor, positive: Tensor, labels: Tensor, positive_labels: Tensor
    ) -> Tensor:
        a, p = unit(anchor), unit(positive)
        gate = torch.ones_like(a)
        if self.gate is not None:
            if anchor.shape[1] != self.dim:
                raise InputError(
                    f"anchor: found shape {tuple(anchor.shape)}, expected (n, {self.dim})"
                )
            # A common factor of a gate means nothing to a cosine: the largest of its numbers is 1.
            log_gate = self.gate(labels, positive_labels).to(a.dtype)
            gate = torch.exp(log_gate - log_gate.amax(1, keepdim=True))
        t, row, square = self.temperature(), unit(a * gate) * gate, gate.square()

        def gated(score: Tensor, square: Tensor, z: Tensor) -> Tensor:
            """Dot products over lengths; a vector of which nothing is left scores 0."""
            length = square @ z.T
            return score * length.masked_fill(length == 0, 1).rsqrt()

        cosine = Modifier(gated, row=square, column=p.square())
        ours = same(positive_labels)
        far = [different(labels, positive_labels), different(positive_labels)]
        asked = [lse(mod=cosine, mask=far), count(ours)]
        rest, size = pairs(row, p, temperature=t, row=asked).row
        miss = Modifier(lambda score, rest: one_against(score, rest), row=rest)
        (missed,) = pairs(row, p, temperature=t, row=[total([cosine, miss], mask=ours)]).row
        return reduce(missed / everywhere(size).mean(), self.reduction)


class Gate(nn.Module):
    """log g(y, y') = log sigmoid(MLP((e(y) + e(y')) / 2)), symmetric in the two classes.

    `seed` draws the first weights, so that every process starts with the same.
    """

    def __init__(self, classes: int, dim: int, label_dim: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(classes, label_dim)
            self.mlp = nn.Sequential(
                nn.Linear(label_dim, label_dim), nn.ReLU(), nn.Linear(label_dim, dim)
            )
        self.classes = classes

    def forward(self, labels: Tensor, positive_labels: Tensor) -> Tensor:
        check_classes("labels", labels, self.classes)
        check_classes("positive_labels", positive_labels, self.classes)
        mean = (self.embedding(labels) + self.embedding(positive_labels)) / 2
        return F.logsigmoid(self.mlp(mean))
