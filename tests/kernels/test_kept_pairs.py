"""Blanking out by lists and by bits is `masked_fill`, whatever the numbers are."""

from __future__ import annotations

import pytest
import torch

from dipole.kernels.kept_pairs import AllBut, Only, These

INF, NAN = torch.inf, torch.nan


def keeps(where):
    positions = torch.arange(where.numel()).view(where.shape)
    return [These(where), AllBut(positions[~where]), Only(positions[where])]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bool])
@pytest.mark.parametrize("outside", [0.0, -INF, INF])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_fill(dtype, outside, share):
    torch.manual_seed(0)
    values = torch.randn(5, 7).to(dtype)
    if dtype is not torch.bool:
        values[0, :4] = torch.tensor([INF, -INF, NAN, -0.0])
    where = torch.rand(5, 7) < share
    wanted = values.masked_fill(~where, outside)
    before = values.clone()
    for keep in keeps(where):
        found = keep.fill(values, outside)
        assert torch.equal(found.nan_to_num(9), wanted.nan_to_num(9)), type(keep)
        assert torch.equal(values.nan_to_num(9), before.nan_to_num(9))
        assert torch.equal(keep.tile(values.shape, values.device), where)
        flat = keep.flat().fill(values.reshape(1, -1), outside)
        assert torch.equal(flat.nan_to_num(9), wanted.reshape(1, -1).nan_to_num(9))


def test_expanded_values_are_not_written_to():
    row = torch.randn(5, 1)
    where = torch.rand(5, 7) < 0.5
    for keep in keeps(where):
        assert torch.equal(keep.fill(row.expand(5, 7), 0), row * where)


def test_meet():
    torch.manual_seed(0)
    where, more = torch.rand(5, 7) < 0.5, torch.rand(5, 7) < 0.5
    for keep in keeps(where):
        assert torch.equal(keep.meet(more).tile(more.shape, more.device), where & more)


def test_autograd_goes_through_what_is_kept_alone():
    where = torch.rand(4, 3) < 0.5
    for keep in keeps(where):
        values = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
        (grad,) = torch.autograd.grad(keep.fill(values, -INF)[where].sum(), values)
        assert torch.equal(grad, where.double())
        (grad,) = torch.autograd.grad(keep.cut(values).sum(), values)
        assert torch.equal(grad, where.double())
        assert torch.equal(keep.cut(values), values)
