"""Folders of a StaticText, read back here and by sentence-transformers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dipole.encoders.base import fingerprint
from dipole.encoders.loading import load_encoder
from dipole.encoders.static_text import StaticText
from dipole.errors import InputError

DOCUMENTS = ["def open_file(path): return open(path)", "def close(self): pass", "Größe 12", "日本"]
# Sentence-transformers takes the mean of no tokens to be zero, and so do we.
TEXTS = [*DOCUMENTS, "opens the FILE", "", "unseen wörds ☃"]


def make(**options: object) -> StaticText:
    torch.manual_seed(0)
    encoder = StaticText.from_texts(["open a file"], DOCUMENTS, dim=8, **options)  # type: ignore[arg-type]
    with torch.no_grad():
        encoder.token_weights.add_(torch.rand_like(encoder.token_weights))
    return encoder


KINDS = [
    {},
    {"pooling": "linear", "shared": True},
    {"tokenizer": "bpe"},
    {"tokenizer": "bpe", "shared": False},
    {"tokenizer": "bpe", "pooling": "sublinear"},
]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_saved_and_loaded_is_the_same(tmp_path: Path, options: dict) -> None:
    encoder = make(dropout=0.25, **options)
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    assert isinstance(loaded, StaticText)
    assert not loaded.training
    assert loaded.dropout == 0.25
    assert fingerprint(loaded) == fingerprint(encoder)
    for role in ("query", "document"):
        found, expected = (e.encode(TEXTS, role) for e in (loaded, encoder))  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.fixture
def sentence_transformer():  # type: ignore[no-untyped-def]
    return pytest.importorskip("sentence_transformers").SentenceTransformer


def test_sentence_transformers_loads_a_saved_one(tmp_path: Path, sentence_transformer) -> None:  # type: ignore[no-untyped-def]
    encoder = make(tokenizer="bpe")
    encoder.save(tmp_path)
    theirs = sentence_transformer(str(tmp_path), device="cpu")
    assert [type(m).__name__ for m in theirs] == ["StaticEmbedding", "Normalize"]
    np.testing.assert_allclose(theirs.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)


def test_sentence_transformers_loads_separate_roles(tmp_path: Path, sentence_transformer) -> None:  # type: ignore[no-untyped-def]
    encoder = make(tokenizer="bpe", shared=False)
    encoder.export_sentence_transformers(tmp_path)
    theirs = sentence_transformer(str(tmp_path), device="cpu")
    for role in ("query", "document"):
        found = getattr(theirs, f"encode_{role}")(TEXTS)
        np.testing.assert_allclose(found, encoder.encode(TEXTS, role), atol=1e-5)  # type: ignore[arg-type]


def test_a_model_of_theirs_is_read(tmp_path: Path, sentence_transformer) -> None:  # type: ignore[no-untyped-def]
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(1)
    module = StaticEmbedding(make(tokenizer="bpe").tokenizer.tokenizer, embedding_dim=8)  # type: ignore[union-attr]
    theirs = sentence_transformer(modules=[module], device="cpu")
    theirs.save(str(tmp_path), create_model_card=False)
    expected = theirs.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(load_encoder(tmp_path).encode(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "found hashed tokens, .* expected tokenizer='bpe'"),
        ({"tokenizer": "bpe", "pooling": "sublinear"}, "found sublinear pooling"),
    ],
)
def test_what_they_cannot_compute_is_not_exported(
    tmp_path: Path, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make(**options).export_sentence_transformers(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_folders(tmp_path: Path) -> None:
    make().save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"dim": 9}))
    with pytest.raises(InputError, match=r"model.safetensors: vectors is \(\d+, 8\); expected"):
        StaticText.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"encoder": "StaticText"}))
    with pytest.raises(InputError, match=r"config.json: no 'tokenizer'"):
        StaticText.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(InputError, match="not a whole safetensors file"):
        StaticText.load(tmp_path)


def test_other_modules_of_theirs(tmp_path: Path) -> None:
    modules = [
        {"idx": 0, "path": "", "type": "sentence_transformers.models.StaticEmbedding"},
        {"path": "1", "type": "sentence_transformers.models.Dense"},
    ]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(InputError, match="modules StaticEmbedding, Dense; expected"):
        StaticText.load(tmp_path)
