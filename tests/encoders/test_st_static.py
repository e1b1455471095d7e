"""Static embeddings of sentence-transformers and of model2vec."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from dipole.encoders import load_encoder
from dipole.encoders.folder import read_json, read_weights, write_json, write_weights
from dipole.errors import InputError
from support.st_folders import TEXTS, theirs

# What sentence-transformers and transformers warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def static(tmp_path: Path, gpt2: Path) -> Path:
    """A StaticEmbedding that sentence-transformers wrote."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(0)
    tokenizer = Tokenizer.from_file(str(gpt2 / "tokenizer.json"))
    modules = [StaticEmbedding(tokenizer, embedding_dim=12), Normalize()]
    folder = tmp_path / "static"
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)
    return folder


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_static_embedding_that_cuts_texts_and_vectors(static: Path) -> None:
    tokenizer = Tokenizer.from_file(str(static / "tokenizer.json"))
    tokenizer.enable_truncation(5)
    tokenizer.save(str(static / "tokenizer.json"))
    np.testing.assert_allclose(
        load_encoder(static).encode(TEXTS), theirs(static).encode(TEXTS), atol=1e-5
    )
    path = static / "config_sentence_transformers.json"
    write_json(path, read_json(path) | {"truncate_dim": 7})
    encoder = load_encoder(static)
    assert encoder.dim == 7
    np.testing.assert_allclose(encoder.encode(TEXTS), unit(theirs(static).encode(TEXTS)), atol=1e-5)
    write_json(path, read_json(path) | {"prompts": {"query": "q: "}})
    with pytest.raises(InputError, match="found prompts; expected none"):
        load_encoder(static)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("shared", [False, True])
def test_the_layout_of_model2vec(static: Path, dtype: str, shared: bool) -> None:
    """Tables of any type, with tokens that share rows and have weights of their own."""
    table = read_weights(static / "model.safetensors")["embedding.weight"]
    rng = torch.Generator().manual_seed(1)
    weights = {"embeddings": (table * 40).round().to(getattr(torch, dtype))}
    if shared:
        weights = {
            "embeddings": weights["embeddings"][:50].clone(),
            "mapping": torch.randint(0, 50, (len(table),), generator=rng),
            "weights": torch.rand(len(table), generator=rng).double(),
        }
    write_weights(static / "model.safetensors", weights)
    folded = weights["embeddings"].float()
    if shared:
        folded = folded[weights["mapping"]] * weights["weights"].float()[:, None]
    tokenizer = Tokenizer.from_file(str(static / "tokenizer.json"))
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    expected = unit(np.stack([folded[i].sum(0).numpy() for i in ids]))
    np.testing.assert_allclose(load_encoder(static).encode(TEXTS), expected, atol=1e-5)
    if dtype != "int8" or shared:  # their bag of vectors has no sum of whole numbers
        np.testing.assert_allclose(theirs(static).encode(TEXTS), expected, atol=2e-3)
    # The folder of that library alone.
    (static / "modules.json").unlink()
    write_json(static / "config.json", {"model_type": "model2vec", "normalize": True})
    np.testing.assert_allclose(load_encoder(static).encode(TEXTS), expected, atol=1e-5)


def test_unknown_tokens_are_left_out_of_a_folder_of_model2vec_alone(
    static: Path, tiny: Path
) -> None:
    shutil.copy(tiny / "tokenizer.json", static / "tokenizer.json")
    write_weights(static / "model.safetensors", {"embeddings": torch.randn(150, 12)})
    texts = ["close the socket", "close ☃☃ the ☃ socket"]
    one, two = load_encoder(static).encode(texts)
    assert np.abs(one - two).max() > 1e-3
    (static / "modules.json").unlink()
    write_json(static / "config.json", {"model_type": "model2vec"})
    one, two = load_encoder(static).encode(texts)
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"embeddings": torch.ones(9, 2), "scale": torch.ones(1)}, "found embeddings, scale; exp"),
        ({"table": torch.ones(9, 2)}, r"found table; expected embedding\.weight"),
        (
            {"embeddings": torch.ones(9, 2), "mapping": torch.tensor([0, 9])},
            "mapping names rows up to 9; expected 0 to 8",
        ),
        ({"embeddings": torch.ones(9, 2), "weights": torch.ones(8)}, r"weights are \(8,\); expec"),
        ({"embeddings": torch.ones(9, 2)}, r"vectors are \(9, 2\); expected \(\d+, dim\)"),
    ],
)
def test_tables_that_are_none(static: Path, weights: Any, message: str) -> None:
    write_weights(static / "model.safetensors", weights)
    with pytest.raises(InputError, match=message):
        load_encoder(static)
