"""Tiles cover every pair once; their size depends on the cache, not on the batch."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from dipole.kernels.tiles import Tile, tile_size, tiles

LENGTHS = st.integers(0, 12)


@given(LENGTHS, LENGTHS, st.integers(1, 5), st.integers(1, 5))
def test_every_pair_once(n, m, b, c):
    seen = torch.zeros(n, m)
    for tile in tiles(n, m, (b, c)):
        seen[tile.rows, tile.columns] += 1
        assert tile.r1 - tile.r0 <= b
        assert tile.c1 - tile.c0 <= c
    assert (seen == 1).all()


@given(LENGTHS, LENGTHS, LENGTHS, LENGTHS, LENGTHS, LENGTHS)
def test_diagonal(r0, rows, c0, columns, row_offset, column_offset):
    tile = Tile(r0, r0 + rows, c0, c0 + columns, row_offset, column_offset)
    i = torch.arange(row_offset + r0, row_offset + r0 + rows)
    j = torch.arange(column_offset + c0, column_offset + c0 + columns)
    wanted = (i[:, None] == j).reshape(-1).nonzero()[:, 0].tolist()
    found = tile.diagonal(torch.device("cpu"))
    assert ([] if found is None else found.tolist()) == wanted


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from([1, 8, 1024]))
def test_size_is_bounded_by_the_cache(n, m, cells):
    rows, columns = torch.empty(n, 0), torch.empty(m, 0)
    b, c = tile_size(rows, columns, cells)
    most = tile_size(torch.empty(10**7, 0), torch.empty(10**7, 0), cells)
    assert 1 <= b <= n
    assert 1 <= c <= m
    assert b * c <= most[0] * most[1] * 2
    # Few rows are made up for by many columns, and the other way round.
    assert b == n or c == m or b * c * 2 > most[0] * most[1]
