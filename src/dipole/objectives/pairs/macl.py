"""MACL: the temperature follows the model's alignment, and easy anchors keep their gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, others, reduce, unit
from dipole.objectives.pairs.ntxent import other_views


@register(
    "macl",
    paper="Huang et al. 2022, Model-Aware Contrastive Learning: Towards Escaping the Dilemmas, "
    "arXiv 2207.07874",
    system="macl",
    form="softmax, adaptive temperature, detached weight per row",
    related=("dcl", "ntxent"),
)
class MACL(Objective):
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

    Example:
        >>> import torch
        >>> MACL(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        1.5...
    """

    temperature: Temperature = Temperature(0.1)
    alpha: float = 0.5
    threshold: float = 0.0
    one_way: bool = False

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        a, p = unit(anchor), unit(positive)
        alignment = everywhere(own(a, p)).mean()
        tau = self.temperature() * (1 + self.alpha * (alignment - self.threshold))
        if tau <= 0:
            raise InputError(
                f"alpha: found {self.alpha} and threshold {self.threshold}, expected values that "
                f"keep the temperature above 0 (it is {float(tau):.4g})"
            )
        if self.one_way:
            rest = pairs(a, p, temperature=tau, row=[lse(mask=others(ids))]).row
        else:
            rest = other_views(a, p, ids, tau)
        score, counted = own(a, p, temperature=tau), torch.isfinite(rest[0])
        rows = [_reweighted(torch.where(counted, x - score, 0)) for x in rest]
        return reduce(torch.stack(rows).mean(0), self.reduction, counted)


def _reweighted(x: Tensor) -> Tensor:
    """-log P / (1 - P) for x = log (1 - P) / P.

    -log P = softplus(x) and 1 - P = sigmoid(x), so the gradient is 1; below -40 the value is 1 to
    the last digit.
    """
    at = x.detach()
    value = F.softplus(at.clamp(min=-40)) * (1 + torch.exp(-at.clamp(min=-40)))
    return x + (value - at)
