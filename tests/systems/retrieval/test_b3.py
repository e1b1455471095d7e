"""B3's planted copies are near and not equal, and no community knows them where two are skipped."""

from __future__ import annotations

from dipole.systems.retrieval.b3 import DOUBLED, doubled, training_pairs


def test_a_tenth_of_the_rows_comes_again_with_other_words() -> None:
    pairs = training_pairs(True)
    twice = doubled(pairs)
    assert len(twice) == len(pairs) + int(DOUBLED * len(pairs))
    for row in range(len(pairs), len(twice)):
        words = set(twice[row]["anchor"].split())
        assert any(words <= set(text.split()) for text in pairs.column("anchor"))
