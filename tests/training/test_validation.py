"""Held-out rows share no text with the others; the measures are those of a by-hand ranking."""

import numpy as np
import pytest

from dipole.data import Pairs, Scored
from dipole.errors import InputError
from dipole.training.validation import hold_out, make_validation


class Vectors:
    """An encoder that looks its vectors up."""

    def __init__(self, table):
        self.table = {name: np.array(v, dtype=np.float32) for name, v in table.items()}

    def encode(self, inputs, role="document", show_progress=False):
        return np.stack([self.table[x] for x in inputs])


def test_mrr_by_hand():
    pairs = Pairs.from_columns({"anchor": ["p", "q"], "positive": ["P", "Q"]})
    encoder = Vectors({"p": [1, 0], "q": [0.9, 0.1], "P": [1, 0], "Q": [0, 1]})
    name, measure = make_validation(pairs)
    assert name == "MRR@10"
    assert measure(encoder) == pytest.approx((1 + 1 / 2) / 2)


def test_equal_positives_are_one_document():
    pairs = Pairs.from_columns({"anchor": ["p", "q"], "positive": ["P", "P"]})
    encoder = Vectors({"p": [1, 0], "q": [0, 1], "P": [1, 0]})
    assert make_validation(pairs)[1](encoder) == 1.0


def test_spearman_by_hand():
    scored = Scored.from_columns(
        {"first": ["a", "a", "a"], "second": ["b", "c", "d"], "score": [3.0, 2.0, 1.0]}
    )
    encoder = Vectors({"a": [1, 0], "b": [1, 0], "d": [0.8, 0.6], "c": [0, 1]})
    name, measure = make_validation(scored)
    assert name == "Spearman"
    assert measure(encoder) == pytest.approx(0.5)  # ranks 3 2 1 against 3 1 2


def test_held_out_texts_are_never_trained_on():
    pairs = Pairs.from_columns(
        {"anchor": [f"a{i}" for i in range(400)], "positive": [f"p{i % 200}" for i in range(400)]}
    )
    training, held = hold_out(pairs, 0.2)
    assert len(training) + len(held) == 400
    assert not set(training.column("positive")) & set(held.column("positive"))
    assert 0.1 < len(held) / 400 < 0.3
    assert hold_out(pairs, 0.2)[1].ids == held.ids


def test_a_side_without_rows_is_refused():
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    with pytest.raises(InputError, match=r"validation: 0.1 of 1 rows leaves one side empty"):
        hold_out(pairs, 0.1)
