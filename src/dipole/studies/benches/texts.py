"""Texts and a text tower for claims: real ones, and small made ones for a quick run."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from dipole.data import Pairs, Scored, load_pairs, load_scored

if TYPE_CHECKING:
    from dipole.encoders.transformer_text import TransformerText

QUICK = 60  # pairs of a quick run
WORDS = ["red", "blue", "old", "new", "small", "cat", "dog", "house", "tree", "runs", "falls"]


def minilm(quick: bool = False, *, max_length: int = 32) -> TransformerText:
    """all-MiniLM-L6-v2; in a quick run a random transformer of as many layers, which are small.

    Mean pooling, vectors of length 1. Every call gives a new one.
    """
    from dipole.studies.benches.minilm import minilm as real
    from dipole.studies.benches.tiny_text import tiny_text

    if quick:
        return tiny_text(WORDS, seed=0, dim=32, layers=6, max_length=max_length).eval()
    return cast("TransformerText", real("this claim", max_length=max_length))


def stsb(part: str, quick: bool = False) -> tuple[list[str], list[str], np.ndarray]:
    """Sentences, sentences and scores 0 to 1 of the STS benchmark, part "train" or "validation".

    A quick run takes made phrases, whose score is the share of words they have in common.
    """
    found = phrases(QUICK, seed=part != "train") if quick else load_scored("stsb", split=part)
    scores = np.asarray(list(found.column("score")), dtype=np.float64)
    first, second = ([str(x) for x in found.column(c)] for c in ("first", "second"))
    return first, second, scores / (1.0 if quick else 5.0)


def phrases(n: int, seed: int) -> Scored:
    """Pairs of phrases of four words each, and the share of words that are in both."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, float]] = []
    for _ in range(n):
        first = list(rng.choice(WORDS, 4, replace=False))
        kept = int(rng.integers(0, 5))
        others = [word for word in WORDS if word not in first]
        second = [*first[:kept], *rng.choice(others, 4 - kept, replace=False)]
        rows.append((" ".join(first), " ".join(second), kept / 4))
    one, other, scores = zip(*rows, strict=True)
    return Scored.from_columns({"first": list(one), "second": list(other), "score": list(scores)})


@cache
def debian(what: str, quick: bool = False) -> list[tuple[str, str]]:
    """Short descriptions of Debian packages, each once, with the same in German ("de"), or with
    their long descriptions ("long").

    A quick run takes made phrases that have words in common.
    """
    if quick:
        made = phrases(3 * QUICK, seed=2)
        return list(zip(made.column("first"), made.column("second"), strict=True))
    from dipole.data.named import locate

    path = Path(locate("debian-translations/ddtp.de.tsv.gz"))
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    column = {"de": 2, "long": 3}[what]
    return list({row[1]: (row[1], row[column]) for row in rows}.values())


def docstrings(part: str, quick: bool = False) -> Pairs:
    """Docstrings and code of Python's own library; in a quick run the first few."""
    found = cast(Pairs, load_pairs("stdlib-code", split=part))
    return found.select(np.arange(min(QUICK, len(found)))) if quick else found
