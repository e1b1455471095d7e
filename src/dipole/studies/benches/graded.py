"""The bench of graded lists: docstrings, and code that answers them more or less; bags of words."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import numpy as np

from dipole.data import Pairs, Ranked, RetrievalData, Scored
from dipole.errors import InputError
from dipole.studies.bench import Bench
from dipole.studies.benches.pairs import SETTINGS, TOWER, fold_of, short_code
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN
from dipole.studies.measures import Measured, Trained

# Relevance of a docstring's own code, of code beside it (in its class, or at the top of its file as
# it is itself), of the rest of its file, and of all else.
OWN, BESIDE, FILE, ELSEWHERE = 3, 2, 1, 0
LEVELS = (OWN, BESIDE, FILE, ELSEWHERE)
# Folds that claims are judged on; one more is there to tune on.
FOLDS = 10


@cache
def rows(split: str, quick: bool = False, fold: int = 0) -> Ranked:
    """A docstring with a code of each level; those that have none of a level are left out.

    The modules of the test, those of two folds of the bench `pairs`, are others than those of the
    training: one fold is too few documents to rank. Fold 10 is there to tune on.
    """
    whole = short_code("all", False)
    modules = [str(whole.metadata(i)["module"]) for i in range(len(whole))]
    of_fold = fold_of(Counter(modules))
    held = np.array([of_fold[module] // 2 == fold for module in modules])
    chosen = np.flatnonzero(~held if split == "train" else held)
    few = QUICK_TRAIN if split == "train" else QUICK_TEST
    return _lists(whole.select(chosen[:few] if quick else chosen))


def scored_rows(split: str, quick: bool = False, fold: int = 0) -> Ranked | Scored:
    """The same lists to test on; to train on, their pairs with scores 100, 67 and 33."""
    lists = rows(split, quick, fold)
    if split != "train":
        return lists
    first, second, score = [], [], []
    for row in lists:
        for code, level in zip(row["candidates"], row["relevance"], strict=True):
            if level > 0:
                first.append(row["query"])
                second.append(code)
                score.append(float(round(100 * level / OWN)))
    return Scored.from_columns({"first": first, "second": second, "score": score})


def pair_rows(split: str, quick: bool = False, fold: int = 0) -> Ranked | Pairs:
    """The same lists to test on; to train on, each docstring with its own code alone."""
    lists = rows(split, quick, fold)
    return lists if split != "train" else _pairs(lists)


def known_rows(split: str, quick: bool = False, fold: int = 0) -> Ranked | Pairs:
    """The same test, whose pairs are trained on."""
    lists = rows("test", quick, fold)
    return lists if split != "train" else _pairs(lists)


def _lists(found: Pairs) -> Ranked:
    codes = list(found.column("positive"))
    files, scopes = _places(found)
    of_file = [np.flatnonzero(files == file) for file in range(files.max() + 1)]
    chosen, lists = [], []
    rng = np.random.default_rng(0)
    for i, file in enumerate(files):
        near = of_file[file]
        beside = near[(scopes[near] == scopes[i]) & (near != i)]
        apart = near[scopes[near] != scopes[i]]
        if len(beside) and len(apart):
            elsewhere = int(rng.choice(np.flatnonzero(files != file)))
            chosen.append(i)
            levels = (i, int(rng.choice(beside)), int(rng.choice(apart)), elsewhere)
            lists.append([codes[j] for j in levels])
    kept = found.select(np.array(chosen))
    columns = {
        "query": list(kept.column("anchor")),
        "candidates": lists,
        "relevance": [[float(level) for level in LEVELS]] * len(lists),
    }
    metadata = [kept.metadata(i) for i in range(len(kept))]
    return Ranked.from_columns(columns, metadata=metadata, origin=kept.origin)


def _pairs(lists: Ranked) -> Pairs:
    own = [row["candidates"][0] for row in lists]
    return Pairs.from_columns({"anchor": list(lists.column("query")), "positive": own})


def levels_of(examples: Pairs | Ranked) -> np.ndarray:
    """How relevant each row's code is to each row's docstring, (n, n), by where they stand."""
    files, scopes = _places(examples)
    same: np.ndarray = (files[:, None] == files).astype(int) + (scopes[:, None] == scopes)
    return same + np.eye(len(files), dtype=int)


def _places(examples: Pairs | Ranked) -> tuple[np.ndarray, np.ndarray]:
    """The file of each row and the class (or top of the file) that it stands in, as numbers."""
    where = [examples.metadata(i) for i in range(len(examples))]
    files = [str(one["file"]) for one in where]
    scopes = [f"{one['file']} {str(one['name']).rpartition('.')[0]}" for one in where]
    return (
        np.unique(files, return_inverse=True)[1],
        np.unique(scopes, return_inverse=True)[1],
    )


def judged(lists: Ranked) -> RetrievalData:
    """Each docstring asks for all codes of these lists, by their levels."""
    ids = [f"d{i}" for i in range(len(lists))]
    codes = {id: row["candidates"][0] for id, row in zip(ids, lists, strict=True)}
    queries = {f"q{i}": row["query"] for i, row in enumerate(lists)}
    qrels: dict[str, dict[str, int]] = defaultdict(dict)
    for q, d in zip(*np.nonzero(levels := levels_of(lists)), strict=True):
        qrels[f"q{q}"][ids[d]] = int(levels[q, d])
    return RetrievalData(codes, queries, dict(qrels))


def graded(model: Trained) -> Measured:
    """nDCG@10 with the levels as gains, and MRR@10 of the own code alone: of each test docstring
    among all codes of the test, in points."""
    from dipole.evaluation.tasks.retrieval import evaluate_retrieval, evaluate_run

    if not isinstance(model.test, Ranked):
        raise InputError(f"graded: found {type(model.test).__name__}; expected lists")
    data = judged(model.test)
    found = evaluate_retrieval(model.encoder, data, measures=["nDCG"], at=[10])
    own = {q: {d: 1 for d, level in of.items() if level == OWN} for q, of in data.qrels.items()}
    assert found.run is not None
    first = evaluate_run(found.run, own, measures=["MRR"], at=[10])
    return {
        "nDCG@10": 100 * np.asarray(found.per_item["nDCG@10"]),
        "own code's MRR@10": 100 * np.asarray(first.per_item["MRR@10"]),
    }


def bm25(train: Ranked, test: Ranked) -> np.ndarray:
    """nDCG@10 of BM25 over the words of the codes, per test docstring, in points."""
    from dipole.evaluation.tasks.retrieval import evaluate_bm25

    found = evaluate_bm25(judged(test), measures=["nDCG"], at=[10])
    return 100 * np.asarray(found.per_item["nDCG@10"])


BENCH = Bench(
    id="graded",
    about=(
        "docstrings of Python's own library, each with its code, one beside it, one of its file and"
        " one from elsewhere, 10 folds by module and one to tune on; two epochs; a bag of words;"
        " all codes of the fold in the right order"
    ),
    data=f"{__name__}:rows",
    settings={
        "encoder": "static", "encoder_options": TOWER | {"dim": 256}, "batch_size": 64,
        "epochs": 2, **SETTINGS,
    },
    measures=(f"{__name__}:graded",),
    metric="nDCG@10",
    delta=0.5,
    folds=FOLDS,
    trivial=f"{__name__}:bm25",
    baseline={"objective": "infonce", "temperature": 0.05, "data": f"{__name__}:pair_rows"},
    ceiling={
        "objective": "infonce", "temperature": 0.05, "data": f"{__name__}:known_rows", "epochs": 20,
    },
)  # fmt: skip
