"""The ICNN loss against the equations written out, and what its score should say."""

import math

import torch

from dipole.objectives import ICNN
from support.battery import Battery
from support.spec import Spec


def oracle(views, labels=None, ids=None, *, k, temperature):
    z = [(i, x) for v in views for i, x in enumerate(v)]
    labels = range(len(views[0])) if labels is None else labels
    most = max(float((x - y) @ (x - y)) for _, x in z for _, y in z) or 1.0
    rows = []
    for a, (i, x) in enumerate(z):
        alike, others = [], []
        for b, (j, y) in enumerate(z):
            d = float((x - y) @ (x - y)) / most
            if a != b and labels[i] == labels[j]:
                alike.append(d)
            elif labels[i] != labels[j] and (ids is None or ids[i] != ids[j]):
                others.append(d)
        if not alike or not others:
            rows.append(None)
            continue
        inner, inner_spread = moments(sorted(alike)[:k])
        outer, outer_spread = moments(sorted(others)[:k])
        apart = (outer - inner + 1) / 2
        even = 1 - (inner_spread + outer_spread) / (1 / 2)
        weights = [math.exp(-d / temperature) for d in alike]
        pure = sum(weights) / (sum(weights) + sum(math.exp(-d / temperature) for d in others))
        rows.append(1 - apart * even * pure)
    return rows


def moments(values):
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values)


class TestICNN(Battery):
    spec = Spec("icnn", oracle, settings=({"k": 2, "temperature": 0.3},), smooth=False)


def test_separated_clusters_score_near_1_and_shuffled_labels_low():
    centres = 10 * torch.eye(4).repeat_interleave(8, 0)
    z = (centres + torch.randn(32, 4) / 20)[None]
    labels = torch.arange(32) // 8
    assert 1 - ICNN()(z, labels).item() > 0.95
    assert 1 - ICNN()(z, labels[torch.randperm(32)]).item() < 0.5


def test_scale_means_nothing():
    z = torch.randn(1, 8, 3, dtype=torch.float64)
    labels = torch.arange(8) % 2
    torch.testing.assert_close(ICNN()(7 * z, labels), ICNN()(z, labels))
