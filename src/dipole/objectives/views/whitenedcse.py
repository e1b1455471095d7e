"""WhitenedCSE: shuffled group whitening makes the views, InfoNCE compares them."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor, nn

from dipole.errors import InputError
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.dimensions.whitening import group_whiten
from dipole.objectives.pairs.infonce import infonce


def whitenedcse(
    views: Tensor,
    permutations: Tensor,
    ids: Tensor | None = None,
    *,
    groups: int = 128,
    temperature: float | Tensor = 0.05,
    epsilon: float = 1e-5,
    through: bool = False,
    head: nn.Module | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """With w_k view k, its dimensions permuted, whitened in groups over the batch and put back, and
    then sent through the `head`, if there is one,

        L_i = sum_{k > 1} [ log sum_j exp(cos(w_1i, w_kj) / temperature)
                            - cos(w_1i, w_ki) / temperature ].

    Each view has its own permutation. The whitening is a constant for the gradient, as in the
    authors' code, unless it goes `through` it; `epsilon` is added to the eigenvalues (formula; the
    authors' code has none, a difference of about 1e-5). Every view is whitened alone, as in the
    paper. The authors' code means to, but cuts rows that are interleaved by view into thirds by
    their place, so that what it whitens together are all views of a third of the sentences.
    Groups of well under n dimensions; 128 groups are those of 768 dimensions.
    Shapes: views (v, n, d), v of 2 or more, d a multiple of `groups`; permutations (v, d);
    ids (n,): equal ids are never negatives.
    """
    check(views=views, ids=ids, temperature=temperature)
    if len(views) < 2:
        raise InputError(f"views: found {len(views)} views, expected 2 or more")
    if views.shape[2] % groups:
        raise InputError(
            f"views: found shape {tuple(views.shape)}, expected d a multiple of {groups} groups"
        )
    white = (
        group_whiten(wide(view), groups, order, epsilon=epsilon, through=through)
        for view, order in zip(views, permutations, strict=True)
    )
    first, *rest = white if head is None else map(head, white)
    losses = [
        infonce(first, view, ids=ids, temperature=temperature, symmetric=False, reduction=reduction)
        for view in rest
    ]
    return torch.stack(losses).sum(0)


@register(
    "whitenedcse",
    paper="Zhuo et al. 2023, WhitenedCSE: Whitening-based Contrastive Learning of Sentence "
    "Embeddings, arXiv 2305.17746",
    system="whitenedcse",
    form="softmax after whitening",
    related=("infonce", "w-mse"),
)
class WhitenedCSE(Objective):
    """`whitenedcse` with permutations of its own, new in every training step.

    They depend on `seed` and on the number of steps, which is saved with the objective, and so are
    the same on every process and after a resumption. In `eval()` the steps stand still.

    Given `dim`, the dimension of the vectors, a learnt layer and tanh stand behind the whitening,
    as in the authors' code: the encoder then needs no head of its own, whose place would be before
    it. Like theirs it serves the training alone.

    Example:
        >>> import torch
        >>> WhitenedCSE(groups=2)(torch.randn(3, 16, 8)).shape
        torch.Size([])
    """

    steps: Tensor

    def __init__(
        self,
        groups: int = 128,
        temperature: float = 0.05,
        epsilon: float = 1e-5,
        through: bool = False,
        dim: int | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if groups < 1:
            raise InputError(f"groups: found {groups}, expected at least 1")
        self.groups = groups
        self.temperature = Temperature(temperature)
        self.epsilon = epsilon
        self.through = through
        self.dim = dim
        self.seed = seed
        self.head = None if dim is None else _layer(dim, seed)
        self.register_buffer("steps", torch.tensor(0))

    def permutations(self, views: int, dim: int) -> Tensor:
        """Those of this step, (views, dim)."""
        generator = torch.Generator().manual_seed((self.seed << 32) + int(self.steps))
        return torch.stack([torch.randperm(dim, generator=generator) for _ in range(views)])

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `whitenedcse`."""
        check(views=views, ids=ids)
        if self.dim is not None and views.shape[2] != self.dim:
            raise InputError(
                f"views: found shape {tuple(views.shape)}, expected (v, n, {self.dim})"
            )
        orders = self.permutations(len(views), views.shape[2]).to(views.device)
        loss = whitenedcse(
            views,
            orders,
            ids,
            groups=self.groups,
            temperature=self.temperature(),
            epsilon=self.epsilon,
            through=self.through,
            head=self.head,
            reduction=self.reduction,
        )
        if self.training:
            self.steps += 1
        return loss


def _layer(dim: int, seed: int) -> nn.Module:
    """tanh(W x + b), the same weights on every process."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(dim, dim), nn.Tanh())
