"""PEG's noise: a share of the positives is passed on, none is lost, the test stays clean."""

from __future__ import annotations

from dipole.studies.benches.pairs import rows
from dipole.systems.retrieval.peg import NOISE, noisy


def test_positives_are_passed_on() -> None:
    clean, passed_on = rows("train", True), noisy("train", True)
    a, b = list(clean.column("positive")), list(passed_on.column("positive"))
    moved = sum(x != y for x, y in zip(a, b, strict=True))
    assert moved == round(NOISE * len(clean))
    assert sorted(a) == sorted(b)
    assert noisy("test", True).column("positive") == rows("test", True).column("positive")
