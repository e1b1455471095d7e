"""Products of tiles: exact to float32, sums over tiles included."""

from __future__ import annotations

import pytest
import torch

from dipole.kernels.products import Dot
from dipole.kernels.tiles import tiles


@pytest.mark.parametrize(
    ("dtype", "bf16", "error"),
    [(torch.float64, False, 1e-13), (torch.float32, False, 1e-5), (torch.float32, True, 2e-2)],
)
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (5, 7, 3), (33, 65, 17)])
@pytest.mark.parametrize("contiguous", [True, False])
def test_products(dtype, bf16, error, n, m, d, contiguous):
    torch.manual_seed(0)
    rows, columns, grad = torch.randn(n, d), torch.randn(m, d), torch.randn(n, m)
    if not contiguous:
        rows, columns = rows.t().contiguous().t(), columns.repeat(1, 2)[:, ::2][:, :d]
    exact = [t.to(dtype).double() for t in (rows, columns, grad)]
    rows, columns, grad = (t.to(dtype) for t in (rows, columns, grad))
    dot = Dot(rows, columns, factor=1.5, bf16=bf16)
    at_rows, at_columns = torch.zeros_like(rows), torch.zeros_like(columns)
    found = torch.zeros(n, m, dtype=dtype)
    for tile in tiles(n, m, (16, 32)):
        part = grad[tile.rows, tile.columns]
        found[tile.rows, tile.columns] = dot.scores(tile)
        dot.add_rows(at_rows, part, tile)
        dot.add_columns(at_columns, part, tile)
    dot.finish_columns(at_columns)
    for a, b in (
        (found, 1.5 * exact[0] @ exact[1].T),
        (at_rows, exact[2] @ exact[1]),
        (at_columns, exact[2].T @ exact[0]),
    ):
        assert a.dtype is dtype
        assert (a.double() - b).norm() <= error * b.norm()
