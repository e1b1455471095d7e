"""Supervised fine-tuning: the likelihood of the best answer, without any contrast."""

from __future__ import annotations

from torch import Tensor

from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.preferences.answers import token_mean


@register(
    "sft",
    paper="Ouyang et al. 2022, Training language models to follow instructions with human "
    "feedback, arXiv 2203.02155",
    system="sft",
    form="mean of negative log-probabilities",
    related=("next-token", "cpo", "orpo"),
    rows=False,
    executors=(),
)
class SFT(Objective):
    """Of the best answer y_i1 to each prompt, the others left alone,

        L = - sum_i log pi(y_i1 | x_i) / sum_i |y_i1|:

    one mean over the tokens of these answers, the likelihood that is in `cpo` and `orpo`. Tokens of
    prompts do not count, nor does a prompt whose only answer is rated 0, a bad one.
    Shapes: logps, lengths (n, k), sums over the tokens of an answer and their numbers, the best
    answer first; ratings, answer_mask (n, k).

    Example:
        >>> import torch
        >>> SFT()(torch.tensor([[-6.0, -9.0]]), torch.tensor([[3, 4]])).item()
        2.0
    """

    def forward(
        self,
        logps: Tensor,
        lengths: Tensor,
        ratings: Tensor | None = None,
        answer_mask: Tensor | None = None,
    ) -> Tensor:
        best, tokens = wide(logps[:, 0]), lengths[:, 0]
        if ratings is not None:
            others = logps.shape[1] - 1 if answer_mask is None else answer_mask[:, 1:].sum(1)
            good = (ratings[:, 0] > 0) | (others > 0)
            best, tokens = best.where(good, 0), tokens * good
        return -token_mean(best, tokens)
