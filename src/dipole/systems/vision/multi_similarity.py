"""Multi-similarity: three similarities weigh a pair better than one, on classes never seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dipole.data import Labeled
from dipole.studies.benches.training import on_bench
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.measures import Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe

HERE = "dipole.systems.vision.multi_similarity"


def unseen_classes(part: str, quick: bool = False) -> Labeled:
    """Training images of the classes 0 to 4, test images of the classes 5 to 9."""
    from dipole.studies.data import fashion_mnist_14

    whole = fashion_mnist_14(part, quick)
    labels = np.asarray(list(whole.column("label")))
    return whole.select(np.flatnonzero(labels < 5 if part == "train" else labels >= 5))


def nearest(model: Trained) -> Mapping[str, np.ndarray]:
    """Is a test image's nearest other test image of its class? In points."""
    return {"Recall@1": 100.0 * right(model.test_vectors, model.test_labels)}


def right(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the nearest other vector (dot product) has the same label, (n,) bool."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.asarray(labels[scores.argmax(1)] == labels)


# 16 classes of 5 examples
RECIPE = Recipe(
    wants=["labelled"],
    view=["same*1"],
    objective="multi-similarity",
    sampler="classes",
    sampler_options={"per_class": 5},
    batch_size=80,
)
# Of images a weak view, twice; a batch has as many of all five classes of the bench.
BENCH: dict[str, Any] = {"view": ["weak"], "sampler_options": {"per_class": 4}}

SYSTEM = System(
    id="multi-similarity",
    paper=(
        "Wang et al. 2019, Multi-Similarity Loss with General Pair Weighting for Deep Metric "
        "Learning, arXiv 1904.06627"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Weighing a pair by its own similarity and by those of its neighbours retrieves "
            "unseen classes better than the contrastive and the triplet loss; its miner helps."
        ),
        data=f"{HERE}:unseen_classes",
        settings={"encoder": "conv", "batch_size": 80},
        arms={
            "multi-similarity": on_bench(RECIPE, **BENCH),
            "without miner": on_bench(RECIPE, objective_options={"epsilon": None}, **BENCH),
            "contrastive": on_bench(RECIPE, objective="contrastive-batch", **BENCH),
            "triplet": on_bench(
                RECIPE,
                objective="triplet-batch",
                objective_options={"mining": "semi-hard"},
                **BENCH,
            ),
        },
        measures=[f"{HERE}:nearest"],
        primary=AtLeast("multi-similarity", "contrastive", on="Recall@1"),
        reported="",
        secondary=[
            AtLeast("multi-similarity", "triplet", on="Recall@1"),
            AtMost("without miner", "multi-similarity", by=-0.3, on="Recall@1"),
        ],
        notes=(
            "Trained on five classes of clothing, measured on the five others: the nearest of 2,000"
            " images of unseen classes. All losses see the same batches, 16 images of each class,"
            " at their own default margins."
        ),
    ),
)
