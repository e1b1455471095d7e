"""The learner whose likelihoods are LLM-Embedder's rewards, and its lists."""

from __future__ import annotations

import numpy as np

from dipole.systems.retrieval.llm_embedder import LIST, log_likelihood, taught


def test_a_near_example_of_the_same_label_helps_and_of_another_misleads() -> None:
    near, same = np.array([[0.9, 0.9, 0.0]]), np.array([[True, False, True]])
    right, other, far = np.exp(log_likelihood(near, same, 10))[0]
    assert other < far < right
    assert np.isclose(far, 0.1)  # of ten labels, nothing learned
    assert np.isclose(right + 9 * other, 1)  # the label that was shown, and all others


def test_half_of_the_lists_have_flat_rewards_and_all_stand_best_first() -> None:
    queries, candidates, rewards = taught(quick=True)
    assert rewards.shape == (len(queries), LIST)
    assert (rewards[:, :-1] >= rewards[:, 1:]).all()
    spread = rewards[:, 0] - rewards[:, -1]
    assert spread[::2].max() < 0.1 < spread[1::2].mean()
    assert all(len(row) == LIST for row in candidates)
