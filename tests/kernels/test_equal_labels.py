"""Tiles without equal labels cost nothing: found exactly, and not evaluated."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.kernels import Mask, different, lse, off_diagonal, pairs, same, total, using
from dipole.kernels.equal_labels import FEW, equal_pairs
from dipole.kernels.modifiers import Extent

LABELS = st.lists(st.integers(0, 30), min_size=1, max_size=20)


@given(LABELS, LABELS, st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_equal_pairs(row, column, b, c):
    together = [(i, j) for i, x in enumerate(row) for j, y in enumerate(column) if x == y]
    found = equal_pairs(torch.tensor(row), torch.tensor(column), (b, c))
    if len(together) > FEW * len(row):
        assert found is None
        return
    wanted = {}
    for i, j in together:
        width = min(c, len(column) - j // c * c)
        wanted.setdefault((i // b * b, j // c * c), []).append(i % b * width + j % c)
    assert {key: sorted(value.tolist()) for key, value in found.items()} == {
        key: sorted(value) for key, value in wanted.items()
    }


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
    # Equal: (0, 0), (0, 7), (7, 0), (7, 7): one pair on each of four tiles.
    assert calls == [(1, 1)] * 4


def test_an_exact_mask_is_not_evaluated_at_all(monkeypatch):
    calls = []
    mask = off_diagonal()
    original = mask.fn
    monkeypatch.setitem(mask.__dict__, "fn", lambda *tile: calls.append(1) or original(*tile))
    q = torch.randn(8, 2)
    with using(executor="tiled", tile=(2, 2)):
        (row,) = pairs(q, q, row=[lse(mask=mask)]).row
    assert not calls
    assert torch.allclose(row, pairs(q, q, row=[lse(mask=mask)], executor="dense").row[0])


def test_features_come_in_blocks_also_beside_a_short_list():
    torch.manual_seed(0)
    q, labels = torch.randn(12, 2), torch.arange(12) // 2
    alike = Mask(lambda s, x, y: x @ y.T > 0, row=q, column=q)
    asked = [
        total(mask=[same(labels), off_diagonal(), alike]),
        lse(mask=[different(labels), alike]),
    ]
    with using(tile=(4, 3)):
        found = pairs(q, q, row=asked, executor="tiled").row
    for value, wanted in zip(found, pairs(q, q, row=asked, executor="dense").row, strict=True):
        assert torch.allclose(value, wanted)
