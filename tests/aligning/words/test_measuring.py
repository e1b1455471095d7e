"""The measures of links by their definitions, and gold files with what may be wrong in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.aligning.words import Bitext, Gold, error_rate, measure, read_gold
from dipole.errors import InputError

links = st.frozensets(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1)
BITEXT = Bitext.of([("a b", "x y z"), ("c", "u"), ("d e", "v w")])


@given(st.lists(st.tuples(links, links, links), min_size=2, max_size=5))
def test_counts_are_summed_before_they_are_divided(rows):
    found, sure, more = map(list, zip(*rows, strict=True))
    possible = [s | m for s, m in zip(sure, more, strict=True)]
    got = measure(found, Gold(sure, possible), resamples=50)
    flat = [{(n, *link) for n, one in enumerate(side) for link in one}
            for side in (found, sure, possible)]  # fmt: skip
    a, s, p = flat
    assert got["precision"].value == pytest.approx(len(a & p) / len(a))
    assert got["recall"].value == pytest.approx(len(a & s) / len(s))
    assert got["AER"].value == pytest.approx(1 - (len(a & s) + len(a & p)) / (len(a) + len(s)))
    assert error_rate(found, Gold(sure, possible)) == pytest.approx(got["AER"].value)
    precision, recall = got["precision"].value, got["recall"].value
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    assert got["F1"].value == pytest.approx(expected)


def test_the_interval_covers_what_other_sentences_would_give():
    """Of 300 samples from a large set about 95 % of the intervals hold its AER."""
    rng = np.random.default_rng(0)

    def sample(n):
        found, sure = [], []
        for length in rng.integers(2, 8, n):
            truth = {(int(i), int(i)) for i in range(length)}
            noisy = {(i, j if rng.random() < 0.7 else int(rng.integers(length))) for i, j in truth}
            found.append(frozenset(noisy))
            sure.append(frozenset(truth))
        return found, Gold(sure, sure)

    truth = error_rate(*sample(20_000))
    hits = 0
    for _ in range(300):
        _, low, high = measure(*sample(40), resamples=300)["AER"]
        hits += low <= truth <= high
    assert 0.9 <= hits / 300 <= 0.985


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-0 1p2\n0-0\n\n", [{(0, 0)}, {(0, 0)}, set()]),  # a word 0
        ("1-1 2p3\n1-1\n", [{(0, 0)}, {(0, 0)}]),  # the last word by its number from 1
    ],
)
def test_where_counting_starts_is_found(tmp_path, text, expected):
    (tmp_path / "gold").write_text(text)
    gold = read_gold(tmp_path / "gold", BITEXT)
    assert [set(one) for one in gold.sure] == expected
    assert gold.possible[0] == {(0, 0), (1, 2)}


@pytest.mark.parametrize(
    ("text", "first_word", "said"),
    [
        ("0-0\n0-0 0-9\n", None, "row 2: found the link 0-9, and the target sentence has 1 words"),
        ("0-0\n", 1, r"found the link 0-0, .* \(1 to 2, counted from 1\)"),
        ("0-3\n", 0, "row 1: found the link 0-3, and the target sentence has 3 words"),
        ("1-1\n\n\n", None, "expected --first-word 0 or 1"),
        ("0-0\n" * 4, None, r"found 4 lines, and bitext has 3 pairs; expected gold links of its"),
        ("0-0 1:1\n", None, "row 1: found '1:1'; expected links as 0-0"),
        ("\n", None, "found no links"),
        ("0-0\n", 2, "first_word: found 2; expected 0 or 1"),
        (None, None, "no such file"),
    ],
)
def test_what_is_wrong_with_gold_is_one_line(tmp_path, text, first_word, said):
    if text is not None:
        (tmp_path / "gold").write_text(text)
    with pytest.raises(InputError, match=said):
        read_gold(tmp_path / "gold", BITEXT, first_word=first_word)
