"""GISTEmbed: a guide says which texts of a batch are no negatives."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from dipole.declared import NotNegative
from dipole.kernels import Mask, lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unit, unlike


@register(
    "gist",
    paper="Solatorio 2024, GISTEmbed: Guided In-sample Selection of Training Negatives for Text "
    "Embedding Fine-tuning, arXiv 2402.16829",
    system="gist",
    form="softmax, negatives chosen by a guide",
    related=("dclr", "gte", "infonce"),
)
class GIST(Objective):
    """With s(x, y) = cos(x, y) / temperature, and g(x, y) the cosine that the guide gives a pair,

        keeps(x, y) = g(x, y) <= g(a_i, p_i) - margin
        Z_i = sum_{j != i} exp s(a_i, p_j) + sum_{j != i} exp s(a_i, a_j)
              + sum_{j != i} exp s(p_i, p_j) + sum_k exp s(a_i, n_k),    over pairs that it keeps
        L_i = log( exp s(a_i, p_i) + Z_i ) - s(a_i, p_i).

    A text that the guide finds closer than the pair itself is no negative. The guide is a `teacher`
    (`--part teacher:model=MODEL`).
    Shapes: anchor, positive (n, d); teacher_anchor, teacher_positive (n, e); negative (m, d) and
    teacher_negative (m, e), without which all of them are kept; ids (n,), negative_ids (m,): equal
    ids are never negatives.

    Example:
        >>> import torch
        >>> x = torch.eye(4)
        >>> GIST(temperature=0.5)(x, x, x, x).item()
        0.7...
        >>> GIST(temperature=0.5, margin=0.1)(x, x, torch.ones(4, 4), torch.ones(4, 4)).item()
        0.0
    """

    shapes: ClassVar = {
        "teacher_anchor": "n e",
        "teacher_positive": "n e",
        "teacher_negative": "m e",
    }
    temperature: Temperature = Temperature(0.01)
    margin: NotNegative = 0.0

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        teacher_anchor: Tensor,
        teacher_positive: Tensor,
        negative: Tensor | None = None,
        teacher_negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        g_a, g_p = unit(teacher_anchor).detach(), unit(teacher_positive).detach()
        most = own(g_a, g_p) - self.margin
        blocks = [
            *_block(a, p, g_a, g_p, most, others(ids), t),
            *_block(a, a, g_a, g_a, most, others(ids), t),
            *_block(p, p, g_p, g_p, most, others(ids), t),
        ]
        if negative is not None:
            g_n = None if teacher_negative is None else unit(teacher_negative).detach()
            mask = unlike(ids, negative_ids)
            blocks += _block(a, unit(negative), g_a, g_n, most, mask, t)
        return reduce(one_against(own(a, p, temperature=t), log_add(*blocks)), self.reduction)


def _block(
    x: Tensor,
    y: Tensor,
    guide_x: Tensor,
    guide_y: Tensor | None,
    most: Tensor,
    mask: list[Mask],
    temperature: float | Tensor,
) -> list[Tensor]:
    """log sum_j exp s(x_i, y_j) over what the guide keeps, (n,)."""
    if guide_y is not None:
        keeps = Mask(lambda _, g, most, h: g @ h.mT <= most, row=(guide_x, most), column=guide_y)
        mask = [*mask, keeps]
    return list(pairs(x, y, temperature=temperature, row=[lse(mask=mask)]).row)
