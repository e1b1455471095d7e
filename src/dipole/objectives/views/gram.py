"""GRAM: the modalities of one thing span a small volume, those of different things a large one."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Share
from dipole.kernels import Score, candidates, count, diagonal, lse, pairs, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import root
from dipole.objectives.maths import as_relation, one_against, others, reduce, unit
from dipole.objectives.views.multi_view import check_several


@register(
    "gram",
    paper="Cicchetti et al. 2024, Gramian Multimodal Representation Learning and Alignment, "
    "arXiv 2412.11959",
    system="gram",
    form="softmax over volumes",
    related=("infonce", "modalities"),
)
class GRAM(Objective):
    """With a_i the first modality of example i, B_j the others of example j, all of length 1,

        V_ij = sqrt(det G(a_i, B_j)),  G the matrix of all dot products of the v vectors
        L    = (CE_i(-V_i: / temperature, i) + CE_j(-V_:j / temperature, j)) / 2

    with label smoothing in both. V is 0 as soon as two vectors of a bundle coincide, whatever
    the anchor is, and blind to signs: start from towers that were trained with cosines.
    Where V is exactly 0 its slope is infinite: there it gets no gradient. The paper's matching
    head, a cross-encoder beside this loss, is not part of it. The temperature is learnt unless
    `learn_temperature=False`.
    Shapes: views (v, n, d), v >= 2 modalities; ids (n,): equal ids never meet, save for i = j.

    Example:
        >>> import torch
        >>> views = torch.stack([torch.eye(4), torch.eye(4)])
        >>> GRAM(0.01, label_smoothing=0)(views).item() < 1e-6
        True
    """

    temperature: Temperature = Temperature(0.07)
    learn_temperature: bool = True
    label_smoothing: Share = 0.1

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        a, *bundle = unit(views)
        mask = candidates(as_relation(None, ids))
        asked = [lse(mask=others(ids)), total(mask=diagonal()), total(mask=mask), count(mask)]
        found = pairs(
            a,
            _span(bundle),
            score=_volume(),
            temperature=self.temperature(),
            row=asked,
            column=asked,
        )

        def loss(rest: Tensor, own: Tensor, spread: Tensor, size: Tensor) -> Tensor:
            """One direction."""
            smooth = self.label_smoothing * (own - spread / size)
            return reduce(one_against(own, rest) + smooth, self.reduction)

        return (loss(*found.row) + loss(*found.column)) / 2


def _span(bundle: list[Tensor]) -> list[Tensor]:
    """An orthonormal basis (n, k, d) of every bundle, and its volume (n,), by Gram-Schmidt."""
    basis: list[Tensor] = []
    volume = torch.ones_like(bundle[0][:, 0])
    for x in bundle:
        for _ in range(2):  # the second time removes what the first left by rounding
            for q in basis:
                x = x - (x * q).sum(1, keepdim=True) * q
        volume = volume * torch.linalg.vector_norm(x, dim=1)
        basis.append(unit(x))
    return [torch.stack(basis, 1), volume]


def _volume() -> Score:
    """-V_ij = -(volume of the bundle) (distance of a_i from its span)."""

    def tile(a: Tensor, basis: Tensor, base: Tensor) -> Tensor:
        m, k, d = basis.shape
        inside = (a @ basis.reshape(m * k, d).T).view(len(a), m, k).square().sum(2)
        return -base * root(a.square().sum(1)[:, None] - inside)

    return Score(tile)
