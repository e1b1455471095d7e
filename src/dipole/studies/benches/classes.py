"""The bench of texts with classes: intents never seen in training, a bag of words."""

from __future__ import annotations

from functools import cache

import numpy as np

from dipole.data import Labeled
from dipole.data.cache import digest
from dipole.studies.bench import Bench
from dipole.studies.measures import Measured, Trained

# Questions of a class that are tested.
TEST = 60


@cache
def rows(split: str, quick: bool = False) -> Labeled:
    """CLINC150's questions of 75 intents to train on; 60 each of the 75 others to test on.

    A quick run takes words of made classes.
    """
    whole = _made() if quick else _clinc()
    labels = np.asarray(list(whole.column("label")))
    names = sorted(set(labels), key=digest)
    if split == "train":
        return whole.select(np.flatnonzero(np.isin(labels, names[: len(names) // 2])))
    unseen = [np.flatnonzero(labels == name)[:TEST] for name in names[len(names) // 2 :]]
    return whole.select(np.sort(np.concatenate(unseen)))


def seen_rows(split: str, quick: bool = False) -> Labeled:
    """The same test, and other questions of these classes to train on."""
    test = rows("test", quick)
    if split == "test":
        return test
    whole = _made() if quick else _clinc()
    known, held = set(test.column("label")), set(test.column("input"))
    texts, labels = (list(whole.column(name)) for name in ("input", "label"))
    chosen = [i for i, text in enumerate(texts) if labels[i] in known and text not in held]
    return whole.select(chosen)


def together(model: Trained) -> Measured:
    """MAP@R and Recall@1 of each test text's class among the other test texts."""
    return found(model.test_vectors, model.test_labels)


def found(vectors: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Are the nearest others (dot product) of the class? Per item, in points.

        MAP@R     (1 / R) sum_{i <= R} [item i is of the class] precision at i

    R: how many others there are of the class (Musgrave et al. 2020, arXiv 2003.08505).
    """
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    r = np.bincount(np.unique(labels, return_inverse=True)[1]).min() - 1
    order = np.argpartition(-scores, r, axis=1)[:, :r]
    order = np.take_along_axis(order, np.argsort(-np.take_along_axis(scores, order, 1), 1), 1)
    right = labels[order] == labels[:, None]
    precision = right.cumsum(1) / np.arange(1, r + 1)
    return {"MAP@R": 100.0 * (right * precision).mean(1), "Recall@1": 100.0 * right[:, 0]}


def idf_bag(train: Labeled, test: Labeled) -> np.ndarray:
    """MAP@R of bags of words weighted by idf."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    read = TfidfVectorizer(sublinear_tf=True).fit(list(train.column("input")))
    vectors = np.asarray(read.transform(list(test.column("input"))).todense())
    return found(vectors, np.asarray(list(test.column("label"))))["MAP@R"]


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
        "questions of 75 of CLINC150's intents, 300 batches of 64; a bag of words; whether the"
        " nearest of 4,500 questions of the 75 other intents are of one"
    ),
    data=f"{__name__}:rows",
    needs=("clinc150",),
    settings={
        "encoder": "static", "encoder_options": {"dim": 64, "vocabulary": 4096, "buckets": 1024},
        "view": ["same*1"], "sampler": "classes", "sampler_options": {"per_class": 4},
        "batch_size": 64, "max_steps": 300, "learning_rate": 1e-2, "schedule": "constant",
        "warmup": 0, "clip_norm": None,
    },
    measures=(f"{__name__}:together",),
    metric="MAP@R",
    delta=0.5,
    trivial=f"{__name__}:idf_bag",
    baseline={"objective": "supcon", "temperature": 0.1},
    ceiling={"objective": "supcon", "temperature": 0.1, "data": f"{__name__}:seen_rows"},
)  # fmt: skip
