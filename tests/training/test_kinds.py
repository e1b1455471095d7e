"""Kinds of data: which of them examples are, whatever their class is called."""

import pytest

from dipole.data import Inputs, Labeled, Pairs, Triplets
from dipole.errors import InputError
from dipole.training.kinds import check_kind, kind_of

PAIRS = {"anchor": ["a"], "positive": ["b"]}
TRIPLETS = PAIRS | {"negatives": [["c"]]}


def test_examples_of_a_class_of_ones_own_are_of_the_kind_of_the_class_above():
    class Mine(Triplets):
        pass

    class Scored(Labeled):  # called as another
        pass

    mine = Mine.from_columns(TRIPLETS)
    assert kind_of(mine) == "triplets"
    check_kind(["pairs"], mine)
    with pytest.raises(InputError, match=r"found triplets .* wanted labelled"):
        check_kind(["labelled"], mine)
    named = Scored.from_columns({"input": ["a"], "label": ["red"]})
    assert kind_of(named) == "labelled"
    check_kind(["texts"], named)
    with pytest.raises(InputError, match="wanted graded"):
        check_kind(["graded"], named)


def test_triplets_are_pairs_and_pairs_no_triplets():
    check_kind(["pairs"], Triplets.from_columns(TRIPLETS))
    with pytest.raises(InputError, match=r"found pairs .* wanted triplets"):
        check_kind(["triplets"], Pairs.from_columns(PAIRS))
    with pytest.raises(InputError, match=r"found texts .* wanted labelled"):
        check_kind(["labelled"], Inputs.from_columns({"input": ["a"]}))
