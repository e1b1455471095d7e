"""A role, a tower: the vectors are those of that tower, before and after saving."""

import numpy as np
import pytest
import torch

from dipole.encoders import StaticText, TwoTowers, fingerprint, load_encoder
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError

TEXTS = ["open a file", "close the door", "read one line"]


def static(dim, seed):
    torch.manual_seed(seed)
    return StaticText.from_texts(TEXTS, TEXTS, dim=dim, shared=True)


def test_each_role_goes_through_its_tower():
    query, document = static(8, 0), static(8, 1)
    towers = TwoTowers(query, document)
    np.testing.assert_array_equal(towers.encode(TEXTS, "query"), query.encode(TEXTS, "query"))
    np.testing.assert_array_equal(towers.encode(TEXTS), document.encode(TEXTS))
    assert not np.allclose(towers.encode(TEXTS, "query"), towers.encode(TEXTS))


def test_towers_of_different_size_meet_through_linear_maps():
    query, document = static(8, 0), static(12, 1)
    towers = TwoTowers(query, document, dim=5)
    found = towers.encode(TEXTS)
    mapped = document.encode(TEXTS) @ towers.maps["document"].weight.detach().numpy().T
    np.testing.assert_allclose(
        found, mapped / np.linalg.norm(mapped, axis=1, keepdims=True), atol=1e-6
    )
    with pytest.raises(InputError, match="found vectors of 8 and 12; expected one size"):
        TwoTowers(query, document)


@pytest.mark.parametrize("dim", [None, 5])
def test_what_was_saved_is_loaded(tmp_path, dim):
    towers = TwoTowers(static(8, 0), static(8, 1), dim=dim)
    towers.save(tmp_path)
    loaded = load_encoder(tmp_path)
    assert isinstance(loaded, TwoTowers)
    assert fingerprint(loaded) == fingerprint(towers)
    np.testing.assert_array_equal(loaded.encode(TEXTS, "query"), towers.encode(TEXTS, "query"))


def test_a_gradient_reaches_the_tower_of_the_role_only():
    towers = TwoTowers(static(8, 0), static(8, 1))
    towers(towers.prepare(TEXTS, "query")).sum().backward()
    assert towers.query.vectors.grad is not None
    assert towers.document.vectors.grad is None


def test_towers_by_name():
    options = {"query_options": {"dim": 6}, "document_options": {"dim": 4}, "dim": 3}
    towers = make_encoder("two-towers", TEXTS, TEXTS, **options)
    assert (towers.query.dim, towers.document.dim, towers.dim) == (6, 4, 3)
    assert set(towers.rate_factors) >= {"query.token_weights", "document.token_weights"}
    with pytest.raises(InputError, match="did you mean 'two-towers'"):
        make_encoder("two-tower", TEXTS, TEXTS)
