"""Which of several answers to a prompt are worth comparing: by their rewards and by their vectors.

A choice is a function of the rewards (N,) and unit vectors (N, d) of the answers, the number of
rejected answers wanted, and a generator; it gives the numbers of those to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from dipole.errors import InputError

Choice = Callable[[np.ndarray, np.ndarray, int, np.random.Generator], list[int]]
# Passes of the local search, far more than it takes: each swap lowers the cost.
_SWAPS = 10_000


def whole(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """All of them."""
    return list(range(len(rewards)))


def ends(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """The best and the worst answer.

    >>> ends(np.array([1.0, 3.0, 2.0]), np.eye(3), 1, np.random.default_rng(0))
    [1, 0]
    """
    return [int(rewards.argmax()), int(rewards.argmin())]


def random_pair(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """Any two."""
    return [int(i) for i in rng.choice(len(rewards), 2, replace=False)]


def bottom(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """The best answer and the `count` of the lowest rewards.

    >>> bottom(np.array([1.0, 3.0, 2.0, 0.0]), np.eye(4), 2, np.random.default_rng(0))
    [1, 3, 0]
    """
    best = int(rewards.argmax())
    order = [int(i) for i in np.argsort(rewards, kind="stable") if i != best]
    return [best, *order[:count]]


def clusters(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """The best answer, and of each of `count` clusters (k-means) of the others the worst one."""
    from sklearn.cluster import KMeans

    best = int(rewards.argmax())
    others = np.array([i for i in range(len(rewards)) if i != best])
    if len(others) <= count:
        return [best, *others.tolist()]
    seed = int(rng.integers(2**31))
    cluster = KMeans(count, n_init=1, random_state=seed).fit_predict(vectors[others])
    worst = [others[cluster == c][rewards[others[cluster == c]].argmin()] for c in set(cluster)]
    return [best, *sorted(int(i) for i in worst)]


def covering(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """The best answer, and the `count` others S from which no bad answer is far:

        min_S  sum_i w_i min_{j in S} |e_i - e_j|,   w_i = exp(mean r - r_i),

    by swaps for as long as one lowers the cost, from a greedy start (Arya et al. 2004: at most five
    times the least cost).
    """
    best = int(rewards.argmax())
    others = np.array([i for i in range(len(rewards)) if i != best])
    if len(others) <= count:
        return [best, *others.tolist()]
    far = weighted_distances(rewards, vectors)[:, others]
    chosen = swapped(far, greedy(far, count))
    return [best, *sorted(int(others[j]) for j in chosen)]


def weighted_distances(rewards: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """w_i |e_i - e_j|, (N, N): what it costs that j stands for i."""
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    found: np.ndarray = np.exp(rewards.mean() - rewards)[:, None] * apart
    return found


def greedy(costs: np.ndarray, count: int) -> list[int]:
    """`count` columns, each the one that lowers sum_i min_j cost most beside those before it."""
    chosen: list[int] = []
    nearest = np.full(len(costs), np.inf)
    for _ in range(count):
        totals = np.minimum(nearest[:, None], costs).sum(0)
        totals[chosen] = np.inf
        chosen.append(int(totals.argmin()))
        nearest = np.minimum(nearest, costs[:, chosen[-1]])
    return chosen


def swapped(costs: np.ndarray, chosen: list[int]) -> list[int]:
    """Columns that no swap of one for another improves, from these on, the best swap first."""
    chosen = list(chosen)
    for _ in range(_SWAPS):
        now = costs[:, chosen].min(1).sum()
        best, swap = now, None
        for place in range(len(chosen)):
            kept = chosen[:place] + chosen[place + 1 :]
            rest = costs[:, kept].min(1) if kept else np.full(len(costs), np.inf)
            totals = np.minimum(rest[:, None], costs).sum(0)
            totals[kept] = np.inf
            if totals.min() < best - 1e-12 * abs(now):
                best, swap = totals.min(), (place, int(totals.argmin()))
        if swap is None:
            return chosen
        chosen[swap[0]] = swap[1]
    return chosen


def unlike(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """The two answers of the lowest cosine.

    >>> unlike(np.zeros(3), np.array([[1.0, 0], [0.6, 0.8], [0, 1]]), 1, np.random.default_rng(0))
    [0, 2]
    """
    return list(min(_by_cosine(vectors))[1])


def alike(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """The two answers of the highest cosine."""
    return list(min((-cosine, pair) for cosine, pair in _by_cosine(vectors))[1])


def centres(
    rewards: np.ndarray, vectors: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    """The two answers nearest to the centres of two clusters (k-means); where both are one, the
    second nearest to the second centre."""
    from sklearn.cluster import KMeans

    found = KMeans(2, random_state=0).fit(vectors).cluster_centers_
    apart = np.linalg.norm(vectors[:, None] - found[None], axis=2)
    first = int(apart[:, 0].argmin())
    order = [int(i) for i in apart[:, 1].argsort(kind="stable")]
    return sorted([first, next(i for i in order if i != first)])


def _by_cosine(vectors: np.ndarray) -> list[tuple[float, tuple[int, int]]]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    return [(float(cosines[pair]), pair) for pair in combinations(range(len(unit)), 2)]


CHOICES: dict[str, Choice] = {
    "all": whole, "ends": ends, "random": random_pair, "bottom": bottom, "clusters": clusters,
    "covering": covering, "unlike": unlike, "alike": alike, "centres": centres,
}  # fmt: skip
# Those that compare vectors.
OF_VECTORS = frozenset({"clusters", "covering", "unlike", "alike", "centres"})


def choice(name: str) -> Choice:
    """A choice by its name."""
    if name not in CHOICES:
        raise InputError(f"choose: found {name!r}; expected one of {', '.join(CHOICES)}")
    return CHOICES[name]
