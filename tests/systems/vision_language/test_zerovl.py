"""ZeroVL's sources: modules with many pairs, those of the test in no training."""

from __future__ import annotations

from dipole.systems.vision_language.zerovl import accumulated, modules


def test_no_module_is_on_both_sides() -> None:
    found = [modules(part, False) for part in ("train", "test")]
    names = [{pairs.metadata(i)["module"] for i in range(len(pairs))} for pairs in found]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


def test_accumulation_is_exact() -> None:
    assert accumulated(0) < 1e-12
