"""The Wasserstein distance of SyCL against its definition, with square roots of covariances."""

import math

import mpmath
import numpy as np
import pytest
import scipy.linalg
import torch

from dipole.objectives import Wasserstein
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, candidates, relevance, *, temperature, label_temperature, normalize):
    score = cosine if normalize else lambda x, y: float(x @ y)
    p, q = [], []
    for i in range(len(anchor)):
        s, y = [], []
        for j, row in enumerate(candidates):
            for c, level in zip(row, relevance[j], strict=True):
                s.append(score(anchor[i], c) / temperature)
                y.append((level if i == j else 0.0) / label_temperature)
        p.append(softmax(s))
        q.append(softmax(y))
    p, q = np.array(p), np.array(q)
    loss = float(((p.mean(0) - q.mean(0)) ** 2).sum())
    if len(anchor) > 1:
        c_p, c_q = np.cov(p.T), np.cov(q.T)
        loss += float(np.trace(c_p) + np.trace(c_q)) - 2 * shared(p, q) / (len(anchor) - 1)
    return loss


def softmax(logits):
    """Less the largest first: logits of a thousand have few digits left behind the point."""
    top = [math.exp(x - max(logits)) for x in logits]
    return [x / math.fsum(top) for x in top]


def shared(p, q):
    """The roots of the eigenvalues of M M^T, M = E_P E_Q^T, as in the authors' code.

    Some are 0, and the root of a rounding error is large: so in 50 digits.
    """
    with mpmath.workdps(50):
        e_p, e_q = (mpmath.matrix(x.tolist()) for x in (p, q))
        for e in (e_p, e_q):
            for column in range(e.cols):
                mean = mpmath.fsum(e[:, column]) / e.rows
                for row in range(e.rows):
                    e[row, column] -= mean
        m = e_p * e_q.T
        found = mpmath.eigsy(m * m.T, eigvals_only=True)
        return float(mpmath.fsum(mpmath.sqrt(max(x, 0)) for x in found))


class TestWasserstein(Battery):
    spec = Spec(
        "sycl",
        oracle,
        settings=({"temperature": 0.8}, {"temperature": 0.5, "normalize": True}),
        smooth=False,
    )


def test_two_gaussians_of_one_batch_are_at_distance_zero():
    """Predicted = graded: levels as scores of orthogonal documents."""
    n, k = 3, 2
    candidates = torch.eye(n * k, dtype=torch.float64).view(n, k, n * k)
    relevance = torch.randint(0, 4, (n, k)).double()
    anchor = (candidates * relevance[..., None]).sum(1).requires_grad_()
    loss = Wasserstein()(anchor, candidates, relevance)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.autograd.grad(loss, anchor)[0].abs().max() < 1e-9


def test_the_root_of_the_product_of_covariances():
    """The definition, up to the roots of rounding errors."""
    p, q = np.random.default_rng(0).random((2, 4, 6))
    root = scipy.linalg.sqrtm(np.cov(p.T) @ np.cov(q.T) + 1e-14 * np.eye(6))
    assert shared(p, q) / 3 == pytest.approx(np.trace(root).real, abs=1e-5)


def test_it_is_a_distance():
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        a, c = torch.randn(4, 3, generator=generator), torch.randn(4, 2, 3, generator=generator)
        assert Wasserstein()(a, c, torch.tensor([[3.0, 0.0]]).expand(4, 2)) > 0


def test_no_grades_have_a_finite_gradient():
    """All levels 0: no covariance at all on that side."""
    anchor = torch.randn(4, 3, requires_grad=True)
    loss = Wasserstein()(anchor, torch.randn(4, 2, 3), torch.zeros(4, 2))
    assert torch.autograd.grad(loss, anchor)[0].isfinite().all()
