"""Texts found by copies with typos: by the texts themselves all are, by chance few."""

from types import SimpleNamespace

import numpy as np
import pytest

from dipole.data import Scored
from dipole.errors import InputError
from dipole.systems.text.pixel_linguist import found_by_typos

TEXTS = ["a boat sails away", "three small houses", "nothing happens here", "some people cook"]


def letters(texts, role):
    """Counts of letters."""
    return np.array([[t.count(x) for x in "abcdefghilmnoprstuvwy"] for t in texts], dtype=float)


def test_the_rank_is_that_of_the_text_the_copy_was_made_of():
    test = Scored.from_columns({"first": TEXTS, "second": TEXTS, "score": [1.0, 0.0, 1.0, 0.0]})
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
    good = SimpleNamespace(encode=lambda texts, role: unit(letters(texts, role)))
    equal = SimpleNamespace(encode=lambda texts, role: np.ones((len(texts), 2)))
    worst = SimpleNamespace(encode=lambda texts, role: np.eye(4)[[1, 2, 3, 0]] if texts != TEXTS
                            else np.eye(4))  # fmt: skip
    found = [
        found_by_typos(SimpleNamespace(test=test, encoder=one))["found by typos"]
        for one in (good, equal, worst)
    ]
    assert found[0].tolist() == [100.0] * 4
    assert found[1].tolist() == [100.0] * 4  # ties are for the text
    assert found[2].tolist() == [50.0] * 4


def test_other_data_are_refused():
    with pytest.raises(InputError, match="expected graded pairs"):
        found_by_typos(SimpleNamespace(test=[]))
