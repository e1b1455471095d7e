from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.encoders.text_bpe import Pieces
from dipole.errors import InputError

TEXTS = ["open the file", "open the socket", "def open_file(path): return Größe"] * 3


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces.from_texts(TEXTS, size=300)


def test_frequent_words_become_one_piece(pieces: Pieces) -> None:
    ((rows, positions),) = pieces(["Open the open"])
    assert positions.tolist() == [0, 1, 2]
    assert rows[0] == rows[2] != rows[1]


def test_underscores_separate(pieces: Pieces) -> None:
    tokens = pieces.tokenizer.encode("open_file").tokens
    assert tokens[:2] == ["open", "_"]


def test_size_bounds_the_rows(pieces: Pieces) -> None:
    assert 256 <= pieces.size <= 300


def test_training_is_repeatable(pieces: Pieces) -> None:
    assert Pieces.from_texts(TEXTS, size=300).tokenizer.to_str() == pieces.tokenizer.to_str()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_has_rows_of_the_table(text: str) -> None:
    pieces = _pieces()
    ((rows, _),) = pieces([text])
    assert all((rows >= 0) & (rows < pieces.size))
    assert len(rows) > 0 or not text.strip()


_MADE: list[Pieces] = []


def _pieces() -> Pieces:
    if not _MADE:
        _MADE.append(Pieces.from_texts(TEXTS, size=260))
    return _MADE[0]


def test_fewer_pieces_than_bytes() -> None:
    with pytest.raises(InputError, match="size is 100; expected at least 256"):
        Pieces.from_texts(TEXTS, size=100)


def test_reading_what_is_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Pieces.read(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"not a tokenizer.json"):
        Pieces.read(tmp_path / "tokenizer.json")
