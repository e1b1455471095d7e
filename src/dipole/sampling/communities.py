"""Communities of neighbours of equal size: a batch made of them is full of hard negatives (B3)."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from dipole.errors import InputError
from dipole.kernels.topk import top_k
from dipole.sampling.known import check_keys
from dipole.sampling.plans import members

_BLOCK = 4096


class Graph(NamedTuple):
    """Undirected edges of n rows: the neighbours of i are targets[starts[i]:starts[i + 1]]."""

    starts: np.ndarray
    targets: np.ndarray

    def of(self, row: int) -> np.ndarray:
        """The neighbours of a row."""
        return self.targets[self.starts[row] : self.starts[row + 1]]


def neighbour_graph(
    anchors: np.ndarray,
    positives: np.ndarray,
    *,
    skip: int = 2,
    neighbours: int = 20,
    keys: np.ndarray | None = None,
) -> Graph:
    """i and j are linked if j's positive is at rank (skip, skip + neighbours] for anchor i, or the
    other way round.

    Ranks are by dot product among the rows that share no key with i (itself is one that does): the
    `skip` nearest of them may be unmarked positives. Exact, in blocks; memory O(n neighbours).
    Shapes: anchors, positives (n, dim), unit vectors; keys (n, k) uint64, see `UniqueBatches`.
    """
    n = len(anchors)
    if neighbours < 1 or skip < 0:
        raise InputError(
            f"neighbours: found {neighbours} after skip {skip}; expected at least 1, and skip 0"
        )
    keys = np.arange(n, dtype=np.uint64)[:, None] if keys is None else check_keys(keys)
    shared = _most_shared(keys)
    width = min(skip + neighbours + shared, n)
    sources, targets = [], []
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        _, found = top_k(anchors[rows], positives, width)
        same = (found == rows[:, None]) | _any_equal(keys[found], keys[rows])
        rank = (~same).cumsum(1)
        row, column = np.nonzero(~same & (rank > skip) & (rank <= skip + neighbours))
        sources.append(rows[row])
        targets.append(found[row, column])
    i, j = np.concatenate(sources), np.concatenate(targets)
    codes = np.unique(np.concatenate([i * n + j, j * n + i]))
    starts = np.searchsorted(codes, np.arange(n + 1) * n)
    return Graph(starts, codes % n)


def communities(graph: Graph, size: int, *, seed: int = 0, passes: int = 2) -> np.ndarray:
    """A community for every row, (n,) int64, all of `size` rows (the last may have fewer), with
    few edges between them.

    Each grows from a random row by the row that has the most edges into it; then rows of two
    communities change places where that cuts fewer edges (Kernighan and Lin 1970), in `passes`
    over all rows. O(edges log edges).
    """
    n = len(graph.starts) - 1
    if size < 1:
        raise InputError(f"community: found size {size}, expected at least 1")
    rng = np.random.default_rng(seed)
    group = _grow(graph, size, rng.permutation(n))
    for _ in range(passes):
        if not _exchange(graph, group, rng.permutation(n)):
            break
    return group


def cut_share(graph: Graph, group: np.ndarray) -> float:
    """The share of edges between different communities, 0 to 1."""
    sources = np.repeat(np.arange(len(group)), np.diff(graph.starts))
    return float((group[sources] != group[graph.targets]).mean()) if len(sources) else 0.0


def _grow(graph: Graph, size: int, seeds: np.ndarray) -> np.ndarray:
    group = np.full(len(seeds), -1, dtype=np.int64)
    unused = iter(seeds.tolist())
    for k in range(-(-len(seeds) // size)):
        gain: dict[int, int] = {}
        heap: list[tuple[int, int]] = []
        for _ in range(min(size, len(seeds) - k * size)):
            row = -1
            while heap and row < 0:
                negative, candidate = heapq.heappop(heap)
                if group[candidate] < 0 and gain[candidate] == -negative:
                    row = candidate
            if row < 0:  # no neighbour is left: begin elsewhere
                row = next(seed for seed in unused if group[seed] < 0)
            group[row] = k
            for near in graph.of(row).tolist():
                if group[near] < 0:
                    gain[near] = gain.get(near, 0) + 1
                    heapq.heappush(heap, (-gain[near], near))
    return group


def _exchange(graph: Graph, group: np.ndarray, order: np.ndarray) -> int:
    """Exchanges of two rows that cut fewer edges, made in `group`; how many."""
    made = 0
    where = [rows.tolist() for rows in members(group)]
    for u in order.tolist():
        home = int(group[u])
        near = group[graph.of(u)]
        if not len(near):
            continue
        values, counts = np.unique(near, return_counts=True)
        away, most = int(values[counts.argmax()]), int(counts.max())
        own = int((near == home).sum())
        if away == home or most <= own:
            continue
        best, partner = 0, -1
        for v in where[away]:
            theirs = group[graph.of(v)]
            linked = int((graph.of(v) == u).any())
            gain = (most - own) + int((theirs == home).sum()) - int((theirs == away).sum())
            if gain - 2 * linked > best:
                best, partner = gain - 2 * linked, v
        if partner >= 0:
            group[u], group[partner] = away, home
            where[home][where[home].index(u)] = partner
            where[away][where[away].index(partner)] = u
            made += 1
    return made


def _most_shared(keys: np.ndarray) -> int:
    """How many rows, itself included, a row shares a key with, at most (an upper bound)."""
    if keys.size == 0:
        return 1
    values, inverse = np.unique(keys, return_inverse=True)
    counts = np.bincount(inverse.ravel(), minlength=len(values))
    return int(counts[inverse].reshape(keys.shape).sum(1).max())


def _any_equal(theirs: np.ndarray, mine: np.ndarray) -> np.ndarray:
    """(b, k): whether any of a row's keys is any of a found row's keys."""
    equal = theirs[:, :, :, None] == mine[:, None, None, :]
    shared: np.ndarray = equal.any(axis=(2, 3))
    return shared
