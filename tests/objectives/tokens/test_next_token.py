"""The likelihood of texts and of answers, and tokens told from each other."""

import pytest
import torch

from dipole.objectives import NextToken, TokenContrast
from dipole.objectives.tokens.sft import SFT
from support.battery import Battery
from support.preferences import pairs
from support.spec import Spec, cosine


def tokens(sizes, generator):
    mask = torch.rand(sizes.n, 4, generator=generator) < 0.7
    mask[:, :2] = True
    logps = -torch.rand(sizes.n, 4, generator=generator, dtype=torch.float64) - 0.1
    states = torch.randn(sizes.n, 4, max(sizes.d, 2), generator=generator, dtype=torch.float64)
    foreseen = mask.clone()
    foreseen[:, 0] = False
    found = {"anchor_logps": logps, "anchor_foreseen": foreseen}
    return found | {"anchor_mask": mask, "anchor": states}


def of(*names):
    return lambda sizes, generator: {name: tokens(sizes, generator)[name] for name in names}


def foreseen(anchor_logps, anchor_foreseen):
    rows = zip(anchor_logps, anchor_foreseen, strict=True)
    found = [logp for row, which in rows for logp in row[which]]
    return -sum(found) / len(found) if found else 0.0


def spread(anchor, anchor_mask=None, *, margin):
    total, count = 0.0, 0
    for i, states in enumerate(anchor):
        kept = [h for t, h in enumerate(states) if anchor_mask is None or anchor_mask[i][t]]
        for s, one in enumerate(kept):
            for t, other in enumerate(kept):
                if s != t:
                    total += max(0.0, margin - cosine(one, one) + cosine(one, other))
                    count += 1
    return total / max(count, 1)


def answered(logps, lengths, ratings=None, answer_mask=None):
    total, count = 0.0, 0
    for i, row in enumerate(logps):
        answers = len(row) if answer_mask is None else 1 + sum(answer_mask[i][1:])
        if ratings is not None and answers == 1 and ratings[i][0] <= 0:
            continue
        total, count = total + row[0], count + int(lengths[i][0])
    return -total / max(count, 1)


class TestNextToken(Battery):
    spec = Spec(
        "next-token", foreseen, draw=of("anchor_logps", "anchor_foreseen"), rotation=False,
    )  # fmt: skip


class TestTokenContrast(Battery):
    spec = Spec(
        "token-contrast",
        spread,
        settings=({}, {"margin": 2.0}, {"margin": 0.0}),
        draw=of("anchor", "anchor_mask"),
        shapes=TokenContrast.shapes,
        smooth=False,
    )


class TestSFT(Battery):
    spec = Spec(
        "sft", answered, draw=pairs("logps", "lengths", "ratings", "answer_mask"), rotation=False
    )


def test_a_perplexity_is_that_of_a_fair_die():
    logps = torch.full((2, 5), -torch.tensor(6.0).log().item())
    loss = NextToken()(logps, torch.ones(2, 5, dtype=torch.bool))
    assert loss.exp().item() == pytest.approx(6.0)


def test_with_margin_2_it_is_what_the_mean_of_unit_states_says():
    """sum_{s != t} cos = |sum of unit states|^2 - t, so no pair has to be looked at."""
    states = torch.randn(1, 7, 3, dtype=torch.float64)
    unit = states[0] / states[0].norm(dim=1, keepdim=True)
    wanted = 1 + (unit.sum(0).square().sum() - 7) / 42
    torch.testing.assert_close(TokenContrast(margin=2.0)(states), wanted)


def test_a_bad_answer_alone_is_not_learnt():
    logps, lengths = torch.tensor([[-6.0], [-2.0]]), torch.tensor([[3], [2]])
    ratings, there = torch.tensor([[0.0], [1.0]]), torch.ones(2, 1, dtype=torch.bool)
    assert SFT()(logps, lengths, ratings, there).item() == 1.0
