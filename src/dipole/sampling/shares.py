"""Several sources in every batch, each with its exact share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dipole.errors import InputError
from dipole.sampling.known import KnownPairs, known_pairs, no_keys
from dipole.sampling.plans import Plan, check_groups, members
from dipole.sampling.unique import part_repeats


class Shares(Plan):
    """Batches in which source s has `shares[s]` of the rows, spread evenly.

    An epoch has as many batches as all rows fill; of its n slots source s has K_s, n shares[s]
    rounded (largest remainders), and its i-th slot stands at (i + 1/2) / K_s of the epoch. So after
    any number of batches its count differs from the exact one by less than 1/2 + S shares[s] / 2,
    S the number of sources. A source is walked through in a new random order each time around,
    from epoch to epoch without a break: a small one comes again before a large one is through.
    Rows that may not meet (`KnownPairs`) never do (one moves to a batch near by). The last batch is
    full too.

    groups: (n,) the source of each row; shares: of the sources in sorted order, of any sum.

    >>> plan = Shares(np.array([0] * 6 + [1] * 2), [1, 1], 4)
    >>> [sorted(batch.tolist()) for batch in plan.epoch(0)]  # two rows of each source
    [[2, 3, 6, 7], [4, 5, 6, 7]]
    """

    def __init__(
        self,
        groups: np.ndarray,
        shares: Sequence[float],
        batch_size: int,
        *,
        keys: np.ndarray | KnownPairs | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed=seed)
        self.rows = members(check_groups(groups, "sources"))
        count = len(groups)
        self.known = known_pairs(no_keys(count) if keys is None else keys)
        weights = np.asarray(shares, dtype=np.float64)
        if weights.shape != (len(self.rows),) or not (weights > 0).all():
            raise InputError(
                f"shares: found {list(shares)}; expected {len(self.rows)} numbers above 0, "
                "one per source"
            )
        self.batches = -(-sum(map(len, self.rows)) // batch_size)
        self.counts = _rounded(weights / weights.sum(), self.batches * batch_size)
        for number, (rows, count) in enumerate(zip(self.rows, self.counts, strict=True)):
            asked = -(-count // self.batches)
            if asked > len(rows):
                raise InputError(
                    f"shares: source {number + 1} has {len(rows)} rows and is asked for {asked} in "
                    "a batch; expected a smaller share or batch"
                )

    def _plan_of(self, epoch: int) -> list[np.ndarray]:
        places = [(np.arange(count) + 0.5) / count for count in self.counts]
        order = np.argsort(np.concatenate(places), kind="stable")
        rows = np.concatenate([self._stream(s, epoch) for s in range(len(self.rows))])[order]
        batches = list(rows.reshape(self.batches, self.batch_size))
        return part_repeats(batches, self.known, self.batch_size)

    def _stream(self, source: int, epoch: int) -> np.ndarray:
        """The rows that a source gives in an epoch, in order."""
        rows, count = self.rows[source], int(self.counts[source])
        places = np.arange(epoch * count, (epoch + 1) * count)
        rounds, places = np.divmod(places, len(rows))
        found = [
            np.random.default_rng((self.seed, source, turn)).permutation(rows)[
                places[rounds == turn]
            ]
            for turn in range(rounds[0], rounds[-1] + 1)
        ]
        return np.concatenate(found)


def _rounded(shares: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers of this total in these proportions; what is left goes to the largest rests."""
    exact = shares * total
    whole = np.floor(exact).astype(np.int64)
    most = np.argsort(whole - exact, kind="stable")[: total - whole.sum()]
    whole[most] += 1
    return np.maximum(whole, 1)
