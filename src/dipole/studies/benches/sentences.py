"""The bench of sentences without labels, and pairs that people scored to measure with."""

from __future__ import annotations

from typing import Any

import numpy as np

from dipole.data import Inputs, Pairs, Scored, load_pairs, load_scored
from dipole.studies.bench import Bench

# Sentences of a quick run.
QUICK = 120
# Of 5: pairs that people scored at least so say the same.
ALIKE = 4.0
# Pairs that settings are tuned on.
TUNE = 1000
# A bag of words from nothing whose two sides are one, as settings of a training. It does not know
# how rare a word is, which is most of what two views by dropout can teach it.
BAG: dict[str, Any] = {
    "encoder": "static",
    "encoder_options": {"dim": 256, "buckets": 2048, "shared": True, "idf_power": 0.0},
    "learning_rate": 1e-3,
}


def docstrings(most: int | None = None) -> list[str]:
    """First sentences of docstrings of Python's own library, each once, of 4 to 24 words."""
    found: dict[str, str] = {}
    for text in load_pairs("stdlib-code", split="all").column("anchor"):
        sentence = " ".join(text.split()).split(". ")[0].rstrip(".")
        if 4 <= len(sentence.split()) <= 24:
            found.setdefault(sentence.casefold(), sentence)
    return list(found.values())[:most]


def unlabelled(quick: bool, most: int = 8000) -> list[str]:
    """Different sentences of the training parts of STS-B and SICK, in an order that says nothing.

    A quick run takes docstrings, which need no data set.
    """
    if quick:
        return docstrings(QUICK)
    sets = [load_scored(name, split="train") for name in ("stsb", "sick")]
    texts = [text for s in sets for side in ("first", "second") for text in s.column(side)]
    kept = list(dict.fromkeys(texts))
    order = np.random.default_rng(0).permutation(len(kept))
    return [kept[i] for i in order[:most]]


def judged(quick: bool, name: str = "stsb") -> Scored:
    """Scored pairs that no training here sees: STS-B's or SICK's validation part.

    In a quick run a docstring and some of its words, scored by how many.
    """
    if not quick:
        return load_scored(name, split="validation")
    rng = np.random.default_rng(0)
    texts = docstrings(QUICK)
    shares = rng.uniform(0.2, 1, len(texts))
    halves = [
        " ".join(w for w in t.split() if rng.random() < s)
        for t, s in zip(texts, shares, strict=True)
    ]
    return Scored.from_columns(
        {
            "first": texts,
            "second": [h or t for h, t in zip(halves, texts, strict=True)],
            "score": list(shares),
        }
    )


def rows(split: str, quick: bool = False) -> Inputs | Scored:
    """Sentences to train on; STS-B's validation part to test on."""
    if split != "train":
        return judged(quick)
    return Inputs.from_columns({"input": unlabelled(quick)})


def alike(split: str, quick: bool = False) -> Pairs | Scored:
    """Pairs of the training parts of STS-B and SICK that people found to say the same; scored ones
    to test on. In a quick run a docstring and itself without its last word."""
    if split != "train":
        return judged(quick)
    if quick:
        texts = unlabelled(True)
        return Pairs.from_columns(
            {"anchor": texts, "positive": [text.rsplit(" ", 1)[0] for text in texts]}
        )
    rows = [row for name in ("stsb", "sick") for row in load_scored(name, split="train")]
    same = [(row["first"], row["second"]) for row in rows if row["score"] >= ALIKE]
    first, second = zip(*dict.fromkeys(same), strict=True)
    return Pairs.from_columns({"anchor": list(first), "positive": list(second)})


def tuning(split: str, quick: bool = False) -> Scored:
    """Scored pairs of STS-B's training part, by which no arm is judged."""
    found = load_scored("stsb", split="train")
    chosen = np.random.default_rng(0).permutation(len(found))[:TUNE]
    return found.select(np.sort(chosen))


def idf_bag(train: Inputs, test: Scored) -> np.ndarray:
    """Spearman correlation of bags of words weighted by idf, in points."""
    from scipy.stats import spearmanr
    from sklearn.feature_extraction.text import TfidfVectorizer

    read = TfidfVectorizer(token_pattern=r"\w+").fit(list(train.column("input")))
    first, second = (read.transform(list(test.column(name))) for name in ("first", "second"))
    cosines = np.asarray(first.multiply(second).sum(1)).ravel()
    return np.array([100 * spearmanr(cosines, list(test.column("score"))).statistic])


def spearman(encoder: Any, pairs: Scored) -> float:
    """Rank correlation of cosines with the scores, in points; an encoder, or what `encode`s."""
    from dipole.evaluation.tasks.sts import evaluate_sts

    return 100 * evaluate_sts(encoder, pairs).value("Spearman")


BENCH = Bench(
    id="sentences",
    about=(
        "8,000 sentences of STS-B and SICK, one epoch; a bag of words that starts without word"
        " frequencies; rank correlation with the scores of STS-B's validation part"
    ),
    data=f"{__name__}:rows",
    needs=("stsb", "sick"),
    settings={**BAG, "batch_size": 64, "epochs": 1},
    measures=("sts",),
    metric="Spearman",
    delta=0.3,
    trivial=f"{__name__}:idf_bag",
    baseline={
        "view": ["same"], "objective": "infonce", "objective_options": {"symmetric": False},
        "temperature": 0.05,
    },
    ceiling={
        "view": ["word-repetition"], "objective": "infonce", "temperature": 0.05, "epochs": 6,
    },
)  # fmt: skip
