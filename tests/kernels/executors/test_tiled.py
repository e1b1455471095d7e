"""Tiles against the whole matrix: every statistic, mask and modifier, at any size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.kernels import lse, off_diagonal, pairs, plan, total, using
from support.programs import EXTREMES, SUMS, Case, differences

# Tiles are kept for the backward pass, or seen once more there.
KEPT = st.sampled_from([0, 2**20])
SIZES = st.integers(1, 13)
TILES = st.tuples(st.integers(1, 6), st.integers(1, 6))


@given(st.integers(0, 10**6), SIZES, SIZES, st.integers(1, 3), TILES, KEPT)
@settings(max_examples=120, deadline=None)
def test_tiled_is_dense(seed, n, m, d, tile, kept):
    case = Case.draw(seed, n, m, d)
    wanted = case.run(executor="dense")
    with using(tile=tile), mock.patch.object(plan, "KEPT", kept):
        found = case.run(executor="tiled")
    off = differences(found, wanted)
    assert max(off.values()) < 1e-12, (case.score, case.row, case.column, case.all, off)


@given(st.integers(0, 10**6), st.sampled_from([1e-3, 1e-2, 10.0]))
@settings(max_examples=30, deadline=None)
def test_tiled_is_dense_at_extreme_temperatures(seed, temperature):
    case = Case.draw(seed, 7, 9, temperature=temperature)
    wanted = case.run(executor="dense")
    with using(tile=(3, 4)):
        found = case.run(executor="tiled")
    # 1e-12 of the largest score, which is 1 / temperature.
    off = differences(found, wanted)
    assert max(off.values()) < 1e-11, (case.score, case.row, case.column, case.all, off)


@pytest.mark.parametrize("kept", [0, 2**20])
@pytest.mark.parametrize("name", [*SUMS, *EXTREMES])
def test_every_statistic_alone(name, kept, monkeypatch):
    monkeypatch.setattr(plan, "KEPT", kept)
    for seed in range(3):
        case = Case.draw(seed, 7, 5, names=[name])
        case.row, case.column, case.all = [name], [name], [name] if name in SUMS else []
        with using(tile=(3, 2)):
            found = case.run(executor="tiled")
        off = differences(found, case.run(executor="dense"))
        assert max(off.values()) < 1e-12, off


@pytest.mark.parametrize("kept", [0, 2**20])
def test_backward_twice(kept, monkeypatch):
    """What is kept of the forward pass is there a second time."""
    monkeypatch.setattr(plan, "KEPT", kept)
    torch.manual_seed(0)
    q, k = torch.randn(7, 3, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    asked = [lse(mask=off_diagonal()), total(torch.tanh, mask=off_diagonal())]
    with using(executor="tiled", tile=(3, 2)):
        loss = sum(value.square().sum() for value in pairs(q, k, row=asked).row)
    first = torch.autograd.grad(loss, (q, k), retain_graph=True)
    again = torch.autograd.grad(loss, (q, k))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_second_derivative_is_refused_where_it_would_be_wrong():
    q = torch.randn(4, 3, requires_grad=True)
    with using(executor="tiled"):
        (row,) = pairs(q, q.detach(), row=[lse()]).row
    (first,) = torch.autograd.grad(row.square().sum(), q, create_graph=True)
    with pytest.raises(InputError, match="executor='dense'"):
        first.sum().backward()


def test_second_derivative_in_dense():
    q = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    k = torch.randn(5, 3, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(
        lambda q: pairs(q, k, row=[lse()], executor="dense").row[0], q
    )


MEASURE = """
import torch
from torch.nn.functional import normalize, softplus
from dipole.kernels import Modifier, candidates, count, lse, off_diagonal, pairs, same, total
from dipole.kernels import using
from dipole.relations import diagonal

torch.set_num_threads(1)

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

def step(n):
    z = normalize(torch.randn(n, 64), dim=1).requires_grad_()
    labels, bonus = torch.arange(n) // 4, torch.randn(n, requires_grad=True)
    ids = candidates(diagonal().without_duplicates(labels))
    near = [same(labels), off_diagonal()]
    warm = Modifier(lambda s, b: softplus(s + b), column=bonus)
    with using(executor="tiled"):
        for row, column, everything in (
            ([lse(mask=ids)], [lse(mask=ids)], []),
            ([lse(mask=off_diagonal()), total(mask=near), count(near)], [], []),
            ([total(warm)], [], [lse(mod=warm)]),
        ):
            stats = pairs(z, z, temperature=0.05, row=row, column=column, all=everything)
            sum(v.sum() for part in stats[:3] for v in part).backward()

step(512)
before = peak()
step({n})
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_grows_with_n_and_not_with_n_squared():
    """One (n, n) float32 matrix is 268 MB at n = 8,192; ten vectors of it are 21 MB."""
    n = 8192
    found = subprocess.run(
        [sys.executable, "-c", MEASURE.replace("{n}", str(n))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    vectors = 10 * n * 64 * 4 / 2**20
    assert float(found.stdout) < vectors + 80, found.stdout
