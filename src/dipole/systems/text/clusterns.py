"""ClusterNS: clusters that follow the training say which negatives are hard and which are false."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from dipole.data import Labeled, load_labeled
from dipole.studies.benches.sentences import (
    BAG,
    QUICK,
    docstrings,
    fitted,
    judged,
    spearman,
    unlabelled,
)
from dipole.studies.claim import AtLeast, Claim, Inequality
from dipole.systems.base import System
from dipole.training.recipe import Recipe, read_recipe

FAMILIES, BATCH, EPOCHS = 40, 128, 4
ARMS = ("simcse", "clusterns")


def families(part: str, quick: bool) -> tuple[list[str], np.ndarray]:
    """Questions to a bank and their intents, the first 40 of BANKING77; a third is for the test.

    A quick run takes docstrings, each followed by itself without its last word, four to a family.
    """
    if quick:
        texts = [text for whole in docstrings(QUICK) for text in (whole, whole.rsplit(" ", 1)[0])]
        return texts, np.repeat(np.arange(len(texts) // 4), 4)[: len(texts)]
    whole = load_labeled("banking77/train.csv", input="text", label="category")
    names, intent = np.unique(list(whole.column("label")), return_inverse=True)
    place = np.zeros(len(intent), dtype=np.int64)  # its number within its intent
    for name in range(len(names)):
        rows = np.flatnonzero(intent == name)
        place[rows] = np.random.default_rng(name).permutation(len(rows))
    wanted = (intent < FAMILIES) & ((place % 3 == 0) == (part == "test"))
    texts = list(whole.column("input"))
    return [texts[i] for i in np.flatnonzero(wanted)], intent[wanted]


class Watched(nn.Module):
    """An objective that also counts which pairs of its batches are taken for false negatives."""

    def __init__(self, objective: nn.Module, family: np.ndarray) -> None:
        super().__init__()
        self.objective, self.family = objective, family
        self.counts = np.zeros(4)  # same family and found, found, same family, all pairs

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        labels: Tensor,
        rows: Tensor,
        negative: Tensor | None = None,
    ) -> Tensor:
        family = self.family[rows.numpy()]
        same = family[:, None] == family
        cluster = (labels[:, None] == labels).numpy()
        for pairs in (same, cluster):
            np.fill_diagonal(pairs, False)
        if cluster.any():  # they have started
            n = len(rows)
            self.counts += [(same & cluster).sum(), cluster.sum(), same.sum(), n * (n - 1)]
        loss: Tensor = self.objective(anchor, positive, labels=labels, negative=negative)
        return loss


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """Of both arms: how far clusters agree with families, and Spearman of another training."""
    from dipole.evaluation.tasks.clustering import evaluate_clustering
    from dipole.training.build import build_objective
    from dipole.training.config import make_config

    texts, family = families("train", quick)
    unseen, truth = families("test", quick)
    test = Labeled.from_columns({"input": unseen, "label": [int(f) for f in truth]})
    sentences, pairs = unlabelled(quick, 4000), judged(quick)
    found: dict[str, float] = {}
    for arm in ARMS:
        settings: dict[str, Any] = read_recipe(arm) | {
            "batch_size": BATCH, **BAG,
        }  # fmt: skip
        if arm == "clusterns":
            settings["parts"] = [{"centroids": {"count": FAMILIES}}]
        objective = build_objective(make_config(data="", **settings))
        for name in ("objective", "objective_options", "temperature"):
            settings.pop(name, None)
        watched = Watched(objective, family) if arm == "clusterns" else objective
        encoder = fitted(texts, watched, seed=seed, epochs=1 if quick else EPOCHS, **settings)
        found[f"NMI, {arm}"] = 100 * evaluate_clustering(encoder, test).value("NMI geometric")
        if isinstance(watched, Watched):
            both, clustered, same, every = watched.counts
            found["same family among the found"] = float(100 * both / max(clustered, 1))
            found["same family among all"] = float(100 * same / max(every, 1))
        encoder = fitted(sentences, objective, seed=seed, epochs=1 if quick else EPOCHS, **settings)
        found[f"STS-B, {arm}"] = spearman(encoder, pairs)
    return found


SYSTEM = System(
    id="clusterns",
    paper=(
        "Deng et al. 2023, Clustering-Aware Negative Sampling for Unsupervised Sentence "
        "Representation, arXiv 2305.09892"
    ),
    # As published: the second-nearest centroid is a negative, pairs of one cluster are kept within
    # a band, and the 128 centroids follow every batch of 256 and are never computed anew.
    recipe=Recipe(
        wants=["texts"],
        view=["same"],
        objective="infonce + 0.001 * bidirectional-margin",
        objective_options={"infonce.symmetric": False, "infonce.temperature": 0.05},
        parts=[{"centroids": {"count": 128, "start": 0.4, "rate": 0.001}}],
        batch_size=256,
    ),
    claim=Claim(
        sentence=(
            "Clusters that follow the training find negatives of an anchor's own family, and "
            "treating these apart makes families clearer without harm to similarity."
        ),
        experiment=experiment,
        seeds=3,
        holds=[
            Inequality(
                {"same family among the found": 1.0, "same family among all": -5.0},
                least=0.0,
                on="value",
                says="same family among the found >= 5 x among all",
            ),
            AtLeast("NMI, clusterns", "NMI, simcse", by=2.0),
            AtLeast("STS-B, clusterns", "STS-B, simcse", by=-0.5),
        ],
        picture="value",
        notes=(
            "Questions to a bank of the first 40 intents of BANKING77, without their intents: two"
            " thirds to train on, a third to cluster (k-means, k = 40; NMI in points). 40"
            " centroids, batches of 128, four epochs; the rest is the paper's: start below a mean"
            " cosine of 0.4, rate 0.001, weight 0.001, a band of 0 to 0.3. Both arms are bags of"
            " words of 256 dimensions from nothing, whose dropout makes the two views. Found false"
            " negatives are the pairs of a batch in one cluster, over the whole training; with a"
            " hundred steps at the paper's rate the centroids hardly leave where they started."
            " Spearman is that of another training of both arms, on 4,000 sentences of STS-B's and"
            " SICK's training parts without their scores, on STS-B's validation part. Nothing else"
            " was tried."
        ),
    ),
)
