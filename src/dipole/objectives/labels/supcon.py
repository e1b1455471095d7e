"""SupCon: every other view of the same class is a positive."""

from __future__ import annotations

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import count, different, lse, off_diagonal, pairs, same, total
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.everyone import positions
from dipole.objectives.maths import one_against, reduce, unit

Variant = Literal["out", "in"]


def supcon(
    views: Tensor,
    labels: Tensor | None = None,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    variant: Variant = "out",
    reduction: Reduction = "mean",
) -> Tensor:
    """With s_ij = cos(z_i, z_j) / temperature over all views z and P(i) the others of i's class,

        out:  L_i = log sum_{j != i} exp s_ij - 1/|P(i)| sum_{p in P(i)} s_ip
        in:   L_i = log sum_{j != i} exp s_ij - log( 1/|P(i)| sum_{p in P(i)} exp s_ip ).

    Without `labels` every example is its own class. A view without positives is not counted; the
    authors' code counts it as 0, and multiplies the loss by temperature / base_temperature, which
    their equation does not have.
    Shapes: views (v, n, d), v views of n examples; labels (n,); ids (n,): examples with equal ids
    are never negatives of each other, whatever their labels. `none` returns (v, n).
    """
    check(views=views, labels=labels, ids=ids, temperature=temperature)
    v, n, _ = views.shape
    z = unit(views.transpose(0, 1).reshape(n * v, -1))
    classes = (positions(n, z.device) if labels is None else labels).repeat_interleave(v)
    positives = [off_diagonal(), same(classes)]
    negatives = [different(classes)]
    if ids is not None:
        negatives.append(different(ids.repeat_interleave(v)))
    asked = [lse(mask=negatives), lse(mask=positives), count(positives)]
    if variant == "out":
        asked.append(total(mask=positives))
    far, near, size, *hit = pairs(z, z, temperature=temperature, row=asked).row
    counted, size = size > 0, size.clamp(min=1)
    near = torch.where(counted, near, 0)
    # The positives' log-sum-exp, less their mean: nothing for one positive, whose small gradient
    # would drown in the rounding of 1 - 1.
    spread = torch.where(size > 1, near - hit[0] / size, 0) if hit else size.log()
    rows = one_against(near, far) + spread
    return reduce(rows.view(n, v).T, reduction, counted.view(n, v).T)


@register(
    "supcon",
    paper="Khosla et al. 2020, Supervised Contrastive Learning, arXiv 2004.11362",
    system="supcon",
    form="softmax, several positives",
    related=("ntxent", "infonce"),
)
class SupCon(Objective):
    """`supcon` with its settings; `variant="in"` puts the mean inside the logarithm.

    Example:
        >>> import torch
        >>> z = torch.eye(4)[:, None].expand(4, 2, 4).reshape(8, 4)
        >>> SupCon(temperature=0.5)(z[None], labels=torch.arange(8) // 2).item()
        0.5...
    """

    def __init__(
        self, temperature: float = 0.1, variant: Variant = "out", **common: Unpack[Common]
    ) -> None:
        super().__init__(**common)
        if variant not in get_args(Variant):
            raise InputError(f"variant: found {variant!r}, expected 'out' or 'in'")
        self.temperature = Temperature(temperature)
        self.variant: Variant = variant

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch; see `supcon`."""
        return supcon(
            views,
            labels,
            ids,
            temperature=self.temperature(),
            variant=self.variant,
            reduction=self.reduction,
        )
