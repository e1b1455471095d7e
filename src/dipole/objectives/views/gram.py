"""GRAM: the modalities of one thing span a small volume, those of different things a large one."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Score, candidates, count, diagonal, lse, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import root
from dipole.objectives.maths import as_relation, one_against, others, reduce, unit


def gram(
    views: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.07,
    label_smoothing: float = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    """With a_i the first modality of example i, B_j the others of example j, all of length 1,

        V_ij = sqrt(det G(a_i, B_j)),  G the matrix of all dot products of the v vectors
        L    = (CE_i(-V_i: / temperature, i) + CE_j(-V_:j / temperature, j)) / 2

    with label smoothing in both. V is 0 as soon as two vectors of a bundle coincide, whatever
    the anchor is, and blind to signs: start from towers that were trained with cosines.
    Where V is exactly 0 its slope is infinite: there it gets no gradient. The paper's matching
    head, a cross-encoder beside this loss, is not part of it.
    Shapes: views (v, n, d), v >= 2 modalities; ids (n,): equal ids never meet, save for i = j.
    """
    check(views=views, ids=ids, temperature=temperature)
    if len(views) < 2:
        raise InputError(f"views: found {len(views)}, expected 2 modalities or more")
    a, *bundle = unit(views)
    basis, base = _span(bundle)
    mask = candidates(as_relation(None, ids))
    asked = [lse(mask=others(ids)), total(mask=diagonal()), total(mask=mask), count(mask)]
    found = pairs(
        a, [basis, base], score=_volume(), temperature=temperature, row=asked, column=asked
    )

    def loss(rest: Tensor, own: Tensor, spread: Tensor, size: Tensor) -> Tensor:
        """One direction."""
        smooth = label_smoothing * (own - spread / size)
        return reduce(one_against(own, rest) + smooth, reduction)

    return (loss(*found.row) + loss(*found.column)) / 2


def _span(bundle: list[Tensor]) -> tuple[Tensor, Tensor]:
    """An orthonormal basis (n, k, d) of every bundle, and its volume (n,), by Gram-Schmidt."""
    basis: list[Tensor] = []
    volume = torch.ones_like(bundle[0][:, 0])
    for x in bundle:
        for _ in range(2):  # the second time removes what the first left by rounding
            for q in basis:
                x = x - (x * q).sum(1, keepdim=True) * q
        volume = volume * torch.linalg.vector_norm(x, dim=1)
        basis.append(unit(x))
    return torch.stack(basis, 1), volume


def _volume() -> Score:
    """-V_ij = -(volume of the bundle) (distance of a_i from its span)."""

    def tile(a: Tensor, basis: Tensor, base: Tensor) -> Tensor:
        m, k, d = basis.shape
        inside = (a @ basis.reshape(m * k, d).T).view(len(a), m, k).square().sum(2)
        return -base * root(a.square().sum(1)[:, None] - inside)

    return Score(tile)


@register(
    "gram",
    paper="Cicchetti et al. 2024, Gramian Multimodal Representation Learning and Alignment, "
    "arXiv 2412.11959",
    system="gram",
    form="softmax over volumes",
    related=("infonce", "modalities"),
)
class GRAM(Objective):
    """`gram` with its settings; the temperature is learnt unless `learn_temperature=False`.

    Example:
        >>> import torch
        >>> views = torch.stack([torch.eye(4), torch.eye(4)])
        >>> GRAM(0.01, label_smoothing=0)(views).item() < 1e-6
        True
    """

    def __init__(
        self,
        temperature: float = 0.07,
        *,
        learn_temperature: bool = True,
        label_smoothing: float = 0.1,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)
        self.label_smoothing = label_smoothing

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `gram`."""
        return gram(
            views,
            ids,
            temperature=self.temperature(),
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )
