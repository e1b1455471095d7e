"""What each kind of typo changes, and what it leaves."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.views import build_views
from dipole.views.typos import ALIKE, EDITS, NEAR, Typo

WORD = "Contrast"


def many(kind, word=WORD, n=200):
    return set(Typo(kinds=[kind])([word] * n, np.random.default_rng(0)))


@pytest.mark.parametrize("kind", EDITS)
def test_one_letter_is_wrong(kind):
    more = {"insert": 1, "delete": -1}.get(kind, 0)
    for found in many(kind):
        assert len(found) == len(WORD) + more
        if not more:
            wrong = [i for i, (a, b) in enumerate(zip(found, WORD, strict=True)) if a != b]
            assert len(wrong) == (2 if kind == "swap" else 1)


def test_a_key_beside_and_a_letter_alike():
    """By hand: what surrounds g on a QWERTY keyboard, and what a zero is taken for."""
    assert set(NEAR["g"]) == set("tyfhvb")
    assert all(a in NEAR[b] for a in NEAR for b in NEAR[a])
    assert ALIKE["0"] == "o"
    assert many("ocr", "2222") == {"z222", "2z22", "22z2", "222z"}
    for found in many("keyboard"):
        (place,) = (i for i, (a, b) in enumerate(zip(found, WORD, strict=True)) if a != b)
        assert found[place].lower() in NEAR[WORD[place].lower()]


def test_how_many_words_and_which():
    text = "one a three four fives seven eight nines elevens twelve thirteen"
    words = text.split()
    for found in Typo(0.3, ["insert"])([text] * 50, np.random.default_rng(0)):
        wrong = [b for a, b in zip(found.split(), words, strict=True) if a != b]
        assert len(wrong) == 3  # of the nine that are long enough
        assert all(len(word) >= 4 for word in wrong)
    assert Typo()(["a an the", ""], np.random.default_rng(0)) == ["a an the", ""]
    assert many("swap", "aaaa") == {"aaaa"}


def test_a_row_draws_its_own():
    from dipole.kernels.draws import RowGenerator

    (view,) = build_views(["dipole.views.typos:Typo*1"])
    whole = view(["one phrase"] * 4, RowGenerator((3,)))
    assert view(["one phrase"] * 2, RowGenerator((3,), start=2)) == whole[2:]


def test_what_is_wrong_is_said():
    with pytest.raises(InputError, match="kinds: found 'swop'; expected of keyboard, swap"):
        Typo(kinds=["swop"])
    with pytest.raises(InputError, match="view Typo: found a int; expected a text"):
        Typo()([3], np.random.default_rng(0))
