"""SupCon: every other view of the same class is a positive."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dipole.kernels import count, lse, pairs, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.labelled import labelled
from dipole.objectives.maths import one_against


@register(
    "supcon",
    paper="Khosla et al. 2020, Supervised Contrastive Learning, arXiv 2004.11362",
    system="supcon",
    form="softmax, several positives",
    related=("ntxent", "infonce"),
)
class SupCon(Objective):
    """With s_ij = cos(z_i, z_j) / temperature over all views z and P(i) the others of i's class,

        out:  L_i = log sum_{j != i} exp s_ij - 1/|P(i)| sum_{p in P(i)} s_ip
        in:   L_i = log sum_{j != i} exp s_ij - log( 1/|P(i)| sum_{p in P(i)} exp s_ip ).

    Without `labels` every example is its own class. A view without positives is not counted; the
    authors' code counts it as 0, and multiplies the loss by temperature / base_temperature, which
    their equation does not have.
    Shapes: views (v, n, d), v views of n examples; labels (n,); ids (n,): examples with equal ids
    are never negatives of each other, whatever their labels. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(4)[:, None].expand(4, 2, 4).reshape(8, 4)
        >>> SupCon(temperature=0.5)(z[None], labels=torch.arange(8) // 2).item()
        0.5...
    """

    temperature: Temperature = Temperature(0.1)
    variant: Literal["out", "in"] = "out"

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        friends = batch.positive
        asked = [lse(mask=batch.negative), lse(mask=friends), count(friends)]
        if self.variant == "out":
            asked.append(total(mask=friends))
        found = pairs(batch.rows, batch.columns, temperature=self.temperature(), row=asked)
        far, near, size, *hit = found.row
        counted, size = size > 0, size.clamp(min=1)
        near = torch.where(counted, near, 0)
        # The positives' log-sum-exp, less their mean: nothing for one positive, whose small
        # gradient would drown in the rounding of 1 - 1.
        spread = torch.where(size > 1, near - hit[0] / size, 0) if hit else size.log()
        return batch.reduce(one_against(near, far) + spread, self.reduction, counted)
