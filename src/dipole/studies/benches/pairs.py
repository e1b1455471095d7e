"""The bench of pairs of text: docstrings and code of Python's library, a bag of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from dipole.data import Pairs
from dipole.encoders.base import Encoder
from dipole.studies.bench import Bench
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN

# Of a training, beside its recipe.
SETTINGS: dict[str, Any] = {
    "learning_rate": 3e-3, "schedule": "constant", "warmup": 0.0, "weight_decay": 0.0,
    "clip_norm": None,
}  # fmt: skip
# Characters of a code that are kept: a bag of its first words says what a function is about.
CODE = 200
# A bag of words of a third of a million numbers: 2 ms for a step of 32 pairs.
TOWER: dict[str, Any] = {"dim": 64, "vocabulary": 4096, "buckets": 1024}

# Folds that claims are judged on; one more is there to tune on.
FOLDS = 20


def rows(split: str, quick: bool = False, fold: int = 0) -> Pairs:
    """Docstrings and the first 200 characters of their code; the modules of a fold are its test.

    A quick run takes a few; fold 20 is there to tune on.
    """
    whole = _short("all")
    modules = [str(whole.metadata(i)["module"]) for i in range(len(whole))]
    of_fold = fold_of(Counter(modules))
    held = np.array([of_fold[module] == fold for module in modules])
    chosen = np.flatnonzero(~held if split == "train" else held)
    return whole.select(
        chosen[: QUICK_TRAIN if split == "train" else QUICK_TEST] if quick else chosen
    )


def known_rows(split: str, quick: bool = False, fold: int = 0) -> Pairs:
    """The same, where those of the test are trained on too: what the tower can hold."""
    return rows("test", quick, fold) if split == "test" else _short("all")


def fold_of(sizes: Mapping[str, int]) -> dict[str, int]:
    """Module -> fold: the largest first, each to the fold that has the fewest pairs.

    >>> fold_of({"os": 5, "re": 3, "io": 1})
    {'os': 0, 're': 1, 'io': 2}
    """
    filled, found = [0] * (FOLDS + 1), {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        found[name] = filled.index(min(filled))
        filled[found[name]] += sizes[name]
    return found


def bm25(train: Pairs, test: Pairs) -> np.ndarray:
    """MRR@10 of BM25 over the words of the codes, per test docstring, in points."""
    from dipole.data.retrieval import retrieval_from_pairs
    from dipole.evaluation.tasks.retrieval import evaluate_bm25

    found = evaluate_bm25(retrieval_from_pairs(test))
    return 100 * np.asarray(found.per_item["MRR@10"])


def short_code(part: str, quick: bool) -> Pairs:
    """stdlib-code, each code cut after its first 200 characters."""
    pairs = _short(part)
    return (
        pairs.select(np.arange(QUICK_TRAIN if part == "train" else QUICK_TEST)) if quick else pairs
    )


@cache
def _short(part: str) -> Pairs:
    from dipole.data import load_pairs

    pairs = load_pairs("stdlib-code", split=part)
    rows = np.arange(len(pairs))
    taken = pairs.take(rows)
    return Pairs.from_columns(
        {"anchor": taken["anchor"], "positive": [code[:CODE] for code in taken["positive"]]},
        ids=taken["id"],
        metadata=[pairs.metadata(int(i)) for i in rows],
        origin=f"{pairs.origin}, codes cut after {CODE} characters",
    )


def found(encoder: Encoder, test: Pairs, metric: str = "MRR@10") -> np.ndarray:
    """How well each test anchor finds its positive among all test positives, in points."""
    from dipole.data.retrieval import retrieval_from_pairs
    from dipole.evaluation.tasks.retrieval import evaluate_retrieval

    result = evaluate_retrieval(encoder, retrieval_from_pairs(test))
    return 100 * np.asarray(result.per_item[metric])


BENCH = Bench(
    id="pairs",
    about=(
        "docstrings and code of Python's own library, 20 folds by module and one to tune on, two"
        " epochs; a bag of words; each docstring's code among those of the fold"
    ),
    data=f"{__name__}:rows",
    settings={
        "encoder": "static", "encoder_options": TOWER | {"dim": 256}, "batch_size": 64,
        "epochs": 2, **SETTINGS,
    },
    measures=("retrieval",),
    metric="MRR@10",
    delta=0.5,
    folds=FOLDS,
    trivial=f"{__name__}:bm25",
    baseline={"objective": "infonce", "temperature": 0.05},
    ceiling={
        "objective": "infonce", "temperature": 0.05, "data": f"{__name__}:known_rows", "epochs": 4,
    },
)  # fmt: skip
