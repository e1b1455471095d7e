"""DCL and DCLW against the equation written out, and the paper's link with InfoNCE."""

import math

import torch

from dipole.objectives import DCL, NTXent
from support.battery import Battery
from support.spec import Spec, cosine, lse


def dcl_oracle(anchor, positive, ids=None, *, temperature, weights=None):
    views, n, rows = (anchor, positive), len(anchor), []
    for i in range(n):
        losses = []
        for v in (0, 1):
            negatives = [
                cosine(views[v][i], views[w][j]) / temperature
                for w in (0, 1)
                for j in range(n)
                if j != i and (ids is None or ids[j] != ids[i])
            ]
            weight = 1 if weights is None else weights[i]
            losses.append(lse(negatives) - weight * cosine(anchor[i], positive[i]) / temperature)
        rows.append(sum(losses) / 2 if negatives else None)
    return rows


def dclw_oracle(anchor, positive, ids=None, *, temperature, sigma, detach, at=None):
    weighed = at or {"anchor": anchor, "positive": positive}
    pairs = zip(weighed["anchor"], weighed["positive"], strict=True)
    alike = [math.exp(cosine(a, p) / sigma) for a, p in pairs]
    weights = [2 - own / (sum(alike) / len(alike)) for own in alike]
    return dcl_oracle(anchor, positive, ids, temperature=temperature, weights=weights)


class TestDCL(Battery):
    spec = Spec("dcl", dcl_oracle, settings=({"temperature": 0.3},))


class TestDCLW(Battery):
    spec = Spec("dclw", dclw_oracle, settings=({"temperature": 0.3},))


class TestDCLWDetached(Battery):
    spec = Spec(
        "dclw", dclw_oracle, settings=({"temperature": 0.3, "detach": True},), detached=True
    )


def test_one_pair_has_no_negatives_and_no_loss():
    first, second = torch.randn(2, 1, 3, requires_grad=True)
    loss = DCL()(first, second)
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, first)[0].any()


def test_ntxent_has_its_gradient_times_the_coupling():
    """The paper's starting point: grad NT-Xent_i = (1 - p_i) grad DCL_i, p_i = exp(-NT-Xent_i)."""
    first = torch.randn(6, 3, dtype=torch.float64)
    # A mirror image: both views of an example then have the same loss, and one p_i.
    second = first * torch.tensor([1.0, 1.0, -1.0])
    first.requires_grad_()
    coupled, free = (o(reduction="none")(first, second) for o in (NTXent, DCL))
    for i in range(6):
        (a,) = torch.autograd.grad(coupled[i], first, retain_graph=True)
        (b,) = torch.autograd.grad(free[i], first, retain_graph=True)
        torch.testing.assert_close(a, -torch.expm1(-coupled[i].detach()) * b)
