"""Proxy anchor against the equation written out."""

import torch

from dipole.objectives import ProxyAnchor
from objectives.labels.test_margin_softmax import CLASSES, SETTINGS, AtDim, four_classes
from support.battery import Battery
from support.spec import cosine, lse


def oracle(anchor, labels, *, classes, dim, temperature, margin, seed):
    weights = ProxyAnchor(classes, dim, seed=seed).weights.detach().double().numpy()
    near, far = [], []
    for c, w in enumerate(weights):
        own = [
            (margin - cosine(a, w)) / temperature
            for a, y in zip(anchor, labels, strict=True)
            if y == c
        ]
        rest = [
            (margin + cosine(a, w)) / temperature
            for a, y in zip(anchor, labels, strict=True)
            if y != c
        ]
        near += [lse([0.0, *own])] if own else []
        far.append(lse([0.0, *rest]))
    return sum(near) / len(near) + sum(far) / len(far)


class TestProxyAnchor(Battery):
    spec = AtDim(
        "proxy-anchor", oracle, settings=({**SETTINGS},), draw=four_classes, rotation=False
    )


def test_a_class_that_is_not_in_the_batch_only_pushes():
    objective = ProxyAnchor(CLASSES, 3)
    objective(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64)).backward()
    assert bool((objective.weights.grad.abs().sum(1) > 0).all())
