"""The losses of systems of preferences against double loops over their equations."""

import math

import pytest
import torch

from dipole.objectives import DPO, SimPO
from dipole.systems.language_models.ampo import GroupContrast
from dipole.systems.language_models.clha import RankMargin
from dipole.systems.language_models.d2o import D2O, NPO, Ascent
from dipole.systems.language_models.online_offline_gap import BestOfTwo
from dipole.systems.language_models.selfie_spa import SelfRefined


def log_sigmoid(x):
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return -3 * torch.rand(*shape, generator=generator, dtype=torch.double)


# Rows of 4, 2, 1 and 3 answers: one of them does not count.
COUNTS = (4, 2, 1, 3)
MASK = torch.arange(4) < torch.tensor(COUNTS)[:, None]


def gradients_are_right(function, *inputs):
    return torch.autograd.gradcheck(function, [x.clone().requires_grad_() for x in inputs])


def test_d2o_is_its_equation():
    policy, reference = drawn(4, 4), drawn(4, 4, seed=1)
    losses = []
    for row, k in enumerate(COUNTS):
        moved = [float(policy[row, i] - reference[row, i]) for i in range(k)]
        if k > 1:
            losses.append(-log_sigmoid(0.3 * sum(moved[:-1]) / (k - 1) - 0.7 * moved[-1]))
    objective = D2O(beta=0.3, alpha=0.7)
    assert objective(policy, reference, MASK).item() == pytest.approx(sum(losses) / 3, abs=1e-12)
    assert gradients_are_right(lambda x: objective(x, reference, MASK), policy)


def test_d2o_of_one_is_dpo_and_of_several_below_their_mean():
    policy, reference = drawn(5, 4), drawn(5, 4, seed=1)
    pairs = [
        DPO(reduction="none")(policy[:, [k, 3]], reference[:, [k, 3]]) for k in range(3)
    ]  # each own answer against the bad one
    one = D2O(reduction="none")(policy[:, [1, 3]], reference[:, [1, 3]])
    torch.testing.assert_close(one, pairs[1])
    assert (D2O(reduction="none")(policy, reference) <= torch.stack(pairs).mean(0)).all()


def test_unlearning_reads_bad_answers_alone():
    policy, reference = drawn(4, 1), drawn(4, 1, seed=1)
    ratings = torch.tensor([[0.0], [1.0], [0.0], [0.0]], dtype=torch.double)
    bad = [0, 2, 3]
    moved = [float(policy[i, 0] - reference[i, 0]) for i in bad]
    wanted = sum(-2 / 0.5 * log_sigmoid(-0.5 * x) for x in moved) / 3
    assert NPO(beta=0.5)(policy, reference, ratings).item() == pytest.approx(wanted, abs=1e-12)
    ascent = Ascent()(policy, ratings).item()
    assert ascent == pytest.approx(float(policy[bad].mean()), abs=1e-12)
    slope = torch.autograd.functional.jacobian(lambda x: Ascent()(x, ratings), policy)
    small = torch.autograd.functional.jacobian(
        lambda x: NPO(beta=1e-6)(x, reference, ratings), policy
    )
    torch.testing.assert_close(small, slope, rtol=0, atol=1e-5)


def test_group_contrast_is_its_equation():
    means, ratings = drawn(4, 4), drawn(4, 4, seed=1)
    losses = []
    for row, k in enumerate(COUNTS):
        pool = [float(ratings[row, i]) for i in range(k)]
        centre = sum(pool) / k  # as printed; it drops out
        scores = [math.exp(2.0 * float(means[row, i]) + 0.5 * (pool[i] - centre)) for i in range(k)]
        if k > 1:
            losses.append(-math.log(sum(scores[:2]) / sum(scores)))
    objective = GroupContrast(beta=2.0, alpha=0.5, positives=2)
    found = objective(means, ratings, MASK).item()
    assert found == pytest.approx(sum(losses) / 3, abs=1e-12)
    assert gradients_are_right(lambda x: objective(x, ratings, MASK), means)


def test_group_contrast_of_two_is_simpo_without_a_margin():
    means = drawn(5, 2)
    found = GroupContrast(beta=2.0, alpha=0.0)(means, torch.zeros_like(means))
    torch.testing.assert_close(found, SimPO(beta=2.0, gamma=0.0)(means))


def rank_margin(means, sums, ratings, counts, margin, gate, worth, weight):
    total, widest = 0.0, max(counts)
    for d in range(1, widest):
        hinges = []
        for row, k in enumerate(counts):
            for i in range(k - d):
                gap = float(means[row, i] - means[row, i + d])
                if abs(float(ratings[row, i] - ratings[row, i + d])) > gate:
                    hinges.append(max(0.0, margin * d - gap))
        total += sum(hinges) / len(hinges) if hinges else 0.0
    several = [row for row, k in enumerate(counts) if k > 1]
    for row in several:
        if float(ratings[row, 0]) > worth:
            k = counts[row]
            total -= weight * (k - 1) ** 2 * float(sums[row, 0]) / len(several)
    return total


def test_rank_margin_is_its_equation():
    means, sums, ratings = drawn(4, 4), drawn(4, 4, seed=1), drawn(4, 4, seed=2)
    settings = {"margin": 0.8, "gate": 0.5, "worth": -1.5, "weight": 0.1}
    objective = RankMargin(**settings)
    found = objective(means, sums, ratings, MASK).item()
    assert found == pytest.approx(rank_margin(means, sums, ratings, COUNTS, **settings), abs=1e-12)
    assert gradients_are_right(lambda x, y: objective(x, y, ratings, MASK), means, sums)


def test_a_margin_that_is_reached_and_a_gate_that_is_shut_teach_nothing():
    means = torch.tensor([[-1.0, -5.0]], dtype=torch.double, requires_grad=True)
    rewards = torch.tensor([[-1.0, -9.0]], dtype=torch.double)  # not worth imitating
    assert RankMargin(margin=3.0)(means, means, rewards).item() == 0
    shut = RankMargin(gate=100.0)(means, 4 * means, rewards + 2)
    assert shut.item() == pytest.approx(0.05 * 4)  # the supervised term alone


def test_best_of_two_is_the_likelihood_of_the_better_answer():
    policy = drawn(3, 2)
    assert BestOfTwo()(policy).item() == pytest.approx(-float(policy[:, 0].mean()), abs=1e-12)


def test_only_doubtful_pairs_are_smoothed_and_only_after_a_while():
    policy, reference = drawn(6, 2), drawn(6, 2, seed=1)
    objective = SelfRefined(beta=0.5, smoothing=0.2, window=4, share=0.25)
    margins = [
        0.5 * float(p[0] - q[0] - p[1] + q[1]) for p, q in zip(policy, reference, strict=True)
    ]
    plain = DPO(beta=0.5)(policy, reference)
    torch.testing.assert_close(objective(policy, reference), plain)  # nothing is done yet
    objective.at(0.5)  # four batches are not there: q is 0
    loss = 0.0
    for m in margins:
        a = 0.2 if m <= 0 else 0.0
        loss -= ((1 - a) * log_sigmoid(m) + a * log_sigmoid(-m)) / 6
    assert objective(policy, reference).item() == pytest.approx(loss, abs=1e-6)
    for batch in (3.0, -1.0, 2.0, -5.0):
        both = torch.tensor([[batch / 0.5, 0.0]], dtype=torch.double)
        objective(both, torch.zeros_like(both))
    assert objective.threshold().item() == pytest.approx((-1.0 + 2.0) / 2)
    objective.eval()
    seen = objective.seen.clone()
    objective(policy, reference)
    assert objective.seen == seen
