"""Classify: a linear classifier on the vectors, as a term beside a contrast or alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Count
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce


@register(
    "classify",
    paper="the softmax classifier beside a contrast in Sun et al. 2024, Learning High-Quality and "
    "General-Purpose Phrase Representations, arXiv 2401.10407, and Gunel et al. 2020, Supervised "
    "Contrastive Learning for Pre-trained Language Model Fine-tuning, arXiv 2011.01403",
    system="pearl",
    form="softmax over classes, a linear layer",
    related=("logit-adjusted", "supcon", "classify-pair"),
    executors=(),
)
class Classify(Objective):
    """Cross-entropy of a linear layer on every view z_vi of example i,

        L_vi = -log softmax(W z_vi + b)_{y_i}.

    Vectors are taken as they are: give the encoder `normalize=false` if their lengths should count.
    W and b are learnt with the encoder, serve all views, and are not saved with it. The mean is
    over all views; `2 * classify` is the sum of the losses of two views. `dim` and `classes` come
    from the encoder and the data. `seed` draws W.
    Shapes: views (v, n, d), v views of n examples, d = `dim`; labels (n,), 0 to C - 1, as the part
    `classes` numbers them. `none` returns (v, n).

    Example:
        >>> import torch
        >>> objective = Classify(dim=8, classes=3)
        >>> objective(torch.randn(2, 4, 8), torch.tensor([0, 0, 1, 2])).shape
        torch.Size([])
        >>> objective.scores(torch.randn(5, 8)).shape
        torch.Size([5, 3])
    """

    dim: Count = 128
    classes: Count = 10
    seed: int = 0

    def make(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.linear = nn.Linear(self.dim, self.classes)

    def scores(self, vectors: Tensor) -> Tensor:
        """The logits of vectors (..., d), (..., C)."""
        found: Tensor = self.linear(wide(vectors).to(self.linear.weight.dtype))
        return found

    def forward(self, views: Tensor, labels: Tensor) -> Tensor:
        if views.shape[-1] != self.dim:
            raise InputError(
                f"views: found shape {tuple(views.shape)}, expected (v, n, {self.dim})"
            )
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            low, high = int(labels.min()), int(labels.max())
            raise InputError(
                f"labels: found {low} to {high}, expected 0 to {self.classes - 1} (--part classes "
                "numbers the classes of the data)"
            )
        logits = self.scores(views).transpose(1, 2)
        every = labels.expand(len(views), -1)
        return reduce(F.cross_entropy(logits, every, reduction="none"), self.reduction)
