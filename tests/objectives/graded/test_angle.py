"""AnglE against complex numbers, and by hand."""

import cmath

import numpy as np
import torch

from dipole.objectives import Angle
from support.battery import Battery
from support.spec import Spec, lse


def similarity(a, p):
    """|sum of real and imaginary parts| of the complex products a p*, both of length 1."""
    a, p = ([*x, 0.0] if len(x) % 2 else list(x) for x in (a, p))
    half = len(a) // 2
    whole = sum(
        complex(a[k], a[k + half]) * complex(p[k], p[k + half]).conjugate() for k in range(half)
    )
    size = np.linalg.norm(a) * np.linalg.norm(p)
    return abs(whole.real + whole.imag) / size


def oracle(anchor, positive, scores, *, temperature):
    found = [similarity(a, p) for a, p in zip(anchor, positive, strict=True)]
    wrong = [
        (found[j] - found[i]) / temperature
        for i in range(len(found))
        for j in range(len(found))
        if scores[i] > scores[j]
    ]
    return lse([0.0, *wrong])


def with_ties(sizes, generator):
    return {"scores": torch.randint(0, 3, (sizes.n,), generator=generator).double()}


class TestAngle(Battery):
    spec = Spec("angle", oracle, settings=({"temperature": 0.3},), draw=with_ties, rotation=False)


def test_a_turn_of_the_complex_plane_by_hand():
    """e^0 against e^(i t): cos t - sin t; at t = 45 degrees nothing."""
    for angle in (0.3, cmath.pi / 4):
        z = cmath.exp(1j * angle)
        anchor = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        positive = torch.tensor([[1.0, 0.0], [z.real, z.imag]])
        loss = Angle(temperature=1.0)(anchor, positive, torch.tensor([0.0, 1.0]))
        expected = np.log1p(np.exp(1 - abs(z.real - z.imag)))
        assert abs(loss.item() - expected) < 1e-6
