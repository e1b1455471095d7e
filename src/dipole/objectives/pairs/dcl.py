"""DCL: NT-Xent without the positive in the denominator, which small batches need."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import own
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce, unit
from dipole.objectives.pairs.ntxent import other_views
from dipole.objectives.whole_batch import whole_batch

PAPER = "Yeh et al. 2022, Decoupled Contrastive Learning, arXiv 2110.06848"


@register(
    "dcl",
    paper=PAPER,
    system="dcl",
    form="softmax, positive outside the denominator",
    related=("dclw", "ntxent", "infonce"),
)
class DCL(Objective):
    """With z the 2n views of n examples and p(i) the other view of the same example,

        L_i = log sum_{j != i, p(i)} exp(cos(z_i, z_j) / temperature)
              - cos(z_i, z_p(i)) / temperature.

    Returns the mean over the 2n views (`none`: n rows, each the mean of an example's two views).
    An example without any negative is not counted.
    Shapes: anchor, positive (n, d), the two views; ids (n,): examples with equal ids are never
    negatives of each other.

    Example:
        >>> import torch
        >>> DCL(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        -0.2...
    """

    temperature: Temperature = Temperature(0.1)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        first, second = other_views(a, p, ids, t)
        score = own(a, p, temperature=t) * self.weight(a, p)
        return reduce((first + second) / 2 - score, self.reduction, torch.isfinite(first))

    def weight(self, a: Tensor, p: Tensor) -> float | Tensor:
        """What a positive pair of unit vectors weighs."""
        return 1.0


@register(
    "dclw",
    paper=PAPER,
    system="dcl",
    form="softmax, positive outside the denominator, weighted",
    related=("dcl", "ntxent"),
)
class DCLW(DCL):
    """`DCL` in which pairs that are still far apart weigh more: the positive's score times

        w_i = 2 - exp(s_i / sigma) / mean_k exp(s_k / sigma),   s_i = cos(z_i, z_p(i)),

    the mean over all processes. The gradient goes through w, as the equation has it; with `detach`
    w is a constant, as in lightly.

    Example:
        >>> import torch
        >>> DCLW(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        -0.2...
    """

    sigma: Positive = 0.5
    detach: bool = False

    def weight(self, a: Tensor, p: Tensor) -> Tensor:
        """w."""
        score = own(a, p, temperature=self.sigma)
        every = whole_batch(score)
        weight = 2 - len(every) * torch.exp(score - torch.logsumexp(every, 0))
        return weight.detach() if self.detach else weight
