"""Folders as sentence-transformers writes them, and its own vectors of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dipole.encoders import fingerprint
from dipole.encoders.transformer_text import TransformerText

TEXTS = [
    "open a file and read it line by line",
    "sort",
    "  the number of seconds  ",
    "a mapping from names to values, in the order they were added, and then many words more",
]


def theirs(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def both_ways(source: Path, tmp_path: Path, texts: list[str] = TEXTS) -> TransformerText:
    """The vectors of a folder are those of sentence-transformers; so are those of what we save."""
    encoder = TransformerText.load(source)
    encoder.save(tmp_path / "ours")
    other, again = theirs(source), theirs(tmp_path / "ours")
    back = TransformerText.load(tmp_path / "ours")
    assert fingerprint(back) == fingerprint(encoder)
    for role in ("query", "document"):
        found = encoder.encode(texts, role, dtype="float32")  # type: ignore[arg-type]
        assert found.shape[1] == encoder.dim == other.get_embedding_dimension()
        np.testing.assert_allclose(found, getattr(other, f"encode_{role}")(texts), atol=1e-5)
        np.testing.assert_allclose(found, getattr(again, f"encode_{role}")(texts), atol=1e-5)
        np.testing.assert_array_equal(found, back.encode(texts, role, dtype="float32"))  # type: ignore[arg-type]
    np.testing.assert_allclose(again.encode(texts), other.encode(texts), atol=1e-5)
    return encoder


def saved(tiny: Path, folder: Path, *after: Any, pooling: Any = "mean", **options: Any) -> Path:
    """A folder that sentence-transformers itself wrote."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    modules = [Transformer(str(tiny)), Pooling(32, pooling), *after]
    SentenceTransformer(modules=modules, device="cpu", **options).save(
        str(folder), create_model_card=False
    )
    return folder


def dense(dim: int, out: int, activation: Any = None, **options: Any) -> Any:
    from sentence_transformers.base.modules import Dense

    torch.manual_seed(dim + out)
    return Dense(dim, out, activation_function=activation, **options)
