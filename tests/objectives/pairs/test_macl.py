"""MACL against the equation written out, and its link with DCL."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import DCL, MACL
from support.battery import Battery
from support.spec import Spec, cosine, lse


def log_odds(anchor, positive, ids, tau, one_way):
    """log (1 - P) / P of both views of every example (of one); None without negatives."""
    views, n = (anchor, positive), len(anchor)
    for i in range(n):
        for v in (0,) if one_way else (0, 1):
            negatives = [
                cosine(views[v][i], views[w][j]) / tau
                for w in ((1,) if one_way else (0, 1))
                for j in range(n)
                if j != i and (ids is None or ids[j] != ids[i])
            ]
            own = cosine(anchor[i], positive[i]) / tau
            yield lse(negatives) - own if negatives else None


def oracle(anchor, positive, ids=None, *, temperature, alpha, threshold, one_way, at):
    alike = [cosine(a, p) for a, p in zip(at["anchor"], at["positive"], strict=True)]
    tau = temperature * (1 + alpha * (sum(alike) / len(alike) - threshold))
    losses = []
    frozen = log_odds(at["anchor"], at["positive"], ids, tau, one_way)
    for x, x_at in zip(log_odds(anchor, positive, ids, tau, one_way), frozen, strict=True):
        if x is None:
            losses.append(None)
        elif x_at < -100:  # exp(x) / exp(x_at)
            losses.append(math.exp(x - x_at))
        else:  # -log P = log(1 + exp x) and 1 - P = 1 / (1 + exp -x)
            losses.append((max(x, 0) + math.log1p(math.exp(-abs(x)))) * (1 + math.exp(-x_at)))
    if one_way:
        return losses
    pairs = zip(losses[::2], losses[1::2], strict=True)
    return [None if a is None else (a + b) / 2 for a, b in pairs]


class TestMACL(Battery):
    spec = Spec(
        "macl",
        oracle,
        settings=({"temperature": 0.3}, {"temperature": 0.3, "one_way": True}),
        detached=True,
    )


def test_its_gradient_is_that_of_dcl_at_its_temperature():
    a, p = torch.randn(2, 6, 4, dtype=torch.float64, requires_grad=True)
    tau = 0.1 * (1 + 0.5 * torch.cosine_similarity(a, p).mean().item())
    found, wanted = (
        torch.autograd.grad(objective(a, p), a, retain_graph=True)[0]
        for objective in (MACL(), DCL(temperature=tau))
    )
    torch.testing.assert_close(found, wanted)


def test_temperature_rises_with_alignment():
    """At right angles the loss tells the temperature: P = e / (e + 2n - 2), e = exp(1 / tau)."""
    loss = MACL(temperature=0.5, alpha=0.5)(torch.eye(4), torch.eye(4)).item()
    e = math.exp(1 / 0.75)
    p = e / (e + 6)
    assert loss == pytest.approx(-math.log(p) / (1 - p))


def test_a_temperature_below_zero():
    with pytest.raises(InputError, match=r"^alpha: found 2.0 and threshold 0.8, expected "):
        MACL(alpha=2.0, threshold=0.8)(torch.eye(3), -torch.eye(3))
