"""PEG's noise: a share of the positives is passed on, none is lost, the test stays clean."""

from __future__ import annotations

from dipole.studies.benches.pairs import short_code
from dipole.systems.retrieval.peg import NOISE, noisy_code


def test_positives_are_passed_on() -> None:
    clean, noisy = short_code("train", True), noisy_code("train", True)
    a, b = list(clean.column("positive")), list(noisy.column("positive"))
    moved = sum(x != y for x, y in zip(a, b, strict=True))
    assert moved == round(NOISE * len(clean))
    assert sorted(a) == sorted(b)
    assert noisy_code("test", True).column("positive") == short_code("test", True).column(
        "positive"
    )
