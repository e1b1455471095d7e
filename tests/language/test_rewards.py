"""Rewards: a head against scikit-learn's logistic regression, a log-ratio against its sums."""

import numpy as np
import pytest

from dipole.data import load_preferences
from dipole.errors import InputError
from dipole.language import rewards
from dipole.language.causal import CausalLM
from dipole.language.stored import log_probs_of

ROWS = load_preferences(
    [{"prompt": f"{i} + 1 =", "chosen": f" {i + 1}", "rejected": f" {i + 3}"} for i in range(6)]
)


@pytest.fixture(scope="module")
def model(tiny):
    return CausalLM.load(tiny)


def lengths(prompts, answers):
    return [[float(len(answer)) for answer in row] for row in answers]


def fitted_too(prompts, answers, *, examples):
    return [[float(len(examples))] * len(row) for row in answers]


def too_few(prompts, answers):
    return [[1.0] for _ in answers]


def test_a_head_is_the_logistic_regression_of_differences():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(40, 5)) + 0.3
    found = rewards.fitted(gaps, 2.0)
    both = np.concatenate([gaps, -gaps])  # either order, each of half the weight
    theirs = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=10_000)
    theirs.fit(both, np.repeat([1, 0], 40), sample_weight=np.full(80, 0.5))
    np.testing.assert_allclose(found, theirs.coef_[0], atol=1e-4)


def test_bradley_terry_is_a_regression_on_standardised_vectors(model):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    found = np.stack(rewards.reward_of("bradley-terry", ROWS, model, model)(ROWS))
    texts = [one.prompt + answer for one in ROWS.read(range(6)) for answer in one.answers]
    vectors = StandardScaler().fit_transform(model.encode(texts).astype(np.float64))
    gaps = vectors[::2] - vectors[1::2]
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=10_000)
    theirs.fit(np.concatenate([gaps, -gaps]), np.repeat([1, 0], 6), sample_weight=np.full(12, 0.5))
    wanted = (vectors @ theirs.coef_[0]).reshape(6, 2)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert (found[:, 0] > found[:, 1]).mean() > 0.5


def test_the_implicit_reward_is_a_log_ratio(model, tiny):
    other = CausalLM.load(tiny)
    other.model.lm_head.weight.data.mul_(1.5)
    found = np.concatenate(rewards.reward_of("implicit", ROWS, other, model)(ROWS))
    sums = [[part.sum() for part in log_probs_of(one, ROWS)] for one in (other, model)]
    np.testing.assert_allclose(found, np.subtract(*sums), atol=1e-4)


def test_a_prompt_without_answers_has_no_implicit_rewards(model):
    rows = {"prompt": ["a", "b", "c"], "answers": [["b", "c"], [], ["d"]]}
    some = type(ROWS).from_columns({**rows, "ratings": [[1.0, 1.0], [], [1.0]]})
    assert [len(row) for row in rewards.implicit(some, model, model)] == [2, 0, 1]
    assert [len(row) for row in rewards.implicit(some.select([1]), model, model)] == [0]


def test_a_function_of_ones_own_may_ask_for_the_examples(model):
    found = rewards.reward_of(f"{__file__}:lengths", ROWS, model, model)(ROWS)
    assert found[0].tolist() == [2.0, 2.0]
    found = rewards.reward_of(f"{__file__}:fitted_too", ROWS, model, model)(ROWS)
    assert found[0].tolist() == [6.0, 6.0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("judge", "reward: found 'judge'; expected bradley-terry, implicit or file.py:function"),
        (f"{__file__}:too_few", "prompt 1: found .* expected 2 finite numbers"),
    ],
)
def test_a_wrong_reward_is_one_line(model, name, message):
    with pytest.raises(InputError, match=message):
        rewards.reward_of(name, ROWS, model, model)(ROWS)


def test_answers_that_are_rated_alike_fit_no_reward(model):
    alike = load_preferences(
        [{"prompt": "a", "responses": ["b", "c"], "scores": [1, 1]}],
    )
    with pytest.raises(InputError, match="no prompt with a better and a worse answer"):
        rewards.reward_of("bradley-terry", alike, model, model)
