"""Logits of an encoder with a vector for each token: MaxSim of an anchor and its candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dipole.encoders.base import Encoder, Features
from dipole.errors import InputError
from dipole.kernels.maxsim import maxsim_pairs
from dipole.training.batches import padded
from dipole.training.outputs import encode_outputs

_NAMES = ("tokens", "mask")


def token_logits(
    encoder: Encoder, columns: Mapping[str, Sequence[Features]], tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """`logits` (n, k) of every anchor with each of its candidates, of graded pairs (n, 1), and the
    outputs of these columns that they are made of."""
    name = next((name for name in ("candidates", "positive") if name in columns), None)
    if name is None or "anchor" not in columns:
        raise InputError(
            f"encoder: {type(encoder).__name__} compares two texts, and found texts without a "
            "partner; expected graded pairs, triplets or lists"
        )
    found = encode_outputs(encoder, "anchor", columns["anchor"], _NAMES)
    found |= encode_outputs(encoder, name, columns[name], _NAMES)
    query, query_mask = found["anchor_tokens"], found["anchor_mask"]
    owner = torch.arange(len(query), device=query.device)
    if name == "candidates":
        owner = tensors["mask"].nonzero()[:, 0]
    scores = maxsim_pairs(
        query[owner], found[f"{name}_tokens"], query_mask[owner], found[f"{name}_mask"]
    )
    is_list = name == "candidates"
    return found | {"logits": padded(scores, tensors["mask"]) if is_list else scores[:, None]}
