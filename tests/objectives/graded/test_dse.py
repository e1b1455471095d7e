"""DSE: the head by hand, and the two parts of the loss."""

import math

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import DSE
from support.battery import Battery
from support.spec import Spec, lse

DIM, CLASSES = 3, 9


def oracle(
    anchor,
    positive,
    teacher_scores=None,
    labels=None,
    scores=None,
    *,
    dim,
    outputs,
    hidden,
    distil,
    seed,
):
    distil = 0.5 if distil is None else distil
    head = DSE(dim, outputs, hidden=hidden, seed=seed).double().head
    w1, b1, w2, b2 = (x.detach().numpy() for x in head.parameters())
    rows = []
    for i, (u, v) in enumerate(zip(anchor, positive, strict=True)):
        pair = np.concatenate([u, v, u * v, abs(u - v)])
        y = w2 @ np.maximum(0, w1 @ pair + b1) + b2
        parts = []
        if teacher_scores is not None:
            errors = [(y[c] - teacher_scores[i][c]) ** 2 for c in range(outputs)]
            parts.append((distil, sum(errors)))
        if outputs > 1 and labels is not None:
            parts.append((1 - distil, lse(y) - y[labels[i]]))
        if outputs == 1 and scores is not None:
            parts.append((1 - distil, (y[0] - scores[i]) ** 2))
        rows.append(parts[0][1] if len(parts) == 1 else sum(w * x for w, x in parts))
    return rows


class AtDim(Spec):
    """A batch of the dimension the head takes, which has a teacher at least."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "optional", ("labels", "scores"))

    def inputs(self, n=5, m=3, d=DIM, seed=0):
        return super().inputs(n, m, DIM, seed)


def teacher(outputs):
    def draw(sizes, generator):
        return {
            "teacher_scores": torch.randn(sizes.n, outputs, generator=generator).double(),
            "labels": torch.randint(0, CLASSES, (sizes.n,), generator=generator),
        }

    return draw


class TestDSE(Battery):
    spec = AtDim(
        "dse",
        oracle,
        settings=(
            {"dim": DIM, "outputs": CLASSES, "hidden": 5},
            {"dim": DIM, "outputs": CLASSES, "hidden": 5, "distil": 0.2},
        ),
        draw=teacher(CLASSES),
        rotation=False,
        smooth=False,
    )


class TestDSEOfScores(Battery):
    spec = AtDim(
        "dse",
        oracle,
        settings=({"dim": DIM, "outputs": 1, "hidden": 5},),
        draw=teacher(1),
        rotation=False,
        smooth=False,
    )


def test_labels_alone():
    objective = DSE(DIM, 4)
    u, v, labels = torch.randn(6, DIM), torch.randn(6, DIM), torch.arange(6) % 4
    wanted = torch.nn.functional.cross_entropy(objective.head(u, v), labels)
    torch.testing.assert_close(objective(u, v, labels=labels), wanted)


def test_it_learns_a_teacher():
    """A head on frozen vectors follows the products of their coordinates."""
    u, v = torch.randn(2, 200, DIM)
    t = (u * v).sum(1, keepdim=True)
    objective = DSE(DIM, 1, hidden=32)
    optimiser = torch.optim.Adam(objective.parameters(), 0.01)
    first = objective(u, v, teacher_scores=t).item()
    for _ in range(200):
        optimiser.zero_grad()
        loss = objective(u, v, teacher_scores=t)
        loss.backward()
        optimiser.step()
    assert loss.item() < first / 20
    assert math.isfinite(first)


def test_bad_input():
    u = torch.randn(2, DIM)
    for outputs, wanted in ((1, "scores"), (3, "labels")):
        with pytest.raises(InputError, match=rf"^{wanted}: found none, expected {wanted}, teach"):
            DSE(DIM, outputs)(u, u)
    with pytest.raises(InputError, match=r"^teacher_scores: found shape \(2, 4\), expected \(n, 3"):
        DSE(DIM, 3)(u, u, teacher_scores=torch.randn(2, 4))
    with pytest.raises(InputError, match=r"^anchor: found shape \(2, 3\), expected \(n, 8\)"):
        DSE(8)(u, u)
    with pytest.raises(InputError, match=r"^labels: found 0 to 5, expected 0 to 2"):
        DSE(DIM, 3)(u, u, labels=torch.tensor([0, 5]))
    with pytest.raises(InputError, match=r"^distil: found 2, expected a number from 0 to 1"):
        DSE(DIM, distil=2)
