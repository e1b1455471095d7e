"""Team-up against the equation written out."""

import torch

from dipole.objectives import NTXent, TeamUp
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(anchor, positive, scores, ids=None, *, temperature, gamma):
    views, n, rows = (anchor, positive), len(anchor), []

    def similarity(i, v, j, w):
        bonus = gamma * scores[i] + gamma * scores[j]
        return (cosine(views[v][i], views[w][j]) + bonus) / temperature

    for i in range(n):
        losses = []
        for v in (0, 1):
            own = similarity(i, v, i, 1 - v)
            negatives = [
                similarity(i, v, j, w)
                for w in (0, 1)
                for j in range(n)
                if j != i and (ids is None or ids[j] != ids[i])
            ]
            losses.append(lse([own, *negatives]) - own)
        rows.append(sum(losses) / 2)
    return rows


class TestTeamUp(Battery):
    spec = Spec("team-up", oracle, settings=({"temperature": 0.3, "gamma": 0.2},))


def test_equal_strengths_are_ntxent():
    a, p = torch.randn(2, 5, 4)
    wanted = NTXent(temperature=0.4)(a, p)
    torch.testing.assert_close(TeamUp()(a, p, torch.full((5,), 0.7)), wanted)
    torch.testing.assert_close(TeamUp(gamma=0.0)(a, p, torch.randn(5)), wanted)


def test_strong_candidates_are_pushed_more():
    a, p = torch.eye(4).requires_grad_(), torch.eye(4)
    strength = torch.tensor([0.0, 1.0, 0.0, 0.0])
    loss = TeamUp(reduction="none")(a, p, strength)
    (g,) = torch.autograd.grad(loss[0], a)
    assert g[0, 1] > 5 * g[0, 2] > 0
