"""The bidirectional margin against the equation written out."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import BidirectionalMargin
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, positive, labels, *, alpha, beta, over):
    n, rows, found = len(anchor), [], 0
    for i in range(n):
        loss = 0.0
        for j in range(n):
            if j != i and labels[j] == labels[i]:
                d = cosine(anchor[i], positive[j]) - cosine(anchor[i], positive[i])
                loss += max(d + alpha, 0) + max(-d - beta, 0)
                found += 1
        rows.append(loss)
    size = n * n if over == "all" else max(found, 1)
    return [row * n / size for row in rows]


class TestBidirectionalMargin(Battery):
    spec = Spec(
        "bidirectional-margin",
        oracle,
        settings=({}, {"alpha": 0.25, "beta": 0.3}, {"over": "found"}),
        smooth=False,
    )


@pytest.mark.parametrize(
    ("angle_cosine", "wanted"), [(0.8, 0.0), (0.6, 0.0), (0.0, 0.5), (1.0, 0.1)]
)
def test_inside_the_band_nothing_pulls(angle_cosine, wanted):
    """D from -0.5 to -0.1 is free; a lower one is pulled up, a higher one pushed down."""
    sine = (1 - angle_cosine**2) ** 0.5
    a = torch.tensor([[1.0, 0.0], [angle_cosine, sine]])
    objective = BidirectionalMargin(alpha=0.1, beta=0.5, over="found")
    found = objective(a, a, torch.zeros(2, dtype=torch.long))
    assert found.item() == pytest.approx(wanted, abs=1e-6)


def test_alpha_above_beta():
    with pytest.raises(InputError, match=r"^alpha: found 0.5, expected at most beta = 0.3"):
        BidirectionalMargin(alpha=0.5)
    with pytest.raises(InputError, match=r"^over: found 'pairs', expected 'all' or 'found'"):
        BidirectionalMargin(over="pairs")
