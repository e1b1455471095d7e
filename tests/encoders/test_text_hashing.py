import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.encoders.text_hashing import HashedWords, word_hashes
from dipole.errors import InputError


def test_a_word_and_its_grams_are_hashed() -> None:
    pieces = ["it", "3:<it", "3:it>", "4:<it>"]
    assert word_hashes("it", grams=(3, 4)) == [zlib.crc32(p.encode()) for p in pieces]


def test_hashes_are_those_of_every_process() -> None:
    code = "from dipole.encoders.text_hashing import word_hashes; print(word_hashes('größe', (3,)))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(p for p in sys.path if p)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {str(word_hashes("größe", (3,)))}


def test_known_tokens_have_rows_of_their_own() -> None:
    texts = ["open the file", "close the socket"]
    tokenizer = HashedWords.from_texts(texts, buckets=4)
    rows = np.concatenate([r for r, _ in tokenizer(texts)])
    assert set(rows) == set(range(len(tokenizer.known)))


def test_unknown_tokens_share_the_buckets() -> None:
    tokenizer = HashedWords.from_texts(["open"], buckets=4)
    ((rows, _),) = tokenizer(["quux"])
    assert rows.min() >= len(tokenizer.known)
    assert rows.max() < tokenizer.size
    assert [r - len(tokenizer.known) for r in rows] == [h % 4 for h in word_hashes("quux", (3,))]


def test_the_most_frequent_are_known() -> None:
    tokenizer = HashedWords.from_texts(["a a a b b c"], size=2, grams=())
    assert sorted(tokenizer.known) == sorted(zlib.crc32(w.encode()) for w in "ab")


def test_grams_stand_where_their_word_stands() -> None:
    tokenizer = HashedWords.from_texts(["ab cd"], grams=(3,))
    ((_, positions),) = tokenizer(["ab cd"])
    assert positions.tolist() == [0, 0, 0, 1, 1, 1]


@given(st.lists(st.text(), max_size=5))
def test_any_text_has_rows_of_the_table(texts: list[str]) -> None:
    tokenizer = HashedWords(np.array([1, 5, 2**31]), buckets=3)
    for rows, positions in tokenizer(texts):
        assert len(rows) == len(positions)
        assert all((rows >= 0) & (rows < tokenizer.size))


def test_no_known_tokens_at_all() -> None:
    ((rows, _),) = HashedWords(np.zeros(0, np.int64), buckets=1)(["word"])
    assert set(rows) == {0}


def test_a_lone_surrogate_is_a_character_like_others() -> None:
    assert len(word_hashes("a\ud800", (3,))) == 3


@pytest.mark.parametrize(("grams", "buckets"), [((0,), 1), ((3,), 0), (("3",), 1)])
def test_options_that_are_none(grams: tuple, buckets: int) -> None:
    with pytest.raises(InputError, match=r"(grams|buckets): found .*; expected a whole number"):
        HashedWords(np.zeros(0, np.int64), grams, buckets)
