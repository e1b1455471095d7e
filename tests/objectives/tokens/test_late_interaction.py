"""Token sets against the equations written out, and beside exact transport."""

import ot
import pytest
import torch

from dipole.errors import InputError
from dipole.kernels import pairs, total
from dipole.objectives import InfoNCE, LateInteraction, RelaxedMover
from dipole.objectives.tokens.late_interaction import TOKENS, relaxed_mover
from support.battery import Battery
from support.spec import Spec, cosine, lse


def best_matches(x, y):
    return sum(max(cosine(a, b) for b in y) for a in x)


def mover(x, y):
    return (best_matches(x, y) / len(x) + best_matches(y, x) / len(y)) / 2


def contrast(score):
    def oracle(
        anchor,
        positive,
        negative=None,
        anchor_mask=None,
        positive_mask=None,
        negative_mask=None,
        ids=None,
        *,
        temperature,
    ):
        def kept(x, mask):
            return x if mask is None else [row[m] for row, m in zip(x, mask, strict=True)]

        a, p = kept(anchor, anchor_mask), kept(positive, positive_mask)
        far = [] if negative is None else kept(negative, negative_mask)
        rows = []
        for i in range(len(a)):
            seen = [p[j] for j in range(len(p)) if j == i or ids is None or ids[i] != ids[j]]
            scores = [score(a[i], x) / temperature for x in [*seen, *far]]
            rows.append(lse(scores) - score(a[i], p[i]) / temperature)
        return rows

    return oracle


def token_sets(sizes, generator):
    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def mask(n, t):
        found = torch.rand(n, t, generator=generator) < 0.7
        found[:, 0] = True
        return found

    n, m, d = sizes.n, sizes.m, sizes.d
    return {
        "anchor": normal(n, 2, d),
        "positive": normal(n, 3, d),
        "negative": normal(m, 2, d),
        "anchor_mask": mask(n, 2),
        "positive_mask": mask(n, 3),
        "negative_mask": mask(m, 2),
    }


class TestLateInteraction(Battery):
    spec = Spec(
        "late-interaction",
        contrast(best_matches),
        settings=({"temperature": 0.5},),
        draw=token_sets,
        shapes=TOKENS,
    )


class TestRelaxedMover(Battery):
    spec = Spec(
        "clrcmd",
        contrast(mover),
        settings=({"temperature": 0.3},),
        draw=token_sets,
        shapes=TOKENS,
    )


def test_one_token_each_is_infonce():
    anchor, positive = torch.randn(2, 5, 3, dtype=torch.float64)
    wanted = InfoNCE(0.1, symmetric=False)(anchor, positive)
    for objective in (LateInteraction(0.1), RelaxedMover(0.1)):
        torch.testing.assert_close(objective(anchor[:, None], positive[:, None]), wanted)


def test_the_relaxed_score_is_never_below_exact_transport():
    for _ in range(5):
        a, b = torch.randn(4, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
        a, b = (torch.nn.functional.normalize(x) for x in (a, b))
        c = a @ b.T
        plan = torch.from_numpy(ot.emd([], [], (1 - c).numpy()))
        seen = [a[None], torch.ones(1, 4).bool()], [b[None], torch.ones(1, 5).bool()]
        relaxed = pairs(*seen, score=relaxed_mover(), row=[total()]).row[0]
        assert relaxed.item() >= (plan * c).sum().item() - 1e-12


def test_nothing_but_padding():
    x = torch.randn(3, 2, 4)
    with pytest.raises(InputError, match="anchor_mask: found a row without any token, expected"):
        RelaxedMover()(x, x, anchor_mask=torch.zeros(3, 2).bool())
