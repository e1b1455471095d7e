"""The shared lines, at their edges."""

import math

import pytest
import torch
import torch.distributed as dist
from torch.nn.functional import normalize

from dipole.kernels import count, pairs, using
from dipole.objectives.maths import (
    as_relation,
    everywhere,
    log_add,
    others,
    positive_pairs,
    reduce,
    unit,
)
from dipole.relations import same_label
from support import distributed


def test_unit_vectors():
    x = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(unit(x), normalize(x))
    assert unit(x.bfloat16()).dtype == torch.float32


def test_a_zero_vector_stays_zero_and_can_leave():
    x = torch.zeros(1, 3, requires_grad=True)
    unit(x)[0, 0].backward()
    assert unit(x).tolist() == [[0, 0, 0]]
    assert x.grad.tolist() == [[1, 0, 0]]


def test_log_add_of_nothing():
    a = torch.tensor([-torch.inf, 0.0, -torch.inf], requires_grad=True)
    b = torch.tensor([-torch.inf, 0.0, 1.0])
    total = log_add(a, b)
    torch.testing.assert_close(total, torch.tensor([-torch.inf, math.log(2), 1]))
    (gradient,) = torch.autograd.grad(total.masked_fill(total == -torch.inf, 0).sum(), a)
    torch.testing.assert_close(gradient, torch.tensor([0, 0.5, 0]))


def test_masks():
    z = torch.ones(4, 2)
    ids = torch.tensor([1, 1, 2, 3])

    def counts(mask):
        return pairs(z, z, row=[count(mask)]).row[0].tolist()

    assert counts(others(None)) == [3, 3, 3, 3]
    assert counts(others(ids)) == [2, 2, 3, 3]
    assert counts(positive_pairs(as_relation(None))) == [1, 1, 1, 1]
    assert counts(positive_pairs(same_label(ids))) == [2, 2, 1, 1]
    assert (
        counts(positive_pairs(as_relation(same_label(ids), torch.tensor([0, 0, 1, 2])))) == [1] * 4
    )
    assert counts(positive_pairs(as_relation(torch.eye(4)[[0, 0, 0, 3]]))) == [1, 1, 1, 1]


def test_reductions():
    rows = torch.tensor([1.0, torch.nan, 3.0])
    counted = torch.tensor([True, False, True])
    assert reduce(rows, "mean", counted).item() == 2
    assert reduce(rows, "sum", counted).item() == 4
    assert reduce(rows, "none", counted).tolist() == [1, 0, 3]
    assert reduce(rows, "mean", counted & False).item() == 0


def test_everywhere_is_here_when_alone():
    x = torch.ones(2, requires_grad=True)
    assert not everywhere(x).requires_grad
    assert everywhere(x).tolist() == [1, 1]


def share_of(rows):
    """What each of two processes makes of its rows: the first has one, the second the rest."""
    mine = rows[:1] if dist.get_rank() == 0 else rows[1:]
    counted = mine > 0
    with using(executor="dense"):
        alone = reduce(mine, "mean").item()
    return (
        reduce(mine, "sum").item(),
        reduce(mine, "mean").item(),
        reduce(mine, "mean", counted).item(),
        everywhere(mine).tolist(),
        alone,
    )


def test_several_processes_share_the_mean():
    rows = torch.tensor([2.0, -1.0, 4.0, 6.0])
    first, second = distributed.run(2, share_of, rows)
    sums, means, counted, every, alone = zip(first, second, strict=True)
    assert sum(sums) / 2 == 11
    assert sum(means) / 2 == 11 / 4
    assert sum(counted) / 2 == pytest.approx(4)
    assert every == ([2, -1, 4, 6], [2, -1, 4, 6])
    assert alone == (2, 3)
