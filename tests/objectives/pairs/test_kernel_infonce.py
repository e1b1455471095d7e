"""Kernel-InfoNCE against the equation written out, NT-Xent, and the laws of random subgraphs."""

import itertools
import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import KernelInfoNCE, NTXent
from support.battery import Battery
from support.spec import Spec, lse


def distance(x, y, part=slice(None)):
    """Of unit vectors, in some of their dimensions."""
    x, y = x / math.sqrt(float(x @ x)), y / math.sqrt(float(y @ y))
    return math.sqrt(sum((s - t) ** 2 for s, t in zip(x[part], y[part], strict=True)))


def oracle(anchor, positive, ids=None, *, temperature, gamma, mix, concatenate):
    views, n, rows = (anchor, positive), len(anchor), []
    half = anchor.shape[1] // 2
    parts = (slice(0, half), slice(half, None)) if concatenate else (slice(None), slice(None))
    for i in range(n):
        loss = 0.0
        for power, weight, part in ((gamma, mix, parts[0]), (2, 1 - mix, parts[1])):
            for v in (0, 1):
                own = -(distance(anchor[i], positive[i], part) ** power) / temperature
                negatives = [
                    -(distance(views[v][i], views[w][j], part) ** power) / temperature
                    for w in (0, 1)
                    for j in range(n)
                    if j != i and (ids is None or ids[j] != ids[i])
                ]
                loss += weight / 2 * (lse([own, *negatives]) - own)
        rows.append(loss)
    return rows


class Even(Spec):
    """Batches that can be cut in halves, for `concatenate`."""

    def inputs(self, n=5, m=3, d=4, seed=0):
        return super().inputs(n, m, d + d % 2, seed)


class TestKernelInfoNCE(Battery):
    spec = Spec(
        "kernel-infonce",
        oracle,
        settings=({"temperature": 0.5}, {"temperature": 0.5, "gamma": 0.5, "mix": 1.0}),
    )


def test_the_gaussian_kernel_is_ntxent_at_half_the_temperature():
    a, p = torch.randn(2, 6, 4, dtype=torch.float64)
    found = KernelInfoNCE(temperature=0.4, mix=0.0)(a, p)
    torch.testing.assert_close(found, NTXent(temperature=0.2)(a, p))
    torch.testing.assert_close(found, KernelInfoNCE(temperature=0.4, gamma=2.0)(a, p))


class TestConcatenated(Battery):
    spec = Even(
        "kernel-infonce",
        oracle,
        settings=({"temperature": 0.5, "mix": 0.3, "concatenate": True},),
        rotation=False,
    )


def test_concatenation_wants_an_even_dimension():
    a, p = torch.randn(2, 6, 4, dtype=torch.float64)
    with pytest.raises(InputError, match=r"^anchor: found shape \(6, 3\), expected an even d"):
        KernelInfoNCE(concatenate=True)(a[:, :3], p[:, :3])


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_views_that_coincide_have_a_finite_gradient(gamma):
    x = torch.eye(3).repeat(2, 1).requires_grad_()
    loss = KernelInfoNCE(gamma=gamma)(x, x.detach())
    loss.backward()
    assert x.grad.isfinite().all()


def test_it_is_the_cross_entropy_of_random_subgraphs():
    """The paper's theorem on 4 points: every point draws one neighbour; sum over all 3^4 graphs."""
    a, p = torch.nn.functional.normalize(torch.randn(2, 2, 3, dtype=torch.float64), dim=-1)
    z, partner = torch.cat([a, p]), [2, 3, 0, 1]
    kernel = torch.exp(-torch.cdist(z, z) / 0.5).fill_diagonal_(0)
    pi = torch.zeros(4, 4, dtype=torch.float64)
    pi[range(4), partner] = 1
    entropy = 0.0
    for graph in itertools.product(range(4), repeat=4):
        if any(i == j for i, j in enumerate(graph)):
            continue
        chance = math.prod(pi[i, j].item() for i, j in enumerate(graph))
        law = math.prod((kernel[i, j] / kernel[i].sum()).item() for i, j in enumerate(graph))
        entropy -= chance * math.log(law)
    found = KernelInfoNCE(temperature=0.5, mix=1.0)(a, p).item()
    assert entropy / 4 == pytest.approx(found)


def test_mix_is_a_share():
    with pytest.raises(InputError, match=r"^mix: found 1.5, expected a number from 0 to 1"):
        KernelInfoNCE(mix=1.5)
