"""What a language model says of the next word at every place of the texts of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dipole.encoders.base import Features
from dipole.errors import InputError
from dipole.language.picking import picked
from dipole.training.parts.base import Part, Setup
from dipole.training.parts.refilled import joined

COLUMNS = ("anchor", "positive")


class NextWords(Part):
    """-log p(x_t | x_1 ... x_{t-1}) of every token of a batch's texts but the first of each, as
    `next_losses`, (tokens,), from the pass that gives their vectors.

    It keeps a language model one, beside a contrast. For `--encoder lm:FOLDER`.

    columns: of which texts, `anchor`, `positive` or `anchor+positive`.

    Example:
        >>> NextWords(columns="positive").settings()
        {'columns': 'positive'}
    """

    may_take = ("anchor_tokens", "anchor_mask", "positive_tokens", "positive_mask")
    gives = ("next_losses",)

    columns: str = "anchor+positive"

    def __post_init__(self) -> None:
        self._columns = [name.strip() for name in self.columns.split("+")]
        if not set(self._columns) <= set(COLUMNS):
            raise InputError(
                f"columns: found {self.columns!r}, expected anchor, positive or anchor+positive"
            )

    def taken(self) -> set[str]:
        return {f"{name}_{what}" for name in self._columns for what in ("tokens", "mask")}

    def bind(self, setup: Setup) -> None:
        if not hasattr(setup.encoder, "log_probs"):
            raise InputError(
                f"next words: found {type(setup.encoder).__name__}; expected a language model "
                "(--encoder lm:FOLDER)"
            )
        self._encoder = [setup.encoder]  # in a list: its weights are not this module's

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        return {f"{n}_words": joined([p["input_ids"] for p in columns[n]]) for n in self._columns}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        model: Any = self._encoder[0]
        model = model.model
        losses = []
        for name in self._columns:
            there = batch[f"{name}_mask"][:, 1:].bool()
            states, words = batch[f"{name}_tokens"][:, :-1][there], batch[f"{name}_words"][:, 1:]
            head = model.get_output_embeddings()
            losses.append(-picked(states, head, words[there], int(model.config.vocab_size)))
        return batch | {"next_losses": torch.cat(losses)}
