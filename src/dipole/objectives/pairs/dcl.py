"""DCL: NT-Xent without the positive in the denominator, which small batches need."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.everyone import everyone
from dipole.objectives.maths import log_add, others, reduce, unit


def dcl(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    sigma: float | None = None,
    detach: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """With z the 2n views of n examples and p(i) the other view of the same example,

        L_i = log sum_{j != i, p(i)} exp(cos(z_i, z_j) / temperature)
              - w_i cos(z_i, z_p(i)) / temperature,

    w_i = 1; or, given `sigma` (DCLW), more weight to pairs that are still far apart:
    w_i = 2 - exp(s_i / sigma) / mean_k exp(s_k / sigma) with s_i = cos(z_i, z_p(i)). The gradient
    goes through w, as the equation has it; with `detach` w is a constant, as in lightly.

    Returns the mean over the 2n views (`none`: n rows, each the mean of an example's two views).
    An example without any negative is not counted.
    Shapes: anchor, positive (n, d), the two views; ids (n,): examples with equal ids are never
    negatives of each other.
    """
    check(anchor=anchor, positive=positive, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    negatives = lse(mask=others(ids))
    block = pairs(a, p, temperature=temperature, row=[negatives], column=[negatives])
    first = log_add(block.row[0], *pairs(a, a, temperature=temperature, row=[negatives]).row)
    second = log_add(block.column[0], *pairs(p, p, temperature=temperature, row=[negatives]).row)
    score = own(a, p, temperature=temperature)
    if sigma is not None:
        weight = _far_weight(own(a, p, temperature=sigma))
        score = score * (weight.detach() if detach else weight)
    return reduce((first + second) / 2 - score, reduction, counted=torch.isfinite(first))


def _far_weight(score: Tensor) -> Tensor:
    """2 - exp(score) / mean exp(score), the mean over all processes."""
    every = everyone(score)
    return 2 - len(every) * torch.exp(score - torch.logsumexp(every, 0))


@register(
    "dcl",
    paper="Yeh et al. 2022, Decoupled Contrastive Learning, arXiv 2110.06848",
    system="dcl",
    form="softmax, positive outside the denominator",
    related=("dclw", "ntxent", "infonce"),
)
class DCL(Objective):
    """`dcl` with its settings.

    Example:
        >>> import torch
        >>> DCL(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        -0.2...
    """

    def __init__(self, temperature: float = 0.1, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `dcl`."""
        return dcl(anchor, positive, ids, temperature=self.temperature(), reduction=self.reduction)


@register(
    "dclw",
    paper="Yeh et al. 2022, Decoupled Contrastive Learning, arXiv 2110.06848",
    system="dcl",
    form="softmax, positive outside the denominator, weighted",
    related=("dcl", "ntxent"),
)
class DCLW(Objective):
    """`dcl` with weighted positives; `detach` takes the weights for constants.

    Example:
        >>> import torch
        >>> DCLW(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        -0.2...
    """

    def __init__(
        self,
        temperature: float = 0.1,
        sigma: float = 0.5,
        *,
        detach: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)
        self.sigma = check_above_zero("sigma", sigma)
        self.detach = detach

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `dcl`."""
        return dcl(
            anchor,
            positive,
            ids,
            temperature=self.temperature(),
            sigma=self.sigma,
            detach=self.detach,
            reduction=self.reduction,
        )
