"""MACL: the temperature follows the model's alignment, and easy anchors keep their gradient."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, log_add, others, reduce, unit


def macl(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    alpha: float = 0.5,
    threshold: float = 0.0,
    one_way: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """With A the mean cosine of the batch's positive pairs and p(i) the other view of an example,

        tau = temperature (1 + alpha (A - threshold))                             (A detached)
        P_i = exp(cos(z_i, z_p(i)) / tau) / sum_{j != i} exp(cos(z_i, z_j) / tau)
        L_i = - log P_i / (1 - P_i)                                       (1 - P_i detached)

    over the 2n views z, as in NT-Xent (`none`: n rows, each the mean of an example's two views),
    which is what the authors' scripts for images give their loss; `one_way` is what those for
    sentences and for MoCo give it: the anchors alone, against the positives alone.
    The gradient is that of DCL at temperature tau. An example without any negative is not counted.
    The paper's settings: images 0.1, 0.5, 0; sentences 0.05, 2, 0.8 (temperature, alpha,
    threshold). An InputError says so where tau would not be above 0.
    Shapes: anchor, positive (n, d), the two views; ids (n,): examples with equal ids are never
    negatives of each other.
    """
    check(anchor=anchor, positive=positive, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    tau = temperature * (1 + alpha * (everywhere(own(a, p)).mean() - threshold))
    if tau <= 0:
        raise InputError(
            f"alpha: found {alpha} and threshold {threshold}, expected values that keep the "
            f"temperature above 0 (it is {float(tau):.4g})"
        )
    negatives, score = lse(mask=others(ids)), own(a, p, temperature=tau)
    if one_way:
        (rest,) = pairs(a, p, temperature=tau, row=[negatives]).row
        counted = torch.isfinite(rest)
        return reduce(_reweighted(torch.where(counted, rest - score, 0)), reduction, counted)
    block = pairs(a, p, temperature=tau, row=[negatives], column=[negatives])
    first = log_add(block.row[0], *pairs(a, a, temperature=tau, row=[negatives]).row)
    second = log_add(block.column[0], *pairs(p, p, temperature=tau, row=[negatives]).row)
    counted = torch.isfinite(first)
    rows = [_reweighted(torch.where(counted, x - score, 0)) for x in (first, second)]
    return reduce((rows[0] + rows[1]) / 2, reduction, counted)


def _reweighted(x: Tensor) -> Tensor:
    """-log P / (1 - P) for x = log (1 - P) / P.

    -log P = softplus(x) and 1 - P = sigmoid(x), so the gradient is 1; below -40 the value is 1 to
    the last digit.
    """
    at = x.detach()
    value = F.softplus(at.clamp(min=-40)) * (1 + torch.exp(-at.clamp(min=-40)))
    return x + (value - at)


@register(
    "macl",
    paper="Huang et al. 2022, Model-Aware Contrastive Learning: Towards Escaping the Dilemmas, "
    "arXiv 2207.07874",
    system="macl",
    form="softmax, adaptive temperature, detached weight per row",
    related=("dcl", "ntxent"),
)
class MACL(Objective):
    """`macl` with its settings; `temperature` is the one at alignment `threshold`.

    Example:
        >>> import torch
        >>> MACL(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        1.5...
    """

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        alpha: float = 0.5,
        threshold: float = 0.0,
        one_way: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)
        self.alpha = alpha
        self.threshold = threshold
        self.one_way = one_way

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `macl`."""
        return macl(
            anchor,
            positive,
            ids,
            temperature=self.temperature(),
            alpha=self.alpha,
            threshold=self.threshold,
            one_way=self.one_way,
            reduction=self.reduction,
        )
