"""HN-NCE against the equation written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import HNNCE, InfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(anchor, positive, ids=None, *, temperature, alpha, beta, at, **_):
    n, directions = len(anchor), []
    both = [(anchor, positive, at["anchor"], at["positive"])]
    both.append((positive, anchor, at["positive"], at["anchor"]))
    for x, y, x_at, y_at in both:
        rows = []
        for i in range(n):
            negatives = [j for j in range(n) if j != i and (ids is None or ids[j] != ids[i])]
            frozen = [beta * cosine(x_at[i], y_at[j]) / temperature for j in negatives]
            terms = [
                cosine(x[i], y[j]) / temperature + math.log(len(negatives)) + b - lse(frozen)
                for j, b in zip(negatives, frozen, strict=True)
            ]
            own = cosine(x[i], y[i]) / temperature
            if alpha:
                terms.append(math.log(alpha) + own)
            rows.append(lse(terms) - own if terms else None)
        directions.append(rows)
    return tuple(directions)


class TestHNNCE(Battery):
    spec = Spec(
        "hn-nce",
        oracle,
        settings=(
            {"temperature": 0.3, "beta": 0.5, "alpha": 0.9},
            {"temperature": 0.3, "alpha": 0.0},
        ),
        detached=True,
    )


def test_beta_zero_and_alpha_one_is_infonce():
    a, p = torch.randn(2, 6, 4, dtype=torch.float64)
    ids = torch.tensor([0, 1, 2, 2, 3, 4])
    torch.testing.assert_close(
        HNNCE(temperature=0.1, beta=0)(a, p, ids), InfoNCE(temperature=0.1)(a, p, ids=ids)
    )


def test_hard_negatives_get_more_gradient_as_beta_grows():
    """Two negatives: the share of the nearer one in the pull of all."""
    anchor = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    shares = []
    for beta in (0.0, 0.5, 1.0):
        positive = torch.tensor([[1.0, 0.0], [0.8, 0.6], [-0.6, -0.8]], requires_grad=True)
        loss = HNNCE(temperature=1.0, beta=beta, reduction="none")(anchor, positive)[0]
        (gradient,) = torch.autograd.grad(loss, positive)
        near, far = gradient[1].norm(), gradient[2].norm()
        shares.append((near / (near + far)).item())
    assert shares == sorted(shares)
    assert shares[2] > shares[0] + 0.02


@pytest.mark.parametrize(("name", "value"), [("alpha", 1.5), ("alpha", -1), ("beta", -0.1)])
def test_settings_out_of_range(name, value):
    with pytest.raises(InputError, match=f"^{name}: found {value}, expected a number"):
        HNNCE(**{name: value})
