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
    """Over all tokens x_it of the texts of a batch but the first of each,

        L = - sum_i sum_{t > 1} log p(x_it | x_i1 ... x_i,t-1) / sum_i (n_i - 1):

    one mean over the tokens of all texts, so a long text counts more. A text of a single token does
    not count. Its exponential is the perplexity.
    Shapes: anchor_logps (n, t), log p of each token, the first and padding 0; anchor_mask (n, t),
    which tokens are there. A language model gives both (`lm:FOLDER`).

    Example:
        >>> import torch
        >>> logps = torch.tensor([[0.0, -1.0, -3.0], [0.0, -2.0, 0.0]])
        >>> there = torch.tensor([[True, True, True], [True, True, False]])
        >>> NextToken()(logps, there).item()
        2.0
    """

    def forward(self, anchor_logps: Tensor, anchor_mask: Tensor) -> Tensor:
        own = anchor_mask[:, 1:]
        sums = wide(anchor_logps[:, 1:]).masked_fill(~own, 0).sum(1)
        return -token_mean(sums, own.sum(1))
