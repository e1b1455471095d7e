"""The ICNN loss against the equations written out, and what its score should say."""

import math

import torch

from dipole.objectives import ICNN
from support.battery import Battery
from support.spec import Spec


def oracle(views, labels=None, ids=None, *, k):
    z = [(i, x) for v in views for i, x in enumerate(v)]
    labels = range(len(views[0])) if labels is None else labels
    rows = []
    for a, (i, x) in enumerate(z):
        met = []
        for b, (j, y) in enumerate(z):
            alike = labels[i] == labels[j]
            if a != b and (alike or ids is None or ids[i] != ids[j]):
                met.append((float((x - y) @ (x - y)) ** 0.5, alike))
        met.sort(key=lambda one: one[0])
        stranger = next((d for d, alike in met if not alike), 0.0)
        nearest = met[:k]
        scale = max([stranger, *(d for d, _ in nearest)]) or 1.0
        rows.append(
            ([d / scale for d, alike in nearest if alike], [d for d, alike in nearest if not alike])
        )
    most = max([d for _, others in rows for d in others], default=0.0) or 1.0
    inner = [sum(near) / len(near) for near, _ in rows if near]
    outer = [sum(others) / len(others) / most for _, others in rows if others]
    near = sum(inner) / len(inner) if inner else 0.0
    far = sum(outer) / len(outer) if outer else 1.0
    found, every = (sum(len(x) for x in side) for side in zip(*rows, strict=True))
    pure = found / max(found + every, 1)
    return -math.log(((1 - near + far) / 2 + pure) / 2)


class TestICNN(Battery):
    spec = Spec("icnn", oracle, settings=({}, {"k": 2}), smooth=False, least=4)


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
