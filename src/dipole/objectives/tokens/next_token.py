"""The likelihood of a text: how well each token is foreseen by those before it."""

from __future__ import annotations

from torch import Tensor

from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.preferences.answers import token_mean


@register(
    "next-token",
    paper="Bengio et al. 2003, A Neural Probabilistic Language Model, JMLR 3",
    system="next-token",
    form="mean of negative log-probabilities",
    related=("token-contrast", "sft"),
    rows=False,
    executors=(),
)
class NextToken(Objective):
    """Over the tokens x_it of the texts of a batch that are foreseen, all but the first of each, or
    with a prompt those of the answer,

        L = - sum_i sum_t log p(x_it | x_i1 ... x_i,t-1) / how many:

    one mean over the tokens of all texts, so a long text counts more; its exponential is the
    perplexity. 0 where no token is foreseen.
    Shapes: anchor_logps (n, t), log p of each token; anchor_foreseen (n, t), which tokens count. A
    language model gives both (`lm:FOLDER`).

    Example:
        >>> import torch
        >>> logps = torch.tensor([[0.0, -1.0, -3.0], [0.0, -2.0, 0.0]])
        >>> foreseen = torch.tensor([[False, True, True], [False, True, False]])
        >>> NextToken()(logps, foreseen).item()
        2.0
    """

    def forward(self, anchor_logps: Tensor, anchor_foreseen: Tensor) -> Tensor:
        sums = wide(anchor_logps).masked_fill(~anchor_foreseen, 0).sum(1)
        return -token_mean(sums, anchor_foreseen.sum(1))
