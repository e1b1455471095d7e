"""Which answers are chosen, against a search of all sets of answers."""

from itertools import combinations

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.sampling import answer_choice


def drawn(n, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 4))
    return rng.normal(size=n), vectors / np.linalg.norm(vectors, axis=1, keepdims=True), rng


def cost_of(rewards, vectors, chosen):
    """sum_i exp(mean r - r_i) min_j |e_i - e_j|, as the paper has it."""
    total = 0.0
    for i in range(len(rewards)):
        nearest = min(np.sqrt(((vectors[i] - vectors[j]) ** 2).sum()) for j in chosen)
        total += np.exp(np.mean(rewards) - rewards[i]) * nearest
    return total


@pytest.mark.parametrize("seed", range(8))
def test_covering_is_at_most_greedy_and_near_the_best_of_all_sets(seed):
    rewards, vectors, rng = drawn(10, seed)
    best, *chosen = answer_choice.covering(rewards, vectors, 3, rng)
    others = [i for i in range(10) if i != best]
    assert best == rewards.argmax()
    every = {s: cost_of(rewards, vectors, s) for s in combinations(others, 3)}
    costs = answer_choice.weighted_distances(rewards, vectors)[:, others]
    greedy = [others[j] for j in answer_choice.greedy(costs, 3)]
    assert every[tuple(chosen)] <= every[tuple(sorted(greedy))] + 1e-12
    assert every[tuple(chosen)] <= 1.05 * min(every.values())
    for place in range(3):  # no swap helps
        for other in set(others) - set(chosen):
            swapped = tuple(sorted({*chosen, other} - {chosen[place]}))
            assert every[tuple(chosen)] <= every[swapped] + 1e-12


def test_clusters_give_the_worst_of_each_group():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], 5)
    vectors = np.eye(3)[groups] + 0.01 * rng.normal(size=(15, 3))
    rewards = rng.normal(size=15)
    best, *chosen = answer_choice.clusters(rewards, vectors, 3, rng)
    for group in range(3):
        own = [i for i in range(15) if groups[i] == group and i != best]
        assert min(own, key=lambda i: rewards[i]) in chosen
    assert len(chosen) == 3
    assert rewards.argmax() == best


def test_pairs_by_cosine_are_the_extremes_of_all_pairs():
    rewards, vectors, rng = drawn(7)
    cosines = {(i, j): vectors[i] @ vectors[j] for i, j in combinations(range(7), 2)}
    assert tuple(answer_choice.unlike(rewards, vectors, 1, rng)) == min(cosines, key=cosines.get)
    assert tuple(answer_choice.alike(rewards, vectors, 1, rng)) == max(cosines, key=cosines.get)


def test_centres_are_two_answers_where_one_is_nearest_to_both():
    vectors = np.array([[1.0, 0.0], [0.99, 0.141], [-1.0, 0.0]])
    assert len(set(answer_choice.centres(np.zeros(3), vectors, 1, None))) == 2


def test_few_answers_are_all_taken():
    rewards, vectors, rng = drawn(3)
    for name in ("bottom", "clusters", "covering"):
        assert sorted(answer_choice.choice(name)(rewards, vectors, 7, rng)) == [0, 1, 2]


def test_an_unknown_choice_is_one_line():
    with pytest.raises(InputError, match="choose: found 'best'; expected one of all, ends"):
        answer_choice.choice("best")
