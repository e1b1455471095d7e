"""EnumWorld: what is said to be exact is, and the policy learns by the ordinary trainer."""

import numpy as np
import pytest
import torch

import dipole
from dipole.data.preferences import Answers
from dipole.errors import InputError
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import EnumPolicy, reference, reward
from dipole.studies.benches.enum_world import (
    ANSWERS,
    PROMPTS,
    at_divergence,
    divergence,
    number_of,
    optimum_at,
    place_of,
    prompt_of,
    tilted,
)
from dipole.studies.measures import Trained
from dipole.training.config import make_config


def test_all_answers_are_enumerated_with_the_log_probs_that_training_sees():
    policy = EnumPolicy()
    some = ["aaaa", "habg", "hhhh", "cdef"]
    asked = [Answers(prompt_of(0, place), some) for place in range(len(PROMPTS))]
    found = policy.log_probs(policy.prepare(asked)).sum(1).reshape(len(PROMPTS), -1)
    numbers = [number_of(answer) for answer in some]
    assert [ANSWERS[number] for number in numbers] == some
    np.testing.assert_allclose(reference()[:, numbers], found.detach(), atol=1e-5)
    np.testing.assert_allclose(np.exp(reference()).sum(1), 1)
    assert [place_of(one.prompt)[1] for one in asked] == list(range(len(PROMPTS)))


def test_a_reward_has_mean_0_and_deviation_1_under_the_reference():
    weights = np.exp(reference())
    np.testing.assert_allclose((weights * reward(3)).sum(1), 0, atol=1e-12)
    np.testing.assert_allclose((weights * reward(3) ** 2).sum(1), 1)
    assert not np.allclose(reward(3), reward(4))


def test_no_policy_at_the_same_kl_has_more_reward_than_the_optimum():
    best = at_divergence(reference(), reward(0), 1.0)
    assert divergence(best, reference()).mean() == pytest.approx(1)
    assert optimum_at(0, 1.0) == pytest.approx((np.exp(best) * reward(0)).sum(1).mean())
    rng = np.random.default_rng(0)
    for noise in (0.1, 1.0, 10.0):
        other = at_divergence(reference(), reward(0) + noise * rng.normal(size=(16, 4096)), 1.0)
        assert divergence(other, reference()).mean() == pytest.approx(1)
        assert (np.exp(other) * reward(0)).sum(1).mean() < optimum_at(0, 1.0)
    # Its Lagrangian is beta log Z, whatever the policy's form.
    policy = tilted(reference(), reward(0), 1 / 0.3)
    gained = (np.exp(policy) * reward(0)).sum(1) - 0.3 * divergence(policy, reference())
    z = (np.exp(reference()) * np.exp(reward(0) / 0.3)).sum(1)
    np.testing.assert_allclose(gained, 0.3 * np.log(z))


def test_a_direction_that_is_no_direction_leads_nowhere():
    assert at_divergence(reference(), np.ones((16, 4096)), 1.0) is reference()
    np.testing.assert_allclose(bench.equal(reward(1), 1).mean(), 100)


def test_training_pairs_are_noisy_and_those_of_the_test_true_and_of_other_prompts():
    shares = {}
    seen = {}
    for split in ("train", "test"):
        world, prompts, answers = bench.numbers_of(bench.rows(split, fold=2))
        assert world == 2
        both = np.array(answers)
        gap = np.diff(-reward(2)[prompts[:, None], both], axis=1)[:, 0]
        shares[split], seen[split] = (gap > 0).mean(), set(prompts.tolist())
        if split == "train":
            expected = (1 / (1 + np.exp(-np.abs(gap)))).mean()
    assert shares["test"] == 1
    assert shares["train"] == pytest.approx(expected, abs=0.03)
    assert seen["test"] == set(bench.HELD_OUT)
    assert seen["train"] == set(range(16)) - seen["test"]


def test_lists_have_their_rewards_and_the_best_first():
    found = bench.lists("train", quick=True, fold=1)
    _, prompts, answers = bench.numbers_of(found)
    worth = reward(1)[prompts[:, None], np.array(answers)]
    np.testing.assert_allclose(worth, np.array(list(found.column("ratings"))))
    assert (np.diff(worth) <= 0).all()


def test_the_policy_learns_by_the_ordinary_trainer(tmp_path):
    train, test = (bench.rows(split, quick=True) for split in ("train", "test"))
    settings = dict(bench.BENCH.settings) | {"objective": "dpo", "epochs": 20}
    run = dipole.fit(train, out=tmp_path / "run", show_progress=False, **settings)
    config = make_config(data=bench.BENCH.data, **settings)
    start, found = (
        bench.alignment(Trained(policy, train, test, config))
        for policy in (EnumPolicy(), run.encoder)
    )
    np.testing.assert_allclose(start[bench.METRIC], 0, atol=1e-9)
    assert np.mean(start["KL"]) == 0
    assert np.mean(start["preference accuracy"]) == 50
    assert np.mean(found[bench.METRIC]) > 10
    assert np.mean(found["KL"]) > 0
    assert found["chosen"] > found["rejected"]
    assert np.all(found["regret"] >= 0)
    again = dipole.encoders.load_encoder(tmp_path / "run")
    np.testing.assert_allclose(again.enumerated(), run.encoder.enumerated())


def test_inputs_without_a_prompt_are_refused():
    with pytest.raises(InputError, match="found inputs without a prompt; expected preferences"):
        EnumPolicy().prepare(["abcd"])
    assert torch.equal(EnumPolicy().head.weight, EnumPolicy().head.weight)
