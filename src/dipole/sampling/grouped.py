"""Batches by groups: a group together, its members apart, one group alone, or m of each."""

from __future__ import annotations

import numpy as np

from dipole.errors import InputError
from dipole.sampling.plans import Plan, check_groups, members, shuffled
from dipole.sampling.unique import UniqueBatches, part_repeats, rows_that_share_a_key


class GroupsTogether(Plan):
    """Batches of whole groups: clusters, or communities of neighbours, several in a batch.

    The groups in a random order, one after the other, are cut into batches: every row once,
    ceil(n / batch size) batches, and a cut falls into a group only where sizes do not fit. Groups
    of an unusual size come last, so that equal ones that divide the batch are never cut. Rows
    that share a key (see `UniqueBatches`) are then parted.

    Source of batches of communities: Thirukovalluru et al. 2025, B3, arXiv 2505.11293.

    >>> plan = GroupsTogether(np.array([0, 1, 0, 1]), batch_size=2)
    >>> sorted(sorted(batch.tolist()) for batch in plan.epoch(0))
    [[0, 2], [1, 3]]
    """

    def __init__(
        self, groups: np.ndarray, batch_size: int, *, keys: np.ndarray | None = None, seed: int = 0
    ) -> None:
        super().__init__(batch_size, seed=seed)
        self.groups = check_groups(groups)
        self.keys = no_keys(len(self.groups)) if keys is None else keys

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        sizes = np.bincount(self.groups)
        usual = np.bincount(sizes).argmax()
        order = shuffled(self.groups, rng, last=sizes != usual)
        cuts = np.arange(self.batch_size, len(order), self.batch_size)
        batches = part_repeats(np.split(order, cuts), self.keys, self.batch_size)
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
        self, groups: np.ndarray, batch_size: int, *, keys: np.ndarray | None = None, seed: int = 0
    ) -> None:
        super().__init__(batch_size, seed=seed)
        self.groups = check_groups(groups)
        self.keys = None
        if keys is not None and rows_that_share_a_key(keys).any():
            # The group is one more thing that must not repeat.
            names = self.groups.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self.keys = np.column_stack([keys, names])

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        order = shuffled(self.groups, rng)
        batches = deal(order, self.groups[order], self.batch_size, rng)
        if self.keys is not None:
            batches = part_repeats(batches, self.keys, self.batch_size)
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
        keys: np.ndarray | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed=seed)
        if not 0 <= power <= 1:
            raise InputError(f"power: found {power}, expected between 0 and 1")
        self.groups = check_groups(sources, "sources")
        self.power = power
        self._rows = members(self.groups)
        keys = no_keys(len(self.groups)) if keys is None else keys
        self._plans = [
            UniqueBatches(keys[rows], batch_size, seed=seed + k)
            for k, rows in enumerate(self._rows)
        ]

    def _plan_of(self, epoch: int) -> list[np.ndarray]:
        if self.power == 1:
            batches = [
                rows[batch]
                for rows, plan in zip(self._rows, self._plans, strict=True)
                for batch in plan.epoch(epoch)
            ]
        else:
            batches = self._shared(epoch)
        rng = np.random.default_rng((self.seed, epoch))
        return [batches[i] for i in rng.permutation(len(batches))]

    def _shared(self, epoch: int) -> list[np.ndarray]:
        """Each source's stretch of the endless stream of its batches."""
        sizes = np.array([len(rows) for rows in self._rows], dtype=np.float64)
        lengths = np.array([plan.length(0) for plan in self._plans])
        counts = apportion(sizes**self.power, int(lengths.sum()))
        batches = []
        for rows, plan, count in zip(self._rows, self._plans, counts.tolist(), strict=True):
            start, end, own, passed = epoch * count, (epoch + 1) * count, 0, 0
            while passed < end:
                length = plan.length(own)
                if passed + length > start:
                    part = plan.epoch(own)[max(start - passed, 0) : end - passed]
                    batches += [rows[batch] for batch in part]
                passed, own = passed + length, own + 1
        return batches


class PerClass(Plan):
    """Batches of `per_class` rows of each of batch size / per_class classes, for labelled losses.

    A class's rows are shuffled and cut into lots of `per_class`; what is left over rests this
    epoch (others rest in the next); a class with fewer rows comes whole. Lots are dealt out so
    that no class is twice in a batch; a class with more lots than there are batches makes more.

    >>> plan = PerClass(np.array([0, 0, 1, 1, 2, 2]), batch_size=4, per_class=2)
    >>> [len(batch) for batch in plan.epoch(0)]
    [4, 2]
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

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        lots: list[np.ndarray] = []
        owners: list[int] = []
        for k in rng.permutation(len(self._rows)):
            rows = rng.permutation(self._rows[k])
            whole = max(len(rows) // self.per_class, 1)
            lots += np.split(rows, np.arange(1, whole) * self.per_class)
            lots[-1] = lots[-1][: self.per_class]
            owners += [int(k)] * whole
        numbers = np.arange(len(lots))
        dealt = deal(numbers, np.array(owners), self.batch_size // self.per_class, rng)
        return [np.concatenate([lots[i] for i in batch]) for batch in dealt]


def deal(
    order: np.ndarray, groups: np.ndarray, size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """`order`, in which equal groups are neighbours, dealt out to batches of at most `size`, in
    turn and in a random order of the batches: no group is twice in a batch."""
    largest = int(np.bincount(groups).max())
    count = max(-(-len(order) // size), largest)
    return [order[start::count] for start in rng.permutation(min(count, len(order)))]


def apportion(weights: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that sum to `total`, nearest to its shares by weight (largest remainders), but
    at least 1 each where the total allows it."""
    wanted = weights / weights.sum() * total
    base = np.floor(wanted).astype(np.int64)
    if total >= len(weights):
        base = base.clip(min=1)
    while base.sum() > total:  # small ones were lifted: the richest pay
        base[np.argmax(np.where(base > 1, base - wanted, -np.inf))] -= 1
    rest = wanted - base
    for place in np.argsort(-rest, kind="stable")[: total - base.sum()]:
        base[place] += 1
    return base


def no_keys(count: int) -> np.ndarray:
    """Keys of rows that may all meet."""
    return np.zeros((count, 0), dtype=np.uint64)
