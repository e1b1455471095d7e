"""The states of tokens below the layers that are trained: computed once, read at every step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dipole.encoders.precision import Precision, at_precision

if TYPE_CHECKING:
    from dipole.encoders.transformer_text import TransformerText


class Frozen:
    """States of the tokens of texts after some layers, and the means of some.

    states[i] is (tokens of text i, dim x layers), means (texts, dim x means): side by side.
    """

    @torch.no_grad()
    def __init__(
        self,
        tower: TransformerText,
        texts: Iterable[str],
        *,
        layers: Sequence[int],
        means: Sequence[int] = (),
        dtype: Precision = "auto",
    ) -> None:
        known = list(dict.fromkeys(texts))
        self.tower = tower.eval()  # without dropout
        self.number = {text: i for i, text in enumerate(known)}
        self.states: list[Tensor] = [torch.empty(0)] * len(known)
        self.means = torch.zeros(len(known), tower.dim * len(means))
        for rows, features in tower.batches(known, "document", tower.default_budget()):
            with at_precision(tower.device, dtype):
                found = tower.transformer(**features, output_hidden_states=True)
            hidden = [h.float() for h in found.hidden_states]
            mask = features["attention_mask"]
            for i, row in enumerate(rows):
                kept = [hidden[layer][i, : mask[i].sum()] for layer in layers]
                self.states[row] = torch.cat(kept, 1)
            if means:
                self.means[rows] = torch.cat([mean(hidden[m], mask) for m in means], 1)

    def rows(self, texts: Iterable[str]) -> Tensor:
        """Which text each is."""
        return torch.tensor([self.number[text] for text in texts])

    def states_of(self, rows: Tensor) -> list[Tensor]:
        """The states of some texts."""
        return [self.states[int(i)] for i in rows]


def padded(states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """States as one tensor (n, tokens, dim), and which tokens are there, (n, tokens)."""
    lengths = torch.tensor([len(x) for x in states])[:, None]
    found = nn.utils.rnn.pad_sequence(list(states), batch_first=True)
    return found, torch.arange(found.shape[1])[None] < lengths


def unseen(mask: Tensor) -> Tensor:
    """What attention adds: minus infinity at the tokens that are not there."""
    return torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)[:, None, None, :]


def mean(states: Tensor, mask: Tensor) -> Tensor:
    """Over the tokens that are there: (n, tokens, d) -> (n, d)."""
    kept = mask[:, :, None].to(states.dtype)
    return (states * kept).sum(1) / kept.sum(1)
