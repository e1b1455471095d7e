"""The bench of texts with classes: intents never seen in training, a bag of words."""

from __future__ import annotations

from functools import cache

import numpy as np

from dipole.data import Labeled
from dipole.data.cache import digest
from dipole.studies.bench import Bench
from dipole.studies.measures import Measured, Trained


@cache
def rows(split: str, quick: bool = False) -> Labeled:
    """CLINC150's questions of 75 intents to train on, of the 75 others to test on.

    A quick run takes words of made classes.
    """
    whole = _made() if quick else _clinc()
    labels = np.asarray(list(whole.column("label")))
    names = sorted(set(labels), key=digest)
    seen = np.isin(labels, names[: len(names) // 2])
    return whole.select(np.flatnonzero(seen if split == "train" else ~seen))


def nearest(model: Trained) -> Measured:
    """Of each test text: has its nearest other one its class; how near the first of it is."""
    return found(model.test_vectors, model.test_labels)


def found(vectors: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Recall@1 and MRR@10 of finding another of the class, per item, in points."""
    first = np.full(len(vectors), np.inf)
    for start in range(0, len(vectors), 1000):
        scores = vectors[start : start + 1000] @ vectors.T
        places = np.arange(len(scores))
        scores[places, start + places] = -np.inf
        order = np.argpartition(-scores, 10, axis=1)[:, :10]
        order = np.take_along_axis(order, np.argsort(-np.take_along_axis(scores, order, 1), 1), 1)
        right = labels[order] == labels[start : start + 1000, None]
        first[start : start + 1000] = np.where(right.any(1), right.argmax(1) + 1.0, np.inf)
    return {"Recall@1": 100.0 * (first == 1), "MRR@10": 100.0 / first}


def idf_bag(train: Labeled, test: Labeled) -> np.ndarray:
    """MRR@10 of bags of words weighted by idf."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    read = TfidfVectorizer(sublinear_tf=True).fit(list(train.column("input")))
    vectors = np.asarray(read.transform(list(test.column("input"))).todense())
    return found(vectors, np.asarray(list(test.column("label"))))["MRR@10"]


def _clinc() -> Labeled:
    from dipole.data import load_labeled

    return load_labeled("clinc150", split="train+validation")


def _made() -> Labeled:
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(60)]
    labels = [f"class{i}" for i in range(12) for _ in range(20)]
    own = {name: rng.choice(words, 6, replace=False) for name in dict.fromkeys(labels)}
    texts = [" ".join([*rng.choice(own[c], 3), *rng.choice(words, 3)]) for c in labels]
    return Labeled.from_columns({"input": texts, "label": labels})


BENCH = Bench(
    id="classes",
    about=(
        "questions of 75 of CLINC150's intents, 300 batches of 64; a bag of words; the nearest"
        " other question among 9,000 of the 75 other intents"
    ),
    data=f"{__name__}:rows",
    needs=("clinc150",),
    settings={
        "encoder": "static", "encoder_options": {"dim": 64, "vocabulary": 4096, "buckets": 1024},
        "view": ["same*1"], "sampler": "classes", "sampler_options": {"per_class": 4},
        "batch_size": 64, "max_steps": 300, "learning_rate": 1e-2, "schedule": "constant",
        "warmup": 0, "clip_norm": None,
    },
    measures=(f"{__name__}:nearest",),
    metric="MRR@10",
    delta=0.5,
    trivial=f"{__name__}:idf_bag",
    baseline={"objective": "supcon", "temperature": 0.1},
    ceiling={"objective": "supcon", "temperature": 0.1, "max_steps": 1200},
)  # fmt: skip
