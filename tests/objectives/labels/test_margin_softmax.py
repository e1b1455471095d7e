"""ArcFace and CosFace against angles written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import ArcFace, CosFace
from support.battery import Battery
from support.spec import Spec, cosine, lse

CLASSES = 10  # as many as a batch of the battery has rows


class AtDim(Spec):
    def inputs(self, n=5, m=3, d=3, seed=0):
        return super().inputs(n, m, 3, seed)


def four_classes(sizes, generator):
    return {"labels": torch.randint(0, 4, (sizes.n,), generator=generator)}


def rows(weights, harder, anchor, labels, temperature):
    found = []
    for a, y in zip(anchor, labels, strict=True):
        angles = [math.acos(max(-1.0, min(1.0, cosine(a, w)))) for w in weights]
        logits = [math.cos(angle) / temperature for angle in angles]
        logits[y] = harder(angles[y]) / temperature
        found.append(lse(logits) - logits[y])
    return found


def arcface(anchor, labels, *, classes, dim, temperature, margin, seed):
    weights = ArcFace(classes, dim, seed=seed).weights.detach().double().numpy()

    def harder(angle):
        if angle > math.pi - margin:
            return math.cos(angle) - margin * math.sin(margin)
        return math.cos(angle + margin)

    return rows(weights, harder, anchor, labels, temperature)


def cosface(anchor, labels, *, classes, dim, temperature, margin, seed):
    weights = CosFace(classes, dim, seed=seed).weights.detach().double().numpy()
    return rows(weights, lambda angle: math.cos(angle) - margin, anchor, labels, temperature)


SETTINGS = {"classes": CLASSES, "dim": 3, "temperature": 0.3}


class TestArcFace(Battery):
    spec = AtDim(
        "arcface",
        arcface,
        settings=({**SETTINGS}, {**SETTINGS, "margin": 1.5}),
        draw=four_classes,
        rotation=False,
        smooth=False,
    )


class TestCosFace(Battery):
    spec = AtDim("cosface", cosface, settings=({**SETTINGS},), draw=four_classes, rotation=False)


def test_a_smaller_angle_is_always_better():
    """Also where the angle and its margin are more than a half turn."""
    objective = ArcFace(2, 2, margin=1.0)
    values = objective.harder(torch.linspace(-1, 1, 400, dtype=torch.float64))
    assert bool((values.diff() > 0).all())


def test_at_the_ends_the_gradient_is_finite():
    cosine = torch.tensor([-1.0, 1.0], requires_grad=True)
    ArcFace(2, 2).harder(cosine).sum().backward()
    assert bool(cosine.grad.isfinite().all())


def test_without_a_margin_it_is_a_cosine_classifier():
    anchor, labels = torch.randn(6, 3), torch.randint(0, 4, (6,))
    for cls in (ArcFace, CosFace):
        objective = cls(4, 3, margin=0.0)
        unit = torch.nn.functional.normalize
        logits = unit(anchor, dim=1) @ unit(objective.weights, dim=1).T * 64
        torch.testing.assert_close(
            objective(anchor, labels), torch.nn.functional.cross_entropy(logits, labels)
        )


def test_labels_that_are_not_numbered():
    with pytest.raises(InputError, match=r"found 1 to 9, expected 0 to 2 \(--part classes"):
        CosFace(3, 2)(torch.randn(2, 2), torch.tensor([1, 9]))
