"""Vectors in a folder belong to one encoder and one pool."""

import json

import numpy as np
import pytest

from dipole.sampling.pool import Pool
from dipole.sampling.searching import TowerSearch


@pytest.fixture
def encoded(tower, texts, tmp_path):
    """Vectors of a pool, kept in one folder for all; and how many texts were encoded for it."""

    def make(seed, dim=4, count=30):
        encoder = tower(dim)
        vectors = np.random.default_rng(seed).normal(size=(count, dim))
        search = TowerSearch(encoder, Pool(texts(vectors)), tmp_path / "vectors")
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        np.testing.assert_allclose(search.vectors, unit, atol=1e-4)
        return len(encoder.encoded)

    return make


def test_vectors_are_made_once(encoded):
    assert encoded(0) == 30
    assert encoded(0) == 0


@pytest.mark.parametrize("other", [{"seed": 1}, {"seed": 0, "dim": 5}, {"seed": 0, "count": 31}])
def test_another_pool_or_encoder_is_encoded_anew(encoded, other):
    encoded(0)
    assert encoded(**other) == other.get("count", 30)


@pytest.mark.parametrize("content", ["", "{", json.dumps({"done": 30, "made_of": []})])
def test_a_damaged_state_is_no_state(encoded, tmp_path, content):
    encoded(0)
    (tmp_path / "vectors" / "vectors.json").write_text(content)
    assert encoded(0) == 30
