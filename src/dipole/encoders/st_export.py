"""Encoders as folders that sentence-transformers loads and encodes with identically."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from dipole.encoders.base import Encoder
from dipole.encoders.static_folder import write_modules, write_static
from dipole.encoders.static_text import StaticText
from dipole.encoders.text_bpe import Pieces
from dipole.errors import InputError

# The module that a bag of hashed words, or one that counts by logarithms, brings along.
CODE = Path(__file__).with_name("st_static_words.py")


def export_sentence_transformers(encoder: Encoder, folder: str | Path) -> bool:
    """Write a folder for sentence-transformers; returns whether it brings code of its own along.

    A transformer, and a bag of pieces that is linear, are made of modules of theirs. The words of a
    default `StaticText` (hashed, counted by logarithms, weighted by role and place) no module of
    theirs computes: the folder has one of its own, which they run with `trust_remote_code=True`.

    Raises:
        InputError: an encoder that is neither (images, several towers, layers, adapters but LoRA).

    Example:
        >>> export_sentence_transformers(load_encoder("runs/first"), "theirs")  # doctest: +SKIP
        True
    """
    folder, found = Path(folder), encoder
    if getattr(encoder, "kind", None) == "lora":
        found = encoder.folded()  # type: ignore[operator]
    if type(found) is StaticText:
        if isinstance(found.tokenizer, Pieces) and found.pooling == "linear":
            found.export_sentence_transformers(folder)
            return False
        write_static(found, folder)
        shutil.copyfile(CODE, folder / "static_words.py")
        write_modules(folder, "static_words.StaticWords")
        return True
    if type(found).__name__ != "TransformerText":
        raise InputError(
            f"export: found {type(encoder).__name__}; expected a TransformerText or a StaticText, "
            "which sentence-transformers can compute"
        )
    transformer: Any = found
    transformer.save(folder)
    return False
