"""GTE's three sources: what a comment's code is, and that no text is on both sides."""

from __future__ import annotations

from collections import Counter

from dipole.systems.text.gte import SIZES, commented, mixture


def test_the_code_of_a_comment_ends_at_a_gap() -> None:
    source = "x = 1\n# Add one\n# to the number.\nx += 1\ny = x\n\nz = 2\n# Too short.\nz = 3\n"
    assert list(commented(source)) == [("Add one to the number.", "x += 1\ny = x")]


def test_no_text_is_on_both_sides() -> None:
    train, test = mixture("train", True), mixture("test", True)
    counts = Counter(train.metadata(i)["source"] for i in range(len(train)))
    assert counts == {name: size // 10 for name, size in SIZES.items()}
    for side in ("anchor", "positive"):
        assert not set(train.column(side)) & set(test.column(side))
