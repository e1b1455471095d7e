"""CWCL against the equation written out."""

import torch

from dipole.objectives import CWCL, InfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(anchor, positive, ids=None, *, temperature, at, **_):
    n, frozen = len(anchor), at["positive"]
    weighted, plain = [], []
    for i in range(n):
        meet = [j for j in range(n) if j == i or ids is None or ids[j] != ids[i]]
        w = [0.5 * cosine(frozen[i], frozen[j]) + 0.5 for j in meet]
        forth = [cosine(anchor[i], positive[j]) / temperature for j in meet]
        back = [cosine(positive[i], anchor[j]) / temperature for j in meet]
        log_z = lse(forth)
        weighted.append(-sum(a / sum(w) * (s - log_z) for a, s in zip(w, forth, strict=True)))
        plain.append(lse(back) - cosine(anchor[i], positive[i]) / temperature)
    return weighted, plain


class TestCWCL(Battery):
    spec = Spec("cwcl", oracle, settings=({"temperature": 0.3},), detached=True)


def test_opposite_pairs_are_no_positives_of_each_other():
    """Weights 0 off the diagonal: plain InfoNCE."""
    p = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    a = torch.randn(2, 2)
    torch.testing.assert_close(CWCL()(a, p), InfoNCE(temperature=0.07)(a, p))


def test_it_pulls_towards_what_the_frozen_side_finds_alike():
    """Anchor 0 at right angles to two wrong keys: it turns to the one that is like its own."""
    p = torch.tensor([[1.0, 0, 0], [0.9, 0.4, 0.0], [-0.9, 0.0, 0.4]])
    a = torch.eye(3)[[0, 1, 2]].clone().requires_grad_()
    (g,) = torch.autograd.grad(CWCL(temperature=1.0, reduction="none")(a, p)[0], a)
    (plain,) = torch.autograd.grad(InfoNCE(temperature=1.0, reduction="none")(a, p)[0], a)
    assert -g[0, 1] > -plain[0, 1]  # towards key 1, more than InfoNCE
