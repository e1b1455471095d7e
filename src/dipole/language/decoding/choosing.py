"""From scores to a token: the highest, or one drawn by temperature, top-k and top-p."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Choice:
    """How a token is chosen among scores.

    Args:
        temperature: scores are divided by it; 0: the highest is taken, and nothing is drawn.
        top_k: draw among so many of the most probable; not given: among all.
        top_p: draw among the fewest whose probabilities add up to it.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0

    def __call__(self, scores: Tensor, draws: Tensor) -> Tensor:
        """Tokens (n,) by scores (n, vocabulary) and a number in [0, 1) for each row.

        The tokens stand by their probability, the most probable first, and the draw is where in
        their sum one falls.
        """
        if self.temperature == 0:
            return scores.argmax(-1)
        sums, order = self.sums(scores)
        wanted = draws.to(sums)[:, None] * sums[:, -1:]
        place = torch.searchsorted(sums, wanted, right=True).clamp(max=sums.shape[-1] - 1)
        return order.gather(1, place).squeeze(1)

    def sums(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Running sums (float64) of the probabilities that are left, the largest first, and which
        token each is."""
        probs, order = (scores.double() / self.temperature).softmax(-1).sort(-1, descending=True)
        if self.top_k is not None and self.top_k < probs.shape[-1]:
            probs[:, self.top_k :] = 0
            probs /= probs.sum(-1, keepdim=True)
        sums = probs.cumsum(-1)
        if self.top_p < 1:  # the one that reaches top_p stays, and always the first
            probs[:, 1:][sums[:, :-1] >= self.top_p] = 0
            sums = probs.cumsum(-1)
        return sums, order


GREEDY = Choice()
