"""The public call: gradients by differences, precision, errors that say what was expected."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from dipole.errors import InputError
from dipole.kernels import (
    INDEX,
    Modifier,
    Weight,
    add,
    count,
    lists,
    lse,
    maximum,
    off_diagonal,
    own,
    pairs,
    top,
    total,
    using,
)
from support.programs import EXTREMES, SUMS, Case, difference

MENU = SUMS | {name: made for name, made in EXTREMES.items() if "without its place" not in name}


@pytest.mark.parametrize("executor", ["tiled", "dense"])
@pytest.mark.parametrize("name", [name for name in MENU if name != "count"])
def test_gradients_by_differences(name, executor):
    case = Case.draw(1, 5, 4, d=3, temperature=0.8, names=[name])
    learnt = [k for k, v in case.tensors.items() if v.is_floating_point() and "coeff" not in k]

    def statistics(*values):
        tensors = case.tensors | dict(zip(learnt, values, strict=True))
        with using(tile=(3, 2)):
            stats = pairs(
                tensors["row"],
                tensors["column"],
                temperature=tensors["temperature"],
                row=[MENU[name](tensors)],
                column=[MENU[name](tensors)],
                all=[MENU[name](tensors)] if name in SUMS else [],
                executor=executor,
            )
        return tuple(torch.where(v.isfinite(), v, 0) for part in stats[:3] for v in part)

    inputs = [case.tensors[k].clone().requires_grad_() for k in learnt]
    assert gradcheck(statistics, inputs, atol=1e-6, rtol=1e-6)


def test_a_loss_by_hand():
    """Two unit vectors at right angles, temperature 1/2: every number can be done on paper."""
    z = torch.eye(2, dtype=torch.float64)
    stats = pairs(z, z, temperature=0.5, row=[lse(), total(), count(), maximum()], all=[lse()])
    e = torch.tensor(2.0, dtype=torch.float64)
    assert torch.allclose(stats.row[0], torch.logaddexp(e, torch.zeros_like(e)).expand(2))
    assert stats.row[1].tolist() == [2, 2]
    assert stats.row[2].tolist() == [2, 2]
    assert stats.row_index[3].tolist() == [0, 1]
    assert torch.allclose(stats.all[0], (2 * e.exp() + 2).log())
    assert torch.equal(own(z, z, temperature=0.5), e.expand(2))


@pytest.mark.parametrize("executor", ["tiled", "dense"])
def test_a_pair_without_weight_does_not_hide_the_others(executor):
    """Its score is so large that the rest would vanish beside it."""
    z = torch.eye(3)
    weight = Weight(lambda s, i, j: (i != j).to(s), row=INDEX, column=INDEX)
    (row,) = pairs(z, z, temperature=1e-3, row=[lse(weight=weight)], executor=executor).row
    assert torch.allclose(row, torch.tensor(2.0).log())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("executor", ["tiled", "dense"])
def test_half_precision_is_only_a_way_to_store(dtype, executor):
    torch.manual_seed(0)
    q, k = (torch.randn(40, 8).to(dtype).requires_grad_() for _ in range(2))
    q64, k64 = (t.detach().double().requires_grad_() for t in (q, k))
    found = pairs(q, k, temperature=0.05, row=[lse()], executor=executor).row[0]
    wanted = pairs(q64, k64, temperature=0.05, row=[lse()], executor="dense").row[0]
    assert found.dtype is torch.float32
    assert difference(found.detach(), wanted.detach()) < 1e-5
    found.sum().backward()
    wanted.sum().backward()
    for low, exact in ((q, q64), (k, k64)):
        assert low.grad.dtype is dtype
        assert difference(low.grad, exact.grad) < 1.01 * torch.finfo(dtype).eps / 2


@pytest.mark.parametrize("executor", ["tiled", "dense"])
def test_autocast_stays_outside(executor):
    q, k = torch.randn(2, 30, 8)
    wanted = pairs(q, k, temperature=0.05, row=[lse(mask=off_diagonal())], executor=executor)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pairs(q, k, temperature=0.05, row=[lse(mask=off_diagonal())], executor=executor)
    assert torch.equal(found.row[0], wanted.row[0])


def test_bfloat16_tiles_are_close_and_off_unless_asked_for():
    torch.manual_seed(0)
    q, k = (torch.nn.functional.normalize(torch.randn(200, 32), dim=1) for _ in range(2))
    q.requires_grad_()
    results = []
    for bf16 in (False, True):
        with using(executor="tiled", bf16=bf16):
            (row,) = pairs(q, k, temperature=0.05, row=[lse()]).row
        (grad,) = torch.autograd.grad(row.sum(), q)
        results.append((row.detach(), grad))
    (row, grad), (row16, grad16) = results
    assert 1e-7 < difference(row16, row) < 2e-2
    assert 1e-5 < (grad16 - grad).norm() / grad.norm() < 2e-2


def test_two_backward_passes_over_one_forward():
    q = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    loss = pairs(q, q.detach(), row=[lse()], executor="tiled").row[0].sum()
    (first,) = torch.autograd.grad(loss, q, retain_graph=True)
    (second,) = torch.autograd.grad(loss, q)
    assert torch.equal(first, second)


def test_what_takes_no_gradient_gets_none():
    q, k = torch.randn(6, 3, requires_grad=True), torch.randn(5, 3)
    bonus = torch.randn(5, requires_grad=True)
    row = pairs(q, k, row=[lse(mod=add(column=bonus))], executor="tiled").row[0]
    row.sum().backward()
    assert k.grad is None
    # The bonus shifts a row's log-sum-exp by as much as the column's share of it.
    assert torch.allclose(bonus.grad, (q @ k.T + bonus).softmax(1).sum(0))


def test_lists_are_a_row_of_pairs_each():
    torch.manual_seed(0)
    q = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    own_lists = torch.randn(4, 6, 3, dtype=torch.float64, requires_grad=True)
    bonus, t = torch.randn(4, 6, dtype=torch.float64), torch.rand(4, dtype=torch.float64) + 0.1

    def asked(bonus):
        return [
            lse(mod=add(column=bonus)),
            top(2),
            total(weight=Weight(lambda s, b: b**2, column=bonus)),
        ]

    found = lists(q, own_lists, temperature=t, row=asked(bonus))
    for i in range(4):
        wanted = pairs(q[i : i + 1], own_lists[i], temperature=t[i], row=asked(bonus[i])).row
        for a, b in zip(found, wanted, strict=True):
            assert difference(a[i : i + 1].detach(), b.detach()) < 1e-12
    found[0].sum().backward()
    weights = ((own_lists.detach() @ q.detach()[:, :, None])[..., 0] / t[:, None] + bonus).softmax(
        1
    )
    assert (
        difference(own_lists.grad, weights[..., None] * (q.detach() / t[:, None])[:, None]) < 1e-12
    )


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda q: pairs(q, q[:, :2], row=[lse()]), r"rows have 3 features, columns 2"),
        (lambda q: pairs(q[0], q, row=[lse()]), r"expected \(n, d\) and \(m, d\)"),
        (lambda q: pairs(q, q, temperature=torch.ones(3), row=[lse()]), r"expected \(\) or \(4,\)"),
        (lambda q: pairs(q, q, all=[maximum()]), r"maximum in all=, expected lse, total or count"),
        (lambda q: pairs(q, q, row=[top(0)]), r"k was 0, expected at least 1"),
        (lambda q: pairs(q, q, row=[lse()], executor="gpu"), r"found 'gpu', expected one of dense"),
        (lambda q: pairs(q, q, row=[lse(mod=add(row=torch.ones(5)))]), r"row operand has shape"),
        (lambda q: pairs(q, q, row=[lse(mod=add(column=torch.ones(5)))]), r"column operand has"),
        (
            lambda q: pairs(q, q, row=[lse(weight=off_diagonal())]),
            r"found a Mask, expected a Weight",
        ),
        (lambda q: lists(q, q, row=[lse()]), r"expected \(n, d\) and \(n, k, d\)"),
    ],
)
def test_errors(call, says):
    with pytest.raises(InputError, match=says):
        call(torch.ones(4, 3))


def test_a_user_modifier_with_a_small_network():
    """Gradients reach a network's weights through `shared`."""
    torch.manual_seed(0)
    net = torch.nn.Linear(1, 1).double()
    q = torch.randn(7, 3, dtype=torch.float64)

    def curve(s, weight, bias):
        return s * torch.sigmoid(s * weight[0, 0] + bias[0])

    grads = []
    for executor in ("tiled", "dense"):
        with using(executor=executor, tile=(2, 3)):
            stats = pairs(q, q, row=[lse(mod=Modifier(curve, shared=list(net.parameters())))])
        grads.append(torch.autograd.grad(stats.row[0].sum(), list(net.parameters())))
    for a, b in zip(*grads, strict=True):
        assert difference(a, b) < 1e-12
        assert b.abs().sum() > 0
