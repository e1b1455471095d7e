"""A softmax over classes whose own class has to win by a margin: ArcFace and CosFace."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dipole.declared import Count, NotNegative, Positive
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import one_against, reduce, unit


class ClassVectors(Objective):
    """A learnt vector w_c for each class, of which objectives of labels are made."""

    classes: Count
    dim: Count
    temperature: Positive = 1 / 64
    seed: int = 0

    def make(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        self.weights = nn.Parameter(unit(torch.randn(self.classes, self.dim, generator=generator)))

    def cosines(self, anchor: Tensor, labels: Tensor) -> Tensor:
        """cos(a_i, w_c), (n, C).

        Raises InputError where labels are not 0 to C - 1, as the part `classes` makes them.
        """
        check(weights=self.weights, anchor=anchor, shapes={"weights": "c d"})
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise InputError(
                f"labels: found {int(labels.min())} to {int(labels.max())}, expected 0 to "
                f"{self.classes - 1} (--part classes numbers the classes of your data)"
            )
        a = unit(anchor)
        return a @ unit(self.weights).to(a.dtype).T


class _MarginSoftmax(ClassVectors):
    """A softmax over classes; `harder` is the margin."""

    margin: NotNegative = 0.0

    def forward(self, anchor: Tensor, labels: Tensor) -> Tensor:
        cosines = self.cosines(anchor, labels)
        own = cosines.gather(1, labels[:, None])[:, 0]
        rest = cosines.scatter(1, labels[:, None], -torch.inf) / self.temperature
        return reduce(
            one_against(self.harder(own) / self.temperature, rest.logsumexp(1)), self.reduction
        )

    def harder(self, cosine: Tensor) -> Tensor:
        """The cosine of the own class as it counts."""
        raise NotImplementedError


@register(
    "arcface",
    paper="Deng et al. 2019, ArcFace: Additive Angular Margin Loss for Deep Face Recognition, "
    "arXiv 1801.07698",
    system="arcface",
    form="softmax over classes, a margin of the angle",
    related=("cosface", "logit-adjusted", "proxy-anchor"),
    executors=(),
)
class ArcFace(_MarginSoftmax):
    """With theta_ic the angle between a_i and the learnt vector w_c of class c, and y_i its class,

        l_ic = cos(theta_ic) / temperature,   l_iy = cos(theta_iy + margin) / temperature
        L_i  = log sum_c exp l_ic - l_iy.

    Where theta + margin is beyond 180 degrees the own cosine is cos(theta) - margin sin(margin), as
    in the authors' code, so that a smaller angle is always better. Defaults: the paper's scale of
    64 and 0.5 radians (pytorch-metric-learning says 28.6 degrees).
    Shapes: anchor (n, d), d = `dim`; labels (n,), 0 to `classes` - 1 (part `classes` numbers them).

    Example:
        >>> objective = ArcFace(classes=3, dim=8)
        >>> objective(torch.randn(4, 8), torch.tensor([0, 0, 1, 2])).shape
        torch.Size([])
    """

    margin: NotNegative = 0.5

    def harder(self, cosine: Tensor) -> Tensor:
        """cos(theta + margin) = cos(theta) cos(margin) - sin(theta) sin(margin)."""
        inside = cosine.clamp(-1, 1)
        squared = 1 - inside.square()
        some = squared > 0  # at the ends the root has no gradient
        sine = squared.where(some, 1).sqrt().where(some, 0)
        turned = inside * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = inside < math.cos(math.pi - self.margin)
        return torch.where(beyond, inside - self.margin * math.sin(self.margin), turned)


@register(
    "cosface",
    paper="Wang et al. 2018, CosFace: Large Margin Cosine Loss for Deep Face Recognition, "
    "arXiv 1801.09414",
    system="cosface",
    form="softmax over classes, a margin of the cosine",
    related=("arcface", "logit-adjusted", "proxy-anchor"),
    executors=(),
)
class CosFace(_MarginSoftmax):
    """With the learnt vector w_c of class c, and y_i the class of a_i,

        l_ic = cos(a_i, w_c) / temperature,   l_iy = (cos(a_i, w_y) - margin) / temperature
        L_i  = log sum_c exp l_ic - l_iy.

    Defaults: the paper's scale of 64 and margin of 0.35.
    Shapes: anchor (n, d), d = `dim`; labels (n,), 0 to `classes` - 1 (part `classes` numbers them).

    Example:
        >>> objective = CosFace(classes=3, dim=8)
        >>> objective(torch.randn(4, 8), torch.tensor([0, 0, 1, 2])).shape
        torch.Size([])
    """

    margin: NotNegative = 0.35

    def harder(self, cosine: Tensor) -> Tensor:
        """cos(theta) - margin."""
        return cosine - self.margin
