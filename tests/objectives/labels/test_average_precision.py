"""Smooth-AP and FastAP as the loops of their equations."""

import math

import torch

from dipole.objectives import FastAP, SmoothAP
from support.battery import Battery
from support.spec import Spec, cosine


def rows_of(views, labels):
    return [(labels[i] if labels is not None else i, x) for v in views for i, x in enumerate(v)]


def smooth(views, labels=None, *, temperature):
    rows = rows_of(views, labels)

    def step(x):
        return (1 + math.tanh(x / (2 * temperature))) / 2

    found = []
    for label, x in rows:
        s = [cosine(x, y) for _, y in rows]
        own = [j for j, (other, _) in enumerate(rows) if other == label]
        total = 0.0
        for j in own:
            above = {k: step(s[k] - s[j]) for k in range(len(rows)) if k != j}
            total += (1 + sum(above[k] for k in own if k != j)) / (1 + sum(above.values()))
        found.append(1 - total / len(own) if len(own) > 1 else None)
    return found


def binned(views, labels=None, *, bins):
    rows = rows_of(views, labels)
    found = []
    for a, (label, x) in enumerate(rows):
        ours, every = [0.0] * (bins + 1), [0.0] * (bins + 1)
        for b, (other, y) in enumerate(rows):
            if a != b:
                for point in range(bins + 1):
                    share = max(0.0, 1 - abs(2 - 2 * cosine(x, y) - 4 * point / bins) * bins / 4)
                    every[point] += share
                    ours[point] += share * (other == label)
        size = sum(other == label for other, _ in rows) - 1
        terms = [
            ours[b] * sum(ours[: b + 1]) / sum(every[: b + 1])
            for b in range(bins + 1)
            if sum(every[: b + 1])
        ]
        found.append(1 - sum(terms) / size if size else None)
    return found


class TestSmoothAP(Battery):
    spec = Spec("smooth-ap", smooth, settings=({"temperature": 0.1},))


class TestFastAP(Battery):
    spec = Spec("fast-ap", binned, settings=({"bins": 5},), smooth=False)


def test_a_right_order_costs_nothing_and_a_wrong_one_does():
    labels = torch.tensor([0, 0, 1, 1])
    right = torch.eye(2).repeat_interleave(2, 0)[None]
    wrong = right[:, [0, 2, 1, 3]]
    for loss in (SmoothAP(), FastAP()):
        assert loss(right, labels) < 1e-6 < loss(wrong, labels)


def test_a_row_alone_in_its_class_is_not_counted():
    z = torch.randn(1, 3, 4, requires_grad=True)
    for loss in (SmoothAP(), FastAP()):
        value = loss(z, torch.tensor([0, 1, 2]))
        value.backward()
        assert value.item() == 0
        assert not z.grad.any()
