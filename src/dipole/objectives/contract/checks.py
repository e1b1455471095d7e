"""Checks of an objective's arguments: the error names the argument, what it was, what it must be.

The names mean the same in every objective, so their shapes and dtypes are written down once.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.relations import Relation

# Letters stand for sizes that must agree within one call.
SHAPES = {
    "anchor": "n d",
    "positive": "n d",
    "negative": "m d",
    "candidates": "n k d",
    "views": "v n d",
    "teacher_anchor": "n d",
    "teacher_positive": "n d",
    "teacher_negative": "m d",
    "teacher_candidates": "n k d",
    "queue": "m d",
    "support": "m d",
    "support_labels": "m",
    "support_ids": "m",
    "labels": "n",
    "positive_labels": "n",
    "ids": "n",
    "rows": "n",
    "negative_ids": "m",
    "negative_rows": "m",
    "candidate_ids": "n k",
    "scores": "n",
    "relevance": "n k",
    "relation": "n c",
    "mask": "n c",
    "token_ids": "n u",
    "anchor_mask": "n t",
    "positive_mask": "n u",
    "negative_mask": "m w",
    "teacher_scores": "n c",
    "logits": "n k",
    "anchor_logps": "n t",
    "positive_logps": "n u",
    "anchor_foreseen": "n t",
    "positive_foreseen": "n u",
    # Of the k answers of a prompt: log-probabilities under policy and reference.
    "logps": "n k",
    "mean_logps": "n k",
    "token_logps": "n k t",
    "ref_logps": "n k",
    "ref_mean_logps": "n k",
    "ref_token_logps": "n k t",
    "mismatched_logps": "n j",
    "ref_mismatched_logps": "n j",
    "lengths": "n k",
    "ratings": "n k",
    "answer_mask": "n k",
}
INTEGER = {"labels", "positive_labels", "support_labels", "rows"}
INTEGER |= {"ids", "negative_ids", "negative_rows", "candidate_ids", "support_ids", "token_ids"}
INTEGER |= {"lengths"}
BOOLEAN = {"mask", "anchor_mask", "positive_mask", "negative_mask", "answer_mask"}
BOOLEAN |= {"anchor_foreseen", "positive_foreseen"}


def check(
    *,
    shapes: dict[str, str] | None = None,
    **tensors: Tensor | Relation | None,
) -> dict[str, int]:
    """Sizes by letter of the given tensors (None is skipped), or an InputError.

    `shapes` overrides what `SHAPES` says for this call: `shapes={"positive": "n p d"}`.
    """
    sizes: dict[str, int] = {}
    owner: dict[str, str] = {}
    for name, tensor in tensors.items():
        if tensor is None or isinstance(tensor, Relation):
            continue
        if not isinstance(tensor, Tensor):
            raise InputError(f"{name}: found {type(tensor).__name__}, expected a tensor")
        letters = _letters((shapes or {}).get(name, SHAPES.get(name, "")))
        shape = tuple(tensor.shape)
        if len(shape) != len(letters):
            raise InputError(f"{name}: found shape {shape}, expected ({', '.join(letters)})")
        for letter, size in zip(letters, shape, strict=True):
            if letter not in sizes:
                sizes[letter], owner[letter] = size, name
            elif sizes[letter] != size:
                raise InputError(
                    f"{name}: found shape {shape}, expected ({', '.join(letters)}) "
                    f"with {letter} = {sizes[letter]} as in {owner[letter]}"
                )
        _check_dtype(name, tensor)
    if sizes.get("n") == 0:
        raise InputError(f"{owner['n']}: found no rows, expected at least one")
    return sizes


@cache
def _letters(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _check_dtype(name: str, tensor: Tensor) -> None:
    if name in INTEGER:
        expected, good = "integers", not tensor.is_floating_point() and tensor.dtype != torch.bool
    elif name in BOOLEAN:
        expected, good = "torch.bool", tensor.dtype == torch.bool
    elif name == "relation":  # booleans and counts will do
        if tensor.numel() and bool(tensor.min() < 0):
            raise InputError(f"relation: found {tensor.min():.4g}, expected weights of 0 or more")
        expected, good = "weights", True
    else:
        expected, good = "a floating point dtype", tensor.is_floating_point()
    if not good:
        raise InputError(f"{name}: found {tensor.dtype}, expected {expected}")
    # A sum shows every nan and inf at the price of one read; only then look at each element,
    # because a sum of large finite numbers may overflow too.
    if not tensor.is_floating_point():
        return
    wide = torch.float32 if tensor.element_size() < 4 else tensor.dtype
    if not math.isfinite(tensor.detach().sum(dtype=wide)):
        bad = int((~torch.isfinite(tensor)).sum())
        if bad:
            raise InputError(f"{name}: found {bad} values that are nan or inf, expected finite")
