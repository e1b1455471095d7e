"""Hard negatives: for every pair the texts that a first model takes for its positive, and errs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from dipole.data import Pairs, Triplets
from dipole.data.fields import is_of_images
from dipole.data.inputs import batch_of, check_texts, described, modality
from dipole.errors import InputError
from dipole.sampling.choosing import allowed, chosen
from dipole.sampling.filters import Filters, make_filters
from dipole.sampling.pool import Known, Pool, take
from dipole.sampling.propensity import negative_weights, surface
from dipole.sampling.searching import (
    Judge,
    Method,
    PairJudge,
    PairScorer,
    Said,
    Search,
    TowerSearch,
    WordSearch,
)
from dipole.showing import counted, short

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

# Rows of one block, and the results (rows x candidates) it may hold.
BLOCK = 4096
_RESULTS = 1 << 21


@dataclass
class Counts:
    """What a mining found."""

    rows: int = 0
    negatives: int = 0
    without: int = 0  # rows with no negative at all
    positive_score: float = 0.0  # sums, of whoever judges
    negative_score: float = 0.0

    def summary(self) -> str:
        """One line for a person."""
        found = f"{counted(self.negatives, 'negative')} for {counted(self.rows, 'row')}"
        if self.negatives:
            found += f", mean score {self.negative_score / self.negatives:.3f}"
            found += f" (positives {self.positive_score / self.rows:.3f})"
        return f"{found}; {counted(self.without, 'row')} without" if self.without else found


class Miner:
    """Mines a set of pairs in blocks: memory is one block and some 100 bytes a text, not the pool.

    Args:
        examples: pairs (negatives of triplets are not looked at).
        source: the tower whose nearest texts are candidates, or "bm25".
        filters: ranks, margins, how many, how to pick.
        judge: a guide tower, or a pair scorer, that scores positives and candidates in the place
            of `source`; without margins nothing may score above the positive then.
        corpus: more texts that may be negatives, beside all positives.
        folder: where vectors lie; encoding goes on there after a stop.
        method: exact, ivf, hnsw, or auto by size.
        workers: copies of the tower on Ray that encode the pool (0: this process does), on the
            cluster at `address` or on one that is started here.

    A text with the content of a positive of the same anchor, or of the anchor, is no negative.
    """

    def __init__(
        self,
        examples: Pairs | Triplets,
        source: Encoder | str,
        filters: Filters,
        *,
        judge: Encoder | PairScorer | None = None,
        corpus: Sequence[str] = (),
        folder: Path,
        method: Method = "auto",
        workers: int = 0,
        address: str | None = None,
        said: Said | None = None,
    ) -> None:
        if workers < 0:
            raise InputError(f"workers: found {workers}, expected at least 1, or 0 for none")
        if source != "bm25" and not (hasattr(source, "encode") and hasattr(source, "dim")):
            raise InputError(f"source: found {short(source)}, expected an encoder or 'bm25'")
        if not isinstance(examples, (Pairs, Triplets)):
            raise InputError(f"mining: found {described(examples)}; expected Pairs or Triplets")
        if method not in get_args(Method):
            raise InputError(f"method: found {short(method)}, expected one of "
                             f"{', '.join(get_args(Method))}")  # fmt: skip
        corpus = batch_of(corpus, "mining: corpus")
        check_texts(corpus, "mining: corpus")
        if isinstance(source, str) and filters.pick == "propensity" and judge is None:
            raise InputError("pick: found 'propensity' with BM25, whose scores are no cosines; "
                             "expected a guide")  # fmt: skip
        self.examples = examples
        self.filters = filters
        if judge is not None and filters.margin is None and filters.share is None:
            self.filters = filters.model_copy(update={"margin": 0.0})
        self.anchors: Any = examples.column("anchor")
        _check_written(examples, source)
        _check_letters(examples, source, self.filters)
        self.pool = Pool(examples.column("positive"), corpus)
        self.known = Known(self.pool, self.anchors)
        self.counts = Counts()
        self._search: Search = (
            WordSearch(self.pool)
            if isinstance(source, str)
            else TowerSearch(
                source, self.pool, folder / "source",
                method=method, anchors=len(examples), workers=workers, address=address, said=said,
            )
        )  # fmt: skip
        self._judge: Judge | None = _judge(
            judge, self.pool, folder / "guide", workers, address, said
        )

    def blocks(self) -> list[np.ndarray]:
        """Row numbers of the blocks: few rows where an anchor has very many positives."""
        width = self.filters.depth + int(self.known.positives.max()) + 1
        rows = max(min(BLOCK, _RESULTS // width), 1)
        return [
            np.arange(start, min(start + rows, len(self.examples)))
            for start in range(0, len(self.examples), rows)
        ]

    def mine(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """The triplets of a block: id, anchor, positive, negatives, and `scores` of the last two.

        `scores` are the judge's, the positive's first: what distillation reads.
        """
        anchors = take(self.anchors, rows)
        own = self.pool.of_positive[rows]
        width = self.filters.depth + int(self.known.positives[rows].max()) + 1
        found = self._search.nearest(anchors, own, width)
        documents, scores, positive = found.documents, found.scores, found.own
        known = self.known.among(rows, documents)
        if self._judge is not None:
            asked = np.where(known, -1, documents)
            positive, scores = self._judge.scores(anchors, own, asked)
        kept = allowed(self.filters, known, positive, scores, found.scores)
        weights = None
        if self.filters.pick == "propensity":
            kept, weights = self._propensity(anchors, documents, kept, scores)
        columns = chosen(self.filters, kept, rows, documents, weights)
        return self._rows(rows, anchors, columns, documents, positive, scores)

    def _propensity(
        self, anchors: list[str], documents: np.ndarray, kept: np.ndarray, scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        row, column = np.nonzero(kept)
        look = np.full(kept.shape, -1.0)
        look[kept] = surface([anchors[i] for i in row], self.pool.take(documents[row, column]))
        meaning = ((scores + 1) / 2).clip(0, 1)
        ceiling = 1.0 if self.filters.most is None else (self.filters.most + 1) / 2
        weights = negative_weights(meaning, look, ceiling=ceiling)
        return kept & (weights > 0), np.where(weights > 0, weights, 1)

    def _rows(
        self,
        rows: np.ndarray,
        anchors: list[str],
        columns: np.ndarray,
        documents: np.ndarray,
        positive: np.ndarray,
        scores: np.ndarray,
    ) -> list[dict[str, Any]]:
        ids = take(self.examples.column("id"), rows)
        positives = take(self.examples.column("positive"), rows)
        names = list(self.anchors.contents(rows))  # of images the paths
        out = []
        for i, taken in enumerate(columns):
            taken = taken[taken >= 0]
            out.append(
                {
                    "id": ids[i],
                    "anchor": names[i],
                    "positive": positives[i],
                    "negatives": self.pool.take(documents[i, taken]),
                    "scores": [_short(positive[i]), *map(_short, scores[i, taken])],
                }
            )
            self.counts.negatives += len(taken)
            self.counts.without += not len(taken)
            self.counts.negative_score += float(scores[i, taken].sum())
        self.counts.rows += len(rows)
        self.counts.positive_score += float(positive.sum())
        return out


def _check_written(examples: Pairs | Triplets, source: Encoder | str) -> None:
    """Anchors may be images in files, of which the paths are written; what is mined is texts."""
    sides = ("anchor", "positive")
    images = [side for side in sides if is_of_images(examples.table.column(side))]
    if "positive" in images:
        raise InputError("mining: found images as positives, and negatives are texts; expected "
                         "texts there (--anchor and --positive the other way round)")  # fmt: skip
    if images and isinstance(source, str):
        raise InputError(f"mining: found images as anchors, and {source} reads words; expected a "
                         "model of images and texts")  # fmt: skip
    if images and not isinstance(
        next(iter(examples.column("anchor").contents(np.array([0])))), str
    ):
        raise InputError("mining: found images without files, which triplets in a file cannot "
                         "name; expected a table with their paths")  # fmt: skip


def _check_letters(examples: Pairs | Triplets, source: Encoder | str, filters: Filters) -> None:
    """BM25 counts words, and propensity compares letters: both sides have to be texts."""
    if isinstance(source, str):
        reads, other = f"{source} reads words", "a model of such inputs"
    elif filters.pick == "propensity":
        reads, other = "propensity compares letters", "another --pick"
    else:
        return
    for side in ("anchor", "positive"):
        if len(examples) and modality(value := examples.column(side)[0]) != "text":
            raise InputError(f"mining: found {described(value)} as {side}, and {reads}; expected "
                             f"texts, or {other}")  # fmt: skip


def mine_negatives(
    examples: Pairs | Triplets,
    source: Encoder | str,
    *,
    judge: Encoder | PairScorer | None = None,
    corpus: Sequence[str] = (),
    method: Method = "auto",
    folder: str | Path | None = None,
    **filters: Any,
) -> Triplets:
    """Triplets of `examples` with negatives from `source`; arguments as of `Miner`, `Filters`.

    Rows for which nothing was found have an empty list. `.scores` of what comes back are the
    judge's (those of `source` where there is none), as of `Triplets.scores`.

    Example:
        >>> from dipole.data import Pairs
        >>> pairs = Pairs.from_columns({
        ...     "anchor": ["open a file", "open a door", "shut a door"],
        ...     "positive": ["reads a file", "turns the handle of a door", "locks a door"],
        ... })
        >>> mine_negatives(pairs, "bm25", negatives=1)[1]["negatives"]
        ['locks a door']
    """
    asked = make_filters(**filters)
    with TemporaryDirectory(prefix="dipole-mining-") as temporary:
        miner = Miner(
            examples,
            source,
            asked,
            judge=judge,
            corpus=corpus,
            folder=Path(folder or temporary),
            method=method,
        )
        rows = [row for block in miner.blocks() for row in miner.mine(block)]
    triplets = Triplets.from_columns(
        {name: [row[name] for row in rows] for name in Triplets.FIELDS},
        ids=[row["id"] for row in rows],
        origin=f"{miner.counts.summary()}, mined in {examples.origin}",
    )
    return triplets.with_scores([row["scores"] for row in rows])


def _judge(
    judge: Encoder | PairScorer | None,
    pool: Pool,
    folder: Path,
    workers: int,
    address: str | None,
    said: Said | None,
) -> Judge | None:
    if judge is None:
        return None
    from dipole.encoders.base import Encoder

    if isinstance(judge, Encoder):
        return TowerSearch(
            judge, pool, folder, method="exact", workers=workers, address=address, said=said
        )
    if hasattr(judge, "score"):
        return PairJudge(judge, pool)
    raise InputError(
        f"judge: found {type(judge).__name__}, expected an encoder or a pair scorer (`score`)"
    )


def _short(score: np.floating) -> float:
    return round(float(score), 6)
