"""Sums from text; uncertainty and the min-norm direction against brute force."""

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import AlignmentUniformity, InfoNCE, Sum, VICReg
from dipole.objectives.contract.base import Objective
from dipole.training.combining import (
    Capped,
    MinNorm,
    Uncertainty,
    build_sum,
    min_norm,
    read_sum,
)
from support import distributed


def test_sums_from_text():
    assert read_sum("infonce") == [(1.0, "infonce")]
    assert read_sum("2*dcl + infonce+1e-2 * vicreg") == [
        (2.0, "dcl"),
        (1.0, "infonce"),
        (0.01, "vicreg"),
    ]
    for wrong in ("infonce +", "-1 * dcl", "0 * dcl", "a b", "1e * dcl"):
        with pytest.raises(InputError, match="expected NAME or WEIGHT"):
            read_sum(wrong)


def test_settings_reach_their_part():
    objective = build_sum(
        "infonce + 0.5 * dcl", "weights", {"temperature": 0.3, "dcl.temperature": 0.7}
    )
    assert isinstance(objective, Sum)
    assert objective.weights == (1.0, 0.5)
    assert [term.temperature.value for term in objective.terms] == [0.3, 0.7]
    assert isinstance(build_sum("infonce", "weights", {}), InfoNCE)
    with pytest.raises(InputError, match=r"objective option 'x': .*NAME one of infonce, dcl"):
        build_sum("infonce + dcl", "weights", {"x": 1})
    with pytest.raises(InputError, match="'mgda' for one objective"):
        build_sum("infonce", "mgda", {})


def test_uncertainty_by_hand():
    torch.manual_seed(0)
    a, p = torch.randn(2, 6, 4)
    objective = Uncertainty([(1.0, InfoNCE()), (0.5, VICReg())])
    objective.log_variance.data.copy_(torch.tensor([0.3, -1.0]))
    expected = (
        float(InfoNCE()(a, p)) * np.exp(-0.3)
        + 0.15
        + 0.5 * float(VICReg()(a, p)) * np.exp(1.0)
        - 0.5
    )
    assert objective(a, p).item() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InputError, match="expected losses above 0"):
        Uncertainty([(1.0, AlignmentUniformity())])(a, p)


@pytest.mark.parametrize("seed", range(8))
def test_two_vectors_meet_the_closed_form_and_the_scan(seed):
    first, second = np.random.default_rng(seed).normal(size=(2, 3)) * [[1], [3]] + seed % 3
    share = min_norm(np.array([[first @ first, first @ second], [first @ second, second @ second]]))
    difference = second - first
    closed = np.clip(difference @ second / (difference @ difference), 0, 1)
    assert share[0] == pytest.approx(closed, abs=1e-9)
    scan = np.linspace(0, 1, 10001)[:, None]
    lengths = np.linalg.norm(scan * first + (1 - scan) * second, axis=1)
    assert np.linalg.norm(share @ [first, second]) <= lengths.min() + 1e-9


@pytest.mark.parametrize("k", [3, 5])
def test_the_direction_descends_for_every_one(k):
    vectors = np.random.default_rng(k).normal(size=(k, 40)) + 0.3
    share = min_norm(vectors @ vectors.T)
    direction = share @ vectors
    assert share.sum() == pytest.approx(1)
    assert (share >= 0).all()
    assert (vectors @ direction >= direction @ direction * (1 - 1e-9)).all()


def test_opposite_gradients_have_no_direction():
    assert min_norm(np.array([[1.0, -1.0], [-1.0, 1.0]])) == pytest.approx([0.5, 0.5])
    assert min_norm(np.zeros((3, 3))) == pytest.approx([1 / 3] * 3)


def gradient_of(weights, a, p):
    """The gradient of MinNorm's sum, and of the sum with the shares it found."""
    terms = [(weights[0], InfoNCE()), (weights[1], AlignmentUniformity())]
    a, p = a.clone().requires_grad_(), p.clone().requires_grad_()
    objective = MinNorm(terms)
    objective(a, p).backward()
    shares = [float(objective.parts[f"{name}_share"]) for name in objective.names()]
    return a.grad, shares


def test_min_norm_as_an_objective():
    torch.manual_seed(0)
    a, p = torch.randn(2, 6, 4)
    found, shares = gradient_of((1.0, 0.2), a, p)
    rows = []
    for weight, term in ((1.0, InfoNCE()), (0.2, AlignmentUniformity())):
        x, y = a.clone().requires_grad_(), p.clone().requires_grad_()
        rows.append(weight * torch.cat(torch.autograd.grad(term(x, y), (x, y))).double())
    gram = torch.stack([torch.stack([(x * y).sum() for y in rows]) for x in rows])
    expected = min_norm(gram.numpy())
    assert shares == pytest.approx(expected, abs=1e-5)
    by_hand = sum(s * g for s, g in zip(expected, rows, strict=True))
    torch.testing.assert_close(found.double(), by_hand[:6], rtol=1e-4, atol=1e-6)


def part_of_gradient(a, p):
    import torch.distributed as dist

    rank, processes = dist.get_rank(), dist.get_world_size()
    mine = slice(len(a) * rank // processes, len(a) * (rank + 1) // processes)
    return gradient_of((1.0, 0.2), a[mine], p[mine])


def test_min_norm_of_two_processes_is_that_of_one():
    torch.manual_seed(0)
    a, p = torch.randn(2, 7, 4)
    whole, shares = gradient_of((1.0, 0.2), a, p)
    parts = distributed.run(2, part_of_gradient, a, p)
    for _, found in parts:
        assert found == pytest.approx(shares, abs=1e-5)
    # Each process's loss is averaged with the others': half of the sum.
    torch.testing.assert_close(torch.cat([g for g, _ in parts]) / 2, whole, rtol=1e-4, atol=1e-6)


class Fixed(Objective):
    """A loss that is an input."""

    def __init__(self, name):
        super().__init__()
        self.called = name

    def inputs(self):
        return {self.called: True}

    def forward(self, **given):
        return given[self.called]


@pytest.mark.parametrize(("last", "share"), [(0.5, 1.0), (8.0, 3 / 8)])
def test_the_last_counts_no_more_than_the_others(last, share):
    """By hand: 1 + 2 x 1 = 3 beside `last`, whose gradient is a share of it."""
    capped = Capped([(1.0, Fixed("a")), (2.0, Fixed("b")), (1.0, Fixed("c"))])
    given = {
        k: torch.tensor(v, requires_grad=True) for k, v in zip("abc", (1.0, 1.0, last), strict=True)
    }
    loss = capped(**given)
    assert loss.item() == pytest.approx(3 + min(last, 3))
    loss.backward()
    assert [given[name].grad.item() for name in "abc"] == pytest.approx([1.0, 2.0, share])


def test_a_cap_needs_losses_above_0():
    capped = Capped([(1.0, Fixed("a")), (1.0, Fixed("b"))])
    with pytest.raises(InputError, match="cap: found Fixed at -1; expected losses above 0"):
        capped(a=torch.tensor(-1.0), b=torch.tensor(1.0))
