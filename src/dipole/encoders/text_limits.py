"""The tokenizer of a text tower: how long a text may be, how it is cut and padded."""

from __future__ import annotations

from typing import Any

from dipole.data.inputs import real_number, whole_number
from dipole.errors import InputError, note
from dipole.showing import short


def longest(transformer: Any, tokenizer: Any, wanted: int | None) -> int:
    """The most tokens of a text: what is asked for, else what tokenizer and positions allow."""
    special = tokenizer.num_special_tokens_to_add(pair=False)
    if wanted is not None and whole_number(wanted, "max_length", 0) <= special:
        raise InputError(f"max_length is {wanted}; expected more than {special} (special tokens)")
    limit = real_number(tokenizer.model_max_length, "model_max_length of the tokenizer", 1)
    limits = [limit if wanted is None else wanted, 2**31 - 1]
    positions = getattr(transformer.config, "max_position_embeddings", None)
    if positions is not None and positions > 0:
        # RoBERTa and its like number positions from the padding token's number on.
        inner = getattr(transformer, "base_model", transformer)  # below the head, if there is one
        table = getattr(getattr(inner, "embeddings", None), "position_embeddings", None)
        first = getattr(table, "padding_idx", None)
        limits.append(positions if first is None else positions - first - 1)
        if wanted is not None and wanted > limits[-1]:
            note(f"max_length {wanted:,}: the model has {limits[-1]:,} positions; longer texts are "
                 "cut there")  # fmt: skip
    return int(min(limits))


def padding(tokenizer: Any) -> int:
    """The id of the padding token, which nothing here reads; a tokenizer without one is given one.

    It is one of its special tokens, so that no text is read otherwise and a saved folder can be
    used by whoever pads: the end's token, as is usual for decoders.
    """
    if tokenizer.pad_token is None:
        names = ("eos_token", "sep_token", "unk_token", "bos_token", "cls_token")
        found = next((t for n in names if (t := getattr(tokenizer, n, None)) is not None), None)
        if found is None:
            name = tokenizer.name_or_path or "the tokenizer"
            note(f"{name}: found no special token to pad with; sentence-transformers will encode "
                 "one text at a time only")  # fmt: skip
            return 0
        tokenizer.pad_token = found
    return int(tokenizer.pad_token_id)


def cutting(tokenizer: Any, max_length: int) -> Any:
    """A copy of the fast tokenizer that cuts at `max_length`; the saved one stays as it was."""
    from tokenizers import Tokenizer

    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own.no_padding()
    side = getattr(tokenizer, "truncation_side", "right")
    if side not in ("left", "right"):
        raise InputError(f"truncation_side is {short(side)}; expected left or right")
    own.enable_truncation(max_length, direction=side)
    return own
