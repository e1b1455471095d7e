"""Encoders as folders that sentence-transformers loads and encodes with identically."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from dipole.encoders.adapters import AdaptedText
from dipole.encoders.base import Encoder
from dipole.encoders.multi_vector_text import MultiVectorText
from dipole.encoders.sparse_text import SparseText
from dipole.encoders.static_folder import write_modules, write_static
from dipole.encoders.static_text import StaticText
from dipole.encoders.text_bpe import Pieces
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# The module that a bag of hashed words, or one that counts by logarithms, brings along.
CODE = Path(__file__).with_name("st_static_words.py")


def export_sentence_transformers(encoder: Encoder, folder: str | Path) -> bool:
    """Write a folder for sentence-transformers; returns whether it brings code of its own along.

    A transformer, also a sparse one (`SparseEncoder`) and one of a vector for each token
    (`MultiVectorEncoder`), and a bag of pieces that is linear, are made
    of modules of theirs. The words of a default `StaticText` (hashed, counted by logarithms,
    weighted by role and place) no module of theirs computes: the folder has one of its own, which
    they run with `trust_remote_code=True`.

    Raises:
        InputError: an encoder that is none of these (images, several towers, layers, adapters but
            LoRA).

    Example:
        >>> export_sentence_transformers(load_encoder("runs/first"), "theirs")  # doctest: +SKIP
        True
    """
    folder = Path(folder)
    if not can_export(encoder):
        raise InputError(
            f"export: found {type(encoder).__name__}; expected a TransformerText, a StaticText, "
            "a SparseText or a MultiVectorText, which sentence-transformers can compute"
        )
    found: Any = encoder.folded() if isinstance(encoder, AdaptedText) else encoder
    if isinstance(found, StaticText):
        if isinstance(found.tokenizer, Pieces) and found.pooling == "linear":
            found.export_sentence_transformers(folder)
            return False
        write_static(found, folder)
        shutil.copyfile(CODE, folder / "static_words.py")
        write_modules(folder, "static_words.StaticWords")
        return True
    found.save(folder)
    return False


def can_export(encoder: Encoder) -> bool:
    """Whether there is such a folder of an encoder."""
    if isinstance(encoder, AdaptedText):
        return encoder.kind == "lora"
    return type(encoder) in (StaticText, TransformerText, SparseText, MultiVectorText)
