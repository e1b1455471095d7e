"""InfoNCE with weights from graded scores, against the equation written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import InfoNCE, WeightedInfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(anchor, positive, scores, ids=None, *, temperature, weight_of, highest, **_):
    n = len(anchor)
    of = {
        "linear": lambda r: r,
        "log": lambda r: math.log(1 + r),
        "inverse": lambda r: 1 / (highest + 1 - r),
        "constant": lambda r: 1.0,
    }[weight_of]
    weights = [of(float(r)) for r in scores]
    directions = []
    for x, y in ((anchor, positive), (positive, anchor)):
        rows = []
        for i in range(n):
            meet = [j for j in range(n) if j == i or ids is None or ids[j] != ids[i]]
            loss = lse(cosine(x[i], y[j]) / temperature for j in meet)
            loss -= cosine(x[i], y[i]) / temperature
            rows.append(weights[i] * loss * n / sum(weights))
        directions.append(rows)
    return tuple(directions)


def draw(sizes, generator):
    return {"scores": 100 * torch.rand(sizes.n, generator=generator, dtype=torch.float64)}


class TestWeightedInfoNCE(Battery):
    spec = Spec(
        "weighted-infonce",
        oracle,
        settings=tuple({"temperature": 0.3, "weight_of": w} for w in ("linear", "log", "inverse")),
        draw=draw,
    )


def test_constant_weights_are_infonce():
    a, p = torch.randn(2, 5, 4)
    found = WeightedInfoNCE(weight_of="constant")(a, p, torch.rand(5))
    torch.testing.assert_close(found, InfoNCE(temperature=0.07)(a, p))


def test_the_size_of_the_scores_means_nothing():
    a, p, scores = torch.randn(5, 4), torch.randn(5, 4), torch.rand(5)
    torch.testing.assert_close(
        WeightedInfoNCE()(a, p, scores), WeightedInfoNCE()(a, p, 30 * scores)
    )
    assert WeightedInfoNCE()(a, p, torch.zeros(5)).item() == 0


def test_scores_out_of_range():
    a, p = torch.randn(2, 3, 4)
    with pytest.raises(InputError, match=r"^scores: found -1, expected 0 or more"):
        WeightedInfoNCE()(a, p, torch.tensor([1.0, -1, 2]))
    with pytest.raises(InputError, match=r"^scores: found 101, expected 100 at most"):
        WeightedInfoNCE(weight_of="inverse")(a, p, torch.tensor([1.0, 101, 2]))
    with pytest.raises(InputError, match=r"^weight_of: found 'square', expected 'linear', "):
        WeightedInfoNCE(weight_of="square")
