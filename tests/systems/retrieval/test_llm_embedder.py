"""The learner whose likelihoods are LLM-Embedder's rewards, and its lists."""

from __future__ import annotations

import numpy as np

from dipole.systems.retrieval.llm_embedder import LIST, QUERIES, lists, log_likelihood, world


def test_a_near_example_of_the_same_label_helps_and_of_another_misleads() -> None:
    x, shown = np.zeros((1, 4)), np.array([[0.1] * 4, [0.1] * 4, [9.0] * 4])
    (same, other, far) = np.exp(log_likelihood(x, np.array([1]), shown, np.array([1, 2, 1])))[0]
    assert other < far < same
    assert np.isclose(far, 0.1)  # of ten labels, nothing learned
    every = [np.exp(log_likelihood(x, np.array([y]), shown[:1], np.array([1])))[0, 0]
             for y in range(10)]  # fmt: skip
    assert np.isclose(sum(every), 1)


def test_half_of_the_lists_have_flat_rewards_and_all_stand_best_first() -> None:
    chosen, rewards = lists(world(0), 0)
    assert chosen.shape == rewards.shape == (QUERIES, LIST)
    assert (rewards[:, :-1] >= rewards[:, 1:]).all()
    spread = rewards[:, 0] - rewards[:, -1]
    assert spread[::2].max() < 0.1 < spread[1::2].mean()
    assert all(len(set(row)) == LIST for row in chosen.tolist())
