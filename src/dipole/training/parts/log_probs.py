"""Log-probabilities of a batch's answers under the model in training."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from dipole.encoders.base import Features
from dipole.errors import InputError
from dipole.training.batches import padded
from dipole.training.parts.base import Part, Setup

GIVEN = ("logps", "mean_logps", "token_logps")


class LogProbs(Part):
    """Of the k answers of n prompts `logps` (n, k), sums over the tokens of an answer, their means
    `mean_logps`, each token's as `token_logps` (n, k, t), and `lengths` (n, k) in tokens.

    Computed from the column `answers` by the encoder's `log_probs`; in pieces (`chunk`), as vectors
    are, each computed again in the backward.
    """

    takes = ("answer_mask",)
    gives = (*GIVEN, "lengths")

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        return any(name in inputs for name in GIVEN) and not any(name in there for name in GIVEN)

    def bind(self, setup: Setup) -> None:
        if not hasattr(setup.encoder, "log_probs"):
            raise InputError(
                f"encoder: found {type(setup.encoder).__name__}, which gives vectors, and an "
                "objective of log-probabilities of answers; expected a language model "
                "(--encoder lm:FOLDER)"
            )
        self._encoder = [setup.encoder]  # in a list: its weights are not this module's

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        (encoder,), pieces = self._encoder, columns["answers"]
        forward: Any = encoder.log_probs
        if len(pieces) == 1 or not torch.is_grad_enabled():
            parts = [forward(piece) for piece in pieces]
        else:
            parts = [checkpoint(forward, piece, use_reentrant=False) for piece in pieces]
        longest = max(part.shape[1] for part in parts)
        wide = [torch.nn.functional.pad(part, (0, longest - part.shape[1])) for part in parts]
        lengths = torch.cat([piece["targets"].sum(1) for piece in pieces])
        return {"answers": torch.cat(wide), "answer_lengths": lengths}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        mask = batch["answer_mask"]
        tokens, lengths = (padded(batch[name], mask) for name in ("answers", "answer_lengths"))
        return batch | of_tokens(tokens, lengths) | {"lengths": lengths}


def of_tokens(tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
    """Sums and means of log-probabilities of tokens (n, k, t), with them, by name."""
    sums = tokens.sum(2)
    means = sums / lengths.clamp(min=1)
    return dict(zip(GIVEN, (sums, means, tokens), strict=True))
