"""A causal language model from a folder, with one-line errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dipole.encoders.transformers_io import read_transformer
from dipole.errors import InputError


def read_causal(folder: Path) -> Any:
    """The model of a folder in float32 and eval mode, without dropout.

    Policy and reference are compared: a drop-out would make two of one model. (A dropout of LoRA is
    put there afterwards, and stays.)

    Raises:
        InputError: a file missing or broken; a model that is no causal one, or whose logits are not
            its head's of its last states.
    """
    model = read_transformer(folder, head="causal")
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        for name in ("attention_dropout", "hidden_dropout", "dropout"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
    _check(model, folder)
    return model


def last_states(model: Any, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """What the head is given of every token, (n, t, d)."""
    found: Tensor = model.base_model(
        input_ids=ids, attention_mask=mask, use_cache=False
    ).last_hidden_state
    return found


def _check(model: Any, folder: Path) -> None:
    """A token does not see those behind it, and the logits are the head's."""
    head = model.get_output_embeddings()
    if head is None:
        raise InputError(f"{folder}: {type(model).__name__} has no head; expected a language model")
    last = model.config.vocab_size - 1
    ids = torch.tensor([[1, 2, 3], [1, 2, 4]]).clamp(max=last)
    with torch.inference_mode():
        states, logits = last_states(model, ids), model(input_ids=ids).logits
        same = torch.allclose(states[0, :2], states[1, :2], atol=1e-4, rtol=1e-4)
        made = head(states)
    if not same and last > 3:
        raise InputError(
            f"{folder}: in {type(model).__name__} a token sees those behind it; expected a causal "
            "language model"
        )
    if made.shape != logits.shape or not torch.allclose(made, logits, atol=1e-3, rtol=1e-3):
        raise InputError(
            f"{folder}: the logits of {type(model).__name__} are not its head's of its last states "
            "(they are scaled or capped); expected a model without that"
        )
