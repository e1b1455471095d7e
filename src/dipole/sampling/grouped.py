"""Batches by groups: a group together, its members apart, one group alone, or m of each."""

from __future__ import annotations

import numpy as np

from dipole.errors import InputError
from dipole.sampling.known import KnownPairs, known_pairs, no_keys
from dipole.sampling.mixture import Mixture, apportion
from dipole.sampling.plans import Plan, check_groups, members, shuffled
from dipole.sampling.unique import UniqueBatches, part_repeats


class GroupsTogether(Plan):
    """Batches of whole groups: clusters, or communities of neighbours, several in a batch.

    The groups in a random order, one after the other, are cut into batches: every row once,
    ceil(n / batch size) batches, and a cut falls into a group only where sizes do not fit. Groups
    of an unusual size come last, so that equal ones that divide the batch are never cut. Rows
    that may not meet (see `UniqueBatches`) are then parted.

    Source of batches of communities: Thirukovalluru et al. 2025, B3, arXiv 2505.11293.

    >>> plan = GroupsTogether(np.array([0, 1, 0, 1]), batch_size=2)
    >>> sorted(sorted(batch.tolist()) for batch in plan.epoch(0))
    [[0, 2], [1, 3]]
    """

    def __init__(
        self,
        groups: np.ndarray,
        batch_size: int,
        *,
        keys: np.ndarray | KnownPairs | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed=seed)
        self.groups = check_groups(groups)
        self.known = known_pairs(no_keys(len(self.groups)) if keys is None else keys)

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        sizes = np.bincount(self.groups)
        usual = np.bincount(sizes).argmax()
        order = shuffled(self.groups, rng, last=sizes != usual)
        cuts = np.arange(self.batch_size, len(order), self.batch_size)
        batches = part_repeats(np.split(order, cuts), self.known, self.batch_size)
        return [rng.permutation(batches[i]) for i in rng.permutation(len(batches))]


class GroupsApart(Plan):
    """Batches in which no two rows are of one group: unlike pseudo-classes.

    Rows sorted by group are dealt out to T batches in turn, T = max(ceil(n / batch size), size of
    the largest group): every row once, no group twice, sizes that differ by one at most. A group
    of more than n / batch size rows makes batches smaller; `pseudo_classes` makes none.

    Source: Chakraborty et al. 2020, G-SimCLR, arXiv 2009.12007 (which draws a batch's groups at
    random in proportion to what is left of them, and drops what remains).

    >>> plan = GroupsApart(np.array([0, 0, 1, 1]), batch_size=2)
    >>> sorted(sorted([0, 0, 1, 1][row] for row in batch) for batch in plan.epoch(0))
    [[0, 1], [0, 1]]
    """

    def __init__(
        self,
        groups: np.ndarray,
        batch_size: int,
        *,
        keys: np.ndarray | KnownPairs | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed=seed)
        self.groups = check_groups(groups)
        self.known = None
        known = known_pairs(no_keys(len(self.groups)) if keys is None else keys)
        if known.crowded.any():
            # The group is one more thing that must not repeat.
            names = self.groups.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self.known = known.apart_by(names)

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        order = shuffled(self.groups, rng)
        batches = deal(order, self.groups[order], self.batch_size, rng)
        if self.known is not None:
            batches = part_repeats(batches, self.known, self.batch_size)
        return [rng.permutation(batch) for batch in batches]


class OneSource(Plan):
    """Batches of one source (data set, task, language) each, so that no negative is told by it.

    The share of the batches that source k gets is n_k^power / sum n^power: 1 is every row once;
    below 1 small sources come again and large ones are not exhausted; an epoch has as many batches
    as with 1. Within a source rows come in `UniqueBatches`, all of them before any comes again.

    Source: Li et al. 2023, GTE, arXiv 2308.03281 (power 0.5); one source per batch: Zhang et al.
    2023, LLM-Embedder, arXiv 2310.07554; Cui et al. 2021, ZeroVL, arXiv 2112.09331.

    >>> plan = OneSource(np.array(["a", "b", "a", "b"]), batch_size=2)
    >>> sorted(sorted(batch.tolist()) for batch in plan.epoch(0))
    [[0, 2], [1, 3]]
    """

    def __init__(
        self,
        sources: np.ndarray,
        batch_size: int,
        *,
        power: float = 1.0,
        keys: np.ndarray | KnownPairs | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed=seed)
        if not 0 <= power <= 1:
            raise InputError(f"power: found {power}, expected between 0 and 1")
        self._rows = members(check_groups(sources, "sources"))
        known = known_pairs(no_keys(len(sources)) if keys is None else keys)
        plans = [
            UniqueBatches(known.of_rows(rows), batch_size, seed=seed + k)
            for k, rows in enumerate(self._rows)
        ]
        sizes = np.array([len(rows) for rows in self._rows], dtype=np.float64)
        self.power, self.weights = power, sizes**power
        shares = None if power == 1 else self.weights.tolist()
        self._mixture = Mixture(plans, list(map(len, self._rows)), shares, seed=seed)

    def _plan_of(self, epoch: int) -> list[np.ndarray]:
        order = np.concatenate(self._rows)  # the mixture's rows, source after source
        return [order[batch] for batch in self._mixture.epoch(epoch)]


class PerClass(Plan):
    """Batches of S = batch size / per_class lots of `per_class` rows of one class each, for losses
    over labels.

    The lots of a batch are of S classes; where there are fewer, a class has several, but no more
    than it takes to fill the batch. Within this bound classes count by their size: rows come about
    once, those of a small class again where the batches need them, each time all others of it
    first. An epoch has as many batches as all rows fill. No row is twice in a batch; a class of
    fewer than `per_class` rows comes whole.

    As pytorch-metric-learning's MPerClassSampler, which draws all classes alike.

    >>> plan = PerClass(np.array([0] * 6 + [1] * 2), batch_size=4, per_class=2)
    >>> [sorted(batch.tolist())[2:] for batch in plan.epoch(0)]  # class 1 comes again
    [[6, 7], [6, 7]]
    """

    def __init__(
        self, labels: np.ndarray, batch_size: int, *, per_class: int = 4, seed: int = 0
    ) -> None:
        super().__init__(batch_size, seed=seed)
        if per_class < 1 or batch_size < 2 * per_class:
            raise InputError(
                f"per_class: found {per_class} with batch size {batch_size}; expected at least 1, "
                "and at most half of the batch: one class alone has no negatives"
            )
        self.per_class = per_class
        self.groups = check_groups(labels, "labels")
        self._rows = members(self.groups)
        if len(self._rows) == 1:
            raise InputError(
                "labels: found one class; expected two or more, one alone has no negatives"
            )
        slots = batch_size // per_class
        sizes = np.array([len(rows) for rows in self._rows])
        once = np.maximum(sizes // per_class, 1)  # lots of a class in which no row is twice
        self._batches = -(-int(once.sum()) // slots)
        self._lots = self._lots_of_each(once, slots)

    def _lots_of_each(self, once: np.ndarray, slots: int) -> np.ndarray:
        """How many lots of each class an epoch has, (classes,)."""
        level = 1  # lots that a class has in a batch at most
        while np.minimum(once, level).sum() < min(slots, once.sum()):
            level += 1
        most = np.minimum(once, level) * self._batches
        lots = np.zeros(len(once), dtype=np.int64)
        left = min(slots * self._batches, int(most.sum()))
        free = np.ones(len(once), dtype=bool)
        while free.any():
            lots[free] = apportion(once[free].astype(np.float64), left)
            full = free & (lots > most)
            if not full.any():
                break
            lots[full] = most[full]
            left -= int(most[full].sum())
            free &= ~full
        return lots

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        parts: list[list[np.ndarray]] = [[] for _ in range(self._batches)]
        places = rng.permutation(self._batches)
        at = 0
        for k in rng.permutation(len(self._rows)).tolist():
            # Dealt out in turn, class after class: a batch has its share of each, up to one lot.
            of_batch = np.bincount((at + np.arange(self._lots[k])) % self._batches)
            at += int(self._lots[k])
            rows = _Stream(self._rows[k], rng)
            for place in np.flatnonzero(of_batch):
                parts[places[place]].append(rows.take(int(of_batch[place]) * self.per_class))
        return [np.concatenate(part) for part in parts if part]


class _Stream:
    """Rows in a random order, again and again."""

    def __init__(self, rows: np.ndarray, rng: np.random.Generator) -> None:
        self.rows, self.rng = rows, rng
        self.left = rng.permutation(rows)

    def take(self, count: int) -> np.ndarray:
        """The next `count` different rows; all, where there are not so many."""
        count = min(count, len(self.rows))
        if len(self.left) < count:
            again = self.rng.permutation(self.rows)
            known = np.isin(again, self.left)
            self.left = np.concatenate([self.left, again[~known], again[known]])
        taken, self.left = self.left[:count], self.left[count:]
        return taken


def deal(
    order: np.ndarray, groups: np.ndarray, size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """`order`, in which equal groups are neighbours, dealt out to batches of at most `size`, in
    turn and in a random order of the batches: no group is twice in a batch."""
    largest = int(np.bincount(groups).max())
    count = max(-(-len(order) // size), largest)
    return [order[start::count] for start in rng.permutation(min(count, len(order)))]
