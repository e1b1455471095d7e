"""WhitenedCSE against the equation written out, and its permutations."""

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import InfoNCE, WhitenedCSE
from support.battery import Battery
from support.spec import Spec, cosine, lse

DIM = 4  # two groups of two


def oracle(views, ids=None, *, groups, temperature, epsilon, through, dim, seed, at):
    orders = WhitenedCSE(groups, seed=seed).permutations(*views.shape[::2]).numpy()
    then = at["views"]
    white = [
        whitened(x, x if through else y, order, groups, epsilon)
        for x, y, order in zip(views, then, orders, strict=True)
    ]
    if dim is not None:
        w, b = (x.detach().double().numpy() for x in WhitenedCSE(dim=dim, seed=seed).parameters())
        white = [np.array([np.tanh(w @ row + b) for row in view]) for view in white]
    rows = []
    for i in range(len(views[0])):
        loss = 0.0
        for other in white[1:]:
            scores = [
                cosine(white[0][i], other[j]) / temperature
                for j in range(len(other))
                if i == j or ids is None or ids[i] != ids[j]
            ]
            loss += lse(scores) - cosine(white[0][i], other[i]) / temperature
        rows.append(loss)
    return rows


def whitened(x, then, order, groups, epsilon):
    """ZCA group by group; `then` are the vectors that the covariance is of."""
    n, d = x.shape
    result = np.zeros((n, d))
    for g in range(groups):
        mine = order[g * d // groups : (g + 1) * d // groups]
        y, fixed = (z[:, mine] - z[:, mine].mean(0) for z in (x, then))
        c = sum(np.outer(row, row) for row in fixed) / n
        s, u = np.linalg.eigh(c)
        result[:, mine] = y @ u @ np.diag((s + epsilon) ** -0.5) @ u.T
    return result


class Still(Spec):
    """Dimensions for the groups, and steps that stand still."""

    def inputs(self, n=5, m=3, d=DIM, seed=0):
        return super().inputs(n, m, DIM, seed)

    def build(self, settings, **common):
        return super().build(settings, **common).eval()


class TestWhitenedCSE(Battery):
    spec = Still(
        "whitenedcse",
        oracle,
        settings=(
            {"groups": 2, "temperature": 0.3, "epsilon": 0.05},
            {"groups": 1, "temperature": 0.3, "epsilon": 0.2, "through": True},
            {"groups": 2, "temperature": 0.3, "epsilon": 0.05, "dim": DIM},
        ),
        rotation=False,
        detached=True,
        least=6,
    )

    def test_gradient_cache(self):
        """The tower of that test makes three dimensions."""
        three = Battery()
        three.spec = Spec("whitenedcse", oracle, settings=({"groups": 1}, {"groups": 3}))
        three.test_gradient_cache()


def test_every_training_step_shuffles_anew_and_a_copy_continues():
    objective = WhitenedCSE(groups=2)
    views = torch.randn(2, 16, 4)
    values = [objective(views).item() for _ in range(4)]
    assert len(set(values)) > 1
    copy = WhitenedCSE(groups=2)
    copy.load_state_dict(objective.state_dict())
    assert copy(views).item() == objective(views).item()


def test_dimensions_that_the_groups_do_not_divide():
    with pytest.raises(InputError, match=r"views: found shape \(2, 5, 4\), expected d a multiple"):
        WhitenedCSE(groups=3)(torch.randn(2, 5, 4))


def test_vectors_that_the_head_does_not_take():
    with pytest.raises(InputError, match=r"^views: found shape \(2, 5, 4\), expected \(v, n, 6\)"):
        WhitenedCSE(groups=2, dim=6)(torch.randn(2, 5, 4))


def test_white_views_in_one_group_are_infonce():
    x = torch.linalg.qr(torch.randn(16, 4, dtype=torch.float64)).Q
    x = x - x.mean(0)
    x = torch.linalg.qr(x).Q  # columns of mean 0 that are orthonormal: white, but for a factor
    found = WhitenedCSE(groups=1, epsilon=1e-12)(torch.stack([x, x]))
    torch.testing.assert_close(found, InfoNCE(0.05, symmetric=False)(x, x))
