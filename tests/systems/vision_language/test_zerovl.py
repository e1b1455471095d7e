"""ZeroVL's gradient in pieces is that of the batch."""

from dipole.systems.vision_language.zerovl import accumulated


def test_accumulation_is_exact() -> None:
    assert accumulated(0) < 1e-12
