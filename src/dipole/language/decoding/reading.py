"""A language model that reads prompts, and then a token of each at a time."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dipole.encoders.evaluating import evaluating
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding.early import final_norm


class Reader:
    """A model with the keys and values of what it has read, a row for each text.

    Rows are padded on the left, and a padding token has no position: a text is read as if it were
    alone. `select` keeps some of the rows, `repeat` copies each: both move the keys and values and
    compute nothing.

    model: in eval mode, whatever the mode of the one that is given.
    rows: token ids of each text, one at least.
    layers: whose states of the last token are kept for `logits(layer)`, 0 the embeddings.
    prefix: vectors (m, d) in front of every text, as a soft prompt has them.
    """

    def __init__(
        self,
        model: CausalLM,
        rows: Sequence[Sequence[int]],
        *,
        layers: Sequence[int] = (),
        prefix: Tensor | None = None,
    ) -> None:
        own: Any = evaluating(model)
        self.body, self.head = own.model.base_model, own.model.get_output_embeddings()
        self.layers = sorted(set(layers))
        self._norm = final_norm(own.model) if layers else None
        self._has_positions = "position_ids" in inspect.signature(self.body.forward).parameters
        self._cache: Any = None
        ids, self.mask = _padded(rows, own._pad, model.device)
        if prefix is None:
            self.states = self._read(input_ids=ids)
            return
        before = prefix.to(model.device).expand(len(ids), *prefix.shape)
        self.mask = torch.cat([self.mask.new_ones(before.shape[:2]), self.mask], 1)
        embedded = own.model.get_input_embeddings()(ids)
        self.states = self._read(inputs_embeds=torch.cat([before.to(embedded.dtype), embedded], 1))

    # (n, t, d): what the head is given of the tokens that were read last.
    states: Tensor
    mask: Tensor
    # Layer -> (n, d): its states of the last token.
    _early: dict[int, Tensor]

    def read(self, tokens: Tensor) -> Tensor:
        """Read one more token in each row, (n,), and return what the head is given, (n, d)."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], 1)
        self.states = self._read(input_ids=tokens[:, None])
        return self.states[:, -1]

    def logits(self, layer: int | None = None) -> Tensor:
        """Logits of the next token, (n, vocabulary) float32; of an early layer by the model's own
        final norm and head."""
        if layer is None:
            return self.head(self.states[:, -1]).float()
        assert self._norm is not None
        return self.head(self._norm(self._early[layer])).float()

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order."""
        self._cache.batch_select_indices(rows)
        self.mask, self.states = self.mask[rows], self.states[rows]
        self._early = {layer: states[rows] for layer, states in self._early.items()}

    def repeat(self, times: int) -> None:
        """Copy every row, the copies beside it."""
        if times > 1:
            rows = torch.arange(len(self.mask), device=self.mask.device)
            self.select(rows.repeat_interleave(times))

    def _read(self, **inputs: Tensor) -> Tensor:
        count = next(iter(inputs.values())).shape[1]
        if self._has_positions:
            positions = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -count:]
            inputs = {**inputs, "position_ids": positions}
        found = self.body(
            **inputs,
            attention_mask=self.mask,
            past_key_values=self._cache,
            use_cache=True,
            output_hidden_states=bool(self.layers),
        )
        self._cache = getattr(found, "past_key_values", None)
        if not hasattr(self._cache, "batch_select_indices"):
            raise InputError(
                f"generate: found {type(self.body).__name__}, which keeps no keys and values; "
                "expected a model with attention"
            )
        self._early = {layer: found.hidden_states[layer][:, -1] for layer in self.layers}
        states: Tensor = found.last_hidden_state
        return states


def _padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask, (n, longest), padded on the left."""
    most = max(map(len, rows))
    ids = torch.tensor([[pad] * (most - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    mask = torch.arange(most, device=device) >= most - lengths[:, None]
    return ids, mask.long()
