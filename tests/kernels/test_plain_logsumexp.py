"""The fast path is taken where it is safe, and only there; both paths agree at the edge."""

from __future__ import annotations

import math

import pytest
import torch

from dipole.kernels import (
    Mask,
    Modifier,
    different,
    lse,
    negative_squared_distance,
    off_diagonal,
    pairs,
    total,
    using,
)
from dipole.kernels.operands import Operands
from dipole.kernels.plan import make_plan, norms
from dipole.kernels.program import BoundScore, compile_program
from support.programs import difference


def bounded(q, k, statistics, score=None, everything=()):
    operands = Operands([q], [k], [], [])
    program = compile_program(BoundScore(score, 1, 1), statistics, (), everything, operands)
    return make_plan(program, operands, norms(operands), *operands.size).bounded


def test_only_plain_sums_of_bounded_dot_products():
    q, labels = torch.eye(4), torch.arange(4)
    assert bounded(q, q, [lse(), lse(mask=[off_diagonal(), different(labels)])]) == (True, True)
    assert bounded(q, q, [lse(mod=Modifier(lambda s: s))]) == (False,)
    assert bounded(q, q, [total()]) == (False,)
    assert bounded(q, q, [lse()], negative_squared_distance()) == (False,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_edge(dtype):
    """Just inside and just outside of the exponent's range: the same numbers and gradients."""
    room = -math.log(torch.finfo(dtype).tiny) - math.log(6) - 1
    for largest, safe in ((room * 0.999, True), (room * 1.001, False), (room * 100, False)):
        torch.manual_seed(0)
        z = torch.nn.functional.normalize(torch.randn(6, 3, dtype=dtype), dim=1)
        # Rows that only see the far side of the sphere: the smallest sums there can be.
        q, k = (z * largest).requires_grad_(), torch.cat([z[:3], -z[:3]]).requires_grad_()
        assert bounded(q.detach(), k.detach(), [lse()]) == (safe,)
        answers = []
        for executor, inputs in (("tiled", (q, k)), ("dense", (q.double(), k.double()))):
            with using(tile=(4, 4)):
                stats = pairs(*inputs, row=[lse()], column=[lse()], executor=executor)
            loss = stats.row[0].sum() + stats.column[0].square().sum() / largest
            answers.append((loss.detach(), *torch.autograd.grad(loss, (q, k))))
        assert math.isfinite(answers[0][0])
        exact = torch.finfo(dtype).eps * largest * 50
        for found, wanted in zip(*answers, strict=True):
            assert difference(found, wanted) < exact


def test_empty_sets_have_no_gradient():
    q = torch.randn(5, 3, requires_grad=True)
    nothing = different(torch.zeros(5))
    reads_score = Mask(lambda s: s > torch.inf)
    with using(executor="tiled", tile=(2, 2)):
        for mask in (nothing, reads_score):
            stats = pairs(q, q, row=[lse(mask=mask)], column=[lse(mask=mask)], all=[lse(mask=mask)])
            assert all((value == -torch.inf).all() for part in stats[:3] for value in part)
            finite = [torch.where(v.isfinite(), v, 0).sum() for part in stats[:3] for v in part]
            (grad,) = torch.autograd.grad(sum(finite), q)
            assert (grad == 0).all()
            # Also when somebody hands back a gradient for -inf itself.
            stats = pairs(q, q, row=[lse(mask=mask)])
            (grad,) = torch.autograd.grad(stats.row[0].sum(), q)
            assert (grad == 0).all()
