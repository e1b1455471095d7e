"""WhitenedCSE: shuffled group whitening makes the views, InfoNCE compares them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dipole.declared import Count, NotNegative
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.dimensions.whitening import group_whiten
from dipole.objectives.pairs.infonce import infonce
from dipole.objectives.views.multi_view import check_several


@register(
    "whitenedcse",
    paper="Zhuo et al. 2023, WhitenedCSE: Whitening-based Contrastive Learning of Sentence "
    "Embeddings, arXiv 2305.17746",
    system="whitenedcse",
    form="softmax after whitening",
    related=("infonce", "w-mse"),
)
class WhitenedCSE(Objective):
    """With w_k view k, its dimensions permuted, whitened in groups over the batch and put back,

        L_i = sum_{k > 1} [ log sum_j exp(cos(w_1i, w_kj) / temperature)
                            - cos(w_1i, w_ki) / temperature ].

    Each view has its own permutation, new in every training step. They depend on `seed` and on the
    number of steps, which is saved with the objective, and so are the same on every process and
    after a resumption. In `eval()` the steps stand still.

    The whitening is a constant for the gradient, as in the authors' code, unless it goes `through`
    it; `epsilon` is added to the eigenvalues (formula; the authors' code has none, a difference of
    about 1e-5). Every view is whitened alone, as in the paper. The authors' code means to, but
    cuts rows that are interleaved by view into thirds by their place, so that what it whitens
    together are all views of a third of the sentences.
    Groups of well under n dimensions; 128 groups are those of 768 dimensions, and None the groups
    of as many (6 at most) where there are other dimensions.

    Given `dim`, the dimension of the vectors, a learnt layer and tanh stand behind the whitening,
    as in the authors' code: the encoder then needs no head of its own, whose place would be before
    it. Like theirs it serves the training alone.
    Shapes: views (v, n, d), v of 2 or more, d a multiple of `groups`; ids (n,): equal ids are
    never negatives.

    Example:
        >>> import torch
        >>> WhitenedCSE(groups=2)(torch.randn(3, 16, 8)).shape
        torch.Size([])
    """

    groups: Count | None = 128
    temperature: Temperature = Temperature(0.05)
    epsilon: NotNegative = 1e-5
    through: bool = False
    dim: Count | None = None
    seed: int = 0

    def make(self) -> None:
        self.head = nn.Identity() if self.dim is None else _layer(self.dim, self.seed)
        self.steps: Tensor = nn.Buffer(torch.tensor(0))

    def permutations(self, views: int, dim: int) -> Tensor:
        """Those of this step, (views, dim)."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + int(self.steps))
        return torch.stack([torch.randperm(dim, generator=generator) for _ in range(views)])

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        v, n, d = views.shape
        if self.dim not in (None, d):
            raise InputError(f"views: found shape {(v, n, d)}, expected (v, n, {self.dim})")
        groups = self.groups or _groups(d)
        if d % groups:
            raise InputError(
                f"views: found shape {(v, n, d)}, expected d a multiple of {groups} groups"
            )
        orders = self.permutations(v, d).to(views.device)
        first, *rest = (
            self.head(
                group_whiten(wide(view), groups, order, epsilon=self.epsilon, through=self.through)
            )
            for view, order in zip(views, orders, strict=True)
        )
        t = self.temperature()
        losses = [
            infonce(first, view, ids=ids, temperature=t, symmetric=False, reduction=self.reduction)
            for view in rest
        ]
        if self.training:
            self.steps += 1
        return torch.stack(losses).sum(0)


def _groups(dim: int) -> int:
    """The fewest groups of at most 6 dimensions."""
    return next(groups for groups in range(-(-dim // 6), dim + 1) if dim % groups == 0)


def _layer(dim: int, seed: int) -> nn.Module:
    """tanh(W x + b), the same weights on every process."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(dim, dim), nn.Tanh())
