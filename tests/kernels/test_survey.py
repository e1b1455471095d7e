"""Tiles without equal labels cost nothing: found exactly, and not evaluated."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.kernels import Mask, lse, off_diagonal, pairs, using
from dipole.kernels.modifiers import Extent
from dipole.kernels.survey import FEW, equal_tiles

LABELS = st.lists(st.integers(0, 30), min_size=1, max_size=20)


@given(LABELS, LABELS, st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_equal_tiles(row, column, b, c):
    together = [(i, j) for i, x in enumerate(row) for j, y in enumerate(column) if x == y]
    found = equal_tiles(torch.tensor(row), torch.tensor(column), (b, c))
    if len(together) > FEW * len(row):
        assert found is None
    else:
        assert found == {(i // b * b, j // c * c) for i, j in together}


def test_an_untouched_tile_is_not_evaluated():
    calls = []

    def fn(score, a, b):
        calls.append(tuple(score.shape))
        return a != b

    q = torch.randn(8, 2)
    ids = torch.tensor([0, 1, 2, 3, 4, 5, 6, 0])
    mask = Mask(fn, row=ids, column=ids + 100 * (ids > 0), support=[(0, 0)], outside=Extent.ALL)
    with using(executor="tiled", tile=(2, 4)):
        pairs(q, q, row=[lse(mask=mask)])
    # Equal: (0, 0), (0, 7), (7, 0), (7, 7).
    assert len(calls) == 4


def test_the_diagonal_is_touched_on_the_diagonal_alone(monkeypatch):
    calls = []
    mask = off_diagonal()
    original = mask.fn
    monkeypatch.setitem(mask.__dict__, "fn", lambda *tile: calls.append(1) or original(*tile))
    q = torch.randn(8, 2)
    with using(executor="tiled", tile=(2, 2)):
        pairs(q, q, row=[lse(mask=mask)])
    assert len(calls) == 4
