"""How good links are: precision, recall, F1 and alignment error rate against a gold standard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.links import Link, Links, read_links
from dipole.data.lines import lines_of
from dipole.data.paths import missing
from dipole.data.rows import Bad
from dipole.errors import InputError
from dipole.evaluation.statistics.intervals import (
    RESAMPLES,
    Interval,
    Statistic,
    bootstrap_intervals,
)
from dipole.evaluation.statistics.resampling import Estimate

NAMES = ("precision", "recall", "F1", "AER")


@dataclass(frozen=True)
class Gold:
    """Links that people made: sure ones, and possible ones, which include the sure ones."""

    sure: Sequence[Links]
    possible: Sequence[Links]

    def __len__(self) -> int:
        return len(self.sure)


def counts(found: Sequence[Links], gold: Gold) -> np.ndarray:
    """(sentences, 4): |A & S|, |A & P|, |A|, |S| of every sentence pair."""
    rows = zip(found, gold.sure, gold.possible, strict=True)
    return np.array([(len(a & s), len(a & p), len(a), len(s)) for a, s, p in rows], np.float64)


def measure(
    found: Sequence[Links],
    gold: Gold,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Precision, recall, F1 and AER with their bootstrap intervals over sentence pairs.

        precision = |A & P| / |A|,   recall = |A & S| / |S|,   F1 their harmonic mean
        AER = 1 - (|A & S| + |A & P|) / (|A| + |S|)

    A are the links found, S the sure and P the possible ones, S within P. The four counts are
    summed over all sentence pairs before they are divided. What would be 0 / 0 is nan.

    Args:
        found: links of the gold's sentence pairs, in their order.

    Source: Och and Ney 2003, A Systematic Comparison of Various Statistical Alignment Models.

    Example:
        >>> gold = Gold([frozenset({(0, 0)})], [frozenset({(0, 0), (1, 1)})])
        >>> found = measure([frozenset({(0, 0), (1, 0)})], gold)
        >>> {name: round(one.value, 3) for name, one in found.items()}
        {'precision': 0.5, 'recall': 1.0, 'F1': 0.667, 'AER': 0.333}
    """
    values = counts(found, gold)
    intervals = bootstrap_intervals(values, RATES, level=level, resamples=resamples, seed=seed)
    return dict(zip(NAMES, intervals, strict=True))


def error_rate(found: Sequence[Links], gold: Gold) -> float:
    """AER alone, of the whole."""
    return float(_rates(counts(found, gold).sum(axis=0)[None])[0, 3])


def _rates(sums: np.ndarray) -> np.ndarray:
    """(b, 4) summed counts -> (b, 4): the four measures."""
    sure, possible, found, gold = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = possible / found, sure / gold
        f1 = np.where(precision + recall > 0, 2 * precision * recall / (precision + recall), 0.0)
        f1[np.isnan(precision + recall)] = np.nan
        error = 1 - (sure + possible) / (found + gold)
    return np.stack([precision, recall, f1, error], axis=1)


def _estimate(values: np.ndarray) -> Estimate:
    return lambda weights: _rates(weights @ values)


RATES = Statistic(_estimate, moments=lambda values: values, of_sums=lambda sums, n: _rates(sums))


def read_gold(path: str | Path, bitext: Bitext, *, first_word: int | None = None) -> Gold:
    """The gold links of the first pairs of a bitext, a line each: `1-1 2-3 2p4`.

    `i-j` is a sure link, `ipj` a possible one. Whether words are counted from 0 or 1 the file tells
    where it can: a 0 stands only in one, the length of a sentence only in the other.

    Args:
        first_word: the number of a first word, 0 or 1.

    Raises:
        InputError: a line that is no links, more lines than pairs, a word that its sentence does
            not have, a file that does not tell how it counts; with file and row.
    """
    path = Path(path).expanduser()
    if first_word not in (None, 0, 1):
        raise InputError(f"first_word: found {first_word}; expected 0 or 1")
    rows = _read(path)
    if len(rows) > len(bitext):
        raise InputError(
            f"{path}: found {len(rows):,} lines, and {bitext.name} has {len(bitext):,} pairs; "
            "expected gold links of its first pairs, a line each"
        )
    if not any(sure or possible for sure, possible in rows):
        raise InputError(f"{path}: found no links; expected some, as 0-0 1-2")
    start = _first(path, rows, bitext) if first_word is None else first_word
    found: tuple[list[Links], list[Links]] = ([], [])
    for row, both in enumerate(rows):
        for side, links in zip(found, both, strict=True):
            side.append(frozenset((i - start, j - start) for i, j in links))
        _check(path, row, found[1][-1], bitext, start)
    return Gold(*found)


def _read(path: Path) -> list[tuple[Links, Links]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file{missing(path)}")
    rows = []
    for number, line in lines_of(path):
        if isinstance(line, Bad):
            raise InputError(f"{path}, row {number}: {line.message}")
        try:
            rows.append(read_links(line))
        except InputError as error:
            raise InputError(f"{path}, row {number}: {error}") from None
    return rows


def _first(path: Path, rows: Sequence[tuple[Links, Links]], bitext: Bitext) -> int:
    """0 if a word 0 is named; 1 if the last word of a sentence is, by its number from 1."""
    is_from_1 = False
    for (_, links), source, target in zip(rows, bitext.source, bitext.target, strict=False):
        if any(i == 0 or j == 0 for i, j in links):
            return 0
        is_from_1 |= any(i == len(source) or j == len(target) for i, j in links)
    if is_from_1:
        return 1
    raise InputError(
        f"{path}: found neither a word 0 nor the last word of a sentence by its number from 1; "
        "expected --first-word 0 or 1"
    )


def _check(path: Path, row: int, links: Links, bitext: Bitext, start: int) -> None:
    lengths = len(bitext.source[row]), len(bitext.target[row])
    for link in sorted(links):
        for side, word, length in zip(("source", "target"), link, lengths, strict=True):
            if not 0 <= word < length:
                raise InputError(_out_of_range(path, row, link, side, length, start))


def _out_of_range(path: Path, row: int, link: Link, side: str, length: int, start: int) -> str:
    text = f"{link[0] + start}-{link[1] + start}"
    last = f"{start} to {length + start - 1}" if length else "none"
    return (
        f"{path}, row {row + 1}: found the link {text}, and the {side} sentence has {length} words "
        f"({last}, counted from {start}); expected words that are there (--first-word says where "
        "counting starts)"
    )
