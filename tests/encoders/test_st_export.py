"""Folders for sentence-transformers: their vectors beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dipole.encoders import ConvImage, StaticText, TransformerText, fingerprint, load_encoder
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.st_export import CODE, export_sentence_transformers
from dipole.encoders.text_bags import PLACES
from dipole.errors import InputError

sentence_transformers = pytest.importorskip("sentence_transformers")

# What sentence-transformers and transformers warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")

TEXTS = [
    "def parseHTTPHeader2(max_len): # Größe",
    "sort",
    "  the number of seconds, seconds and SECONDS  ",
    "北京 где вокзал",
    "... !?",
    " ".join(f"word{i % 700}" for i in range(1500)),
]


def theirs(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **options: Any) -> Any:
    # Code of a folder is copied to a cache before it is run.
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "hf"))
    return sentence_transformers.SentenceTransformer(
        str(folder), device="cpu", local_files_only=True, **options
    )


def trained(**options: Any) -> StaticText:
    """A bag of which no weight is as it was made."""
    torch.manual_seed(0)
    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=24, **options)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return encoder


@pytest.mark.parametrize(
    ("options", "brings_code"),
    [
        ({}, True),  # the default
        ({"shared": True, "pooling": "linear", "grams": (2, 4), "buckets": 50}, True),
        ({"tokenizer": "bpe", "vocabulary": 300, "pooling": "sublinear", "shared": False}, True),
        ({"tokenizer": "bpe", "vocabulary": 300, "shared": False}, False),
        ({"tokenizer": "bpe", "vocabulary": 300}, False),
    ],
)
def test_static_bags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any, brings_code: bool
) -> None:
    encoder = trained(**options)
    assert export_sentence_transformers(encoder, tmp_path / "x") is brings_code
    model = theirs(tmp_path / "x", monkeypatch, tmp_path, trust_remote_code=brings_code)
    for role in ("query", "document"):
        found = getattr(model, f"encode_{role}")(TEXTS)
        np.testing.assert_allclose(found, encoder.encode(TEXTS, role), atol=1e-5)
    assert model.get_embedding_dimension() == 24
    # What they save again, they and we load again.
    model.save(str(tmp_path / "again"), create_model_card=False)
    if brings_code:
        (tmp_path / "again" / "static_words.py").write_bytes(CODE.read_bytes())
        again = load_encoder(tmp_path / "x")
        assert fingerprint(again) == fingerprint(encoder)
    more = theirs(tmp_path / "again", monkeypatch, tmp_path, trust_remote_code=brings_code)
    np.testing.assert_allclose(more.encode(TEXTS), model.encode(TEXTS), atol=1e-6)


def test_code_is_not_run_unless_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_sentence_transformers(trained(), tmp_path / "x")
    with pytest.raises(ValueError, match="trust_remote_code"):
        theirs(tmp_path / "x", monkeypatch, tmp_path)


def test_the_code_has_our_places_and_nothing_else_of_ours() -> None:
    text = CODE.read_text(encoding="utf-8")
    assert f"PLACES = {PLACES}" in text
    assert "import dipole" not in text
    assert "from dipole" not in text


def test_transformers(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentences: list[str]
) -> None:
    encoder = TransformerText.load(tiny, prompts={"query": "open ", "document": ""})
    assert not export_sentence_transformers(encoder, tmp_path / "x")
    model = theirs(tmp_path / "x", monkeypatch, tmp_path)
    ours = encoder.encode(sentences, "query", dtype="float32")
    np.testing.assert_allclose(model.encode_query(sentences), ours, atol=1e-5)


def test_lora_is_folded(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentences: list[str]
) -> None:
    pytest.importorskip("peft")
    adapted = AdaptedText.add(TransformerText.load(tiny), tiny, "lora")
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.1)
    export_sentence_transformers(adapted, tmp_path / "x")
    model = theirs(tmp_path / "x", monkeypatch, tmp_path)
    ours = adapted.encode(sentences, dtype="float32")
    np.testing.assert_allclose(model.encode_document(sentences), ours, atol=1e-5)


def test_what_they_cannot_compute(tmp_path: Path) -> None:
    images = [np.zeros((8, 8), np.uint8)]
    with pytest.raises(InputError, match="export: found ConvImage; expected a TransformerText, a"):
        export_sentence_transformers(ConvImage.from_images(images), tmp_path / "x")
