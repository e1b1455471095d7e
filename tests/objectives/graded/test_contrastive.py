"""The contrastive margin loss, on given pairs and on all pairs of a batch."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import BatchContrastive, Contrastive
from support.battery import Battery
from support.spec import Spec, cosine


def apart(x, y):
    return math.sqrt(max(0.0, 2 - 2 * cosine(x, y)))


def oracle(anchor, positive, scores, *, margin, distance):
    rows = []
    for a, p, y in zip(anchor, positive, scores, strict=True):
        d = 1 - cosine(a, p) if distance == "cosine" else apart(a, p)
        rows.append(y * d**2 / 2 + (1 - y) * max(0, margin - d) ** 2 / 2)
    return rows


def batch_oracle(views, labels=None, ids=None, *, margin):
    index = [(v, i) for v in range(len(views)) for i in range(len(views[0]))]
    labels = range(len(views[0])) if labels is None else labels
    rows = []
    for v, i in index:
        pull, push = [], []
        for w, j in index:
            d = apart(views[v][i], views[w][j])
            if (w, j) == (v, i):
                continue
            if labels[i] == labels[j]:
                pull.append(d**2 / 2)
            elif ids is None or ids[i] != ids[j]:
                push.append(max(0, margin - d) ** 2 / 2)
        rows.append(sum(pull) / max(len(pull), 1) + sum(push) / max(len(push), 1))
    return rows


def yes_or_no(sizes, generator):
    return {"scores": torch.randint(0, 3, (sizes.n,), generator=generator).double() / 2}


class TestContrastive(Battery):
    spec = Spec(
        "contrastive",
        oracle,
        settings=({"margin": 1.2}, {"margin": 0.5, "distance": "cosine"}),
        draw=yes_or_no,
        smooth=False,
    )


class TestBatchContrastive(Battery):
    spec = Spec("contrastive-batch", batch_oracle, settings=({"margin": 1.2},), smooth=False)


def test_a_score_outside_0_and_1():
    x = torch.eye(2)
    with pytest.raises(InputError, match=r"scores: found 4, expected 0 \(negative\) to 1"):
        Contrastive()(x, x, torch.tensor([0.0, 4.0]))


def test_equal_vectors_have_a_gradient_that_is_finite():
    x = torch.ones(1, 3, 2, requires_grad=True)
    loss = BatchContrastive()(x, labels=torch.tensor([0, 1, 2]))
    assert loss.item() == pytest.approx(0.5, abs=1e-3)
    assert torch.autograd.grad(loss, x)[0].isfinite().all()
