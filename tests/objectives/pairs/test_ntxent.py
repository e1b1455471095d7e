"""NT-Xent against Algorithm 1 of the paper written out, and beside InfoNCE."""

import pytest
import torch

from dipole.objectives import NTXent
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(anchor, positive, ids=None, *, temperature):
    return [one_view(anchor, positive, ids, temperature, i) for i in range(len(anchor))]


def one_view(anchor, positive, ids, temperature, i):
    """The mean of the losses of both views of example i."""
    views = (anchor, positive)
    losses = []
    for v in (0, 1):
        hit = cosine(views[v][i], views[1 - v][i]) / temperature
        scores = [hit]
        for w in (0, 1):
            for j in range(len(anchor)):
                if j != i and (ids is None or ids[j] != ids[i]):
                    scores.append(cosine(views[v][i], views[w][j]) / temperature)
        losses.append(lse(scores) - hit)
    return sum(losses) / 2


class TestNTXent(Battery):
    spec = Spec("ntxent", oracle, settings=({"temperature": 0.3},))


def test_is_the_cross_entropy_over_2n_views():
    first, second = torch.randn(2, 5, 3, dtype=torch.float64)
    z = torch.nn.functional.normalize(torch.cat([first, second]), dim=1)
    logits = (z @ z.T / 0.5).fill_diagonal_(-torch.inf)
    wanted = torch.nn.functional.cross_entropy(logits, torch.arange(10).roll(5))
    torch.testing.assert_close(NTXent(temperature=0.5)(first, second), wanted)


@pytest.mark.parametrize("temperature", [0.05, 0.02])
def test_an_easy_pair_keeps_its_small_gradient_in_float32(temperature):
    """Positives are equal, negatives orthogonal: the gradient is tiny, and of the right size."""
    torch.manual_seed(0)
    x = torch.eye(8, 16) + 0.05 * torch.randn(8, 16)
    y = x + 0.02 * torch.randn(8, 16)

    def gradient(dtype):
        anchor, positive = x.to(dtype).requires_grad_(), y.to(dtype)
        return torch.autograd.grad(NTXent(temperature)(anchor, positive), anchor)[0].double()

    wanted = gradient(torch.float64)
    assert 0 < wanted.norm() < 1e-4
    assert (gradient(torch.float32) - wanted).norm() < 1e-3 * wanted.norm()
