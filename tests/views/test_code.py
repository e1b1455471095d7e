"""Views of code: which tokens change, into what, and how many."""

from __future__ import annotations

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.views.code import KINDS, SoftCode, tokens_of

CODE = "def area(r):  # of a disc\n    return 3.14 * r ** 2 if r >= 0 else 'none'"


def test_kinds_of_tokens() -> None:
    found = [(token.text, token.kind) for token in tokens_of(CODE)]
    assert found[:3] == [("def", "keyword"), ("area", "identifier"), ("(", "operator")]
    assert ("# of a disc", "comment") in found
    assert ("3.14", "number") in found
    assert ("'none'", "string") in found
    assert [text for text, kind in found if kind == "operator"] == [
        "(", ")", ":", "*", "**", ">=",
    ]  # fmt: skip
    assert [t.text for t in tokens_of("x = 'cut of")] == ["x", "=", "'", "cut", "of"]


@pytest.mark.parametrize(("operation", "share"), [("mask", 0.9), ("replace", 0.8)])
def test_how_many_tokens_change(operation: str, share: float) -> None:
    code = " ".join(f"a{i}" for i in range(100))  # so that any other token is another
    view = SoftCode(0.15, operations=[operation])
    found = [text.split() for text in view([code] * 400, np.random.default_rng(0))]
    changed = np.mean([[a != b for a, b in zip(t, code.split(), strict=True)] for t in found])
    assert abs(changed - 0.15 * share) < 0.005
    special = np.mean([[word in ("[MASK]", "identifier") for word in text] for text in found])
    assert abs(special - 0.15 * 0.8) < 0.005


def test_one_kind_alone_is_replaced() -> None:
    view = SoftCode(0.99, operations=["replace-kind"])
    kinds = set()
    for seed in range(40):
        (text,) = view([CODE], np.random.default_rng(seed))
        changed = set(text.split()) & set(KINDS)
        assert len(changed) <= 1
        kinds |= changed
    assert kinds == set(KINDS)


def test_wrong_options() -> None:
    with pytest.raises(InputError, match="found 'drop'; expected of mask"):
        SoftCode(operations=["drop"])
    with pytest.raises(InputError, match="above 0 and below 1"):
        SoftCode(1.0)
    assert SoftCode()([""], np.random.default_rng(0)) == [""]
