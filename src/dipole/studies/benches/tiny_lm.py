"""A causal language model that starts from nothing, on English and German, for claims about states
of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from dipole.data import Pairs
from dipole.encoders.base import Encoder
from dipole.encoders.pooling import pool
from dipole.errors import InputError
from dipole.studies.benches import writing
from dipole.studies.benches.minilm import SMALL
from dipole.studies.measures import Measured, Trained

HERE = "dipole.studies.benches.tiny_lm"
NEEDS = ["debian-translations/ddtp.de.tsv.gz"]
LAYERS = 4
# Of a training, in the place of a bench's for bags of words.
SETTINGS: dict[str, Any] = SMALL | {
    "data": "dipole.studies.benches.translations:rows", "encoder": f"{HERE}:TinyLM",
    "encoder_options": {"dim": 64, "layers": LAYERS}, "learning_rate": 1e-3, "max_steps": 150,
}  # fmt: skip
REGIME = (
    "the paper's model is of billions of weights and pretrained; here it is one of four layers and"
    " 64 dimensions from nothing, 150 batches of 32 short descriptions of packages in English and"
    " German."
)


class TinyLM(Encoder):
    """The language model of the bench `writing`, made for texts of both languages."""

    @classmethod
    def from_inputs(
        cls,
        queries: Sequence[str],
        documents: Sequence[str],
        *,
        dim: int = 64,
        layers: int = LAYERS,
        vocabulary: int = 2048,
    ) -> Encoder:
        """The model for these texts; draws from torch's generator."""
        texts = [*queries, *documents]
        return writing.TinyLM.from_inputs(texts, dim=dim, layers=layers, vocabulary=vocabulary)


def low(model: Trained) -> Measured:
    """Does the last token's state after layer 1 find the translation's? MRR@10, in points."""
    return {"MRR@10, layer 1": found_by(model, [1], "last")}


def middle(model: Trained) -> Measured:
    """Do the means of the states after layers 1 and 2 find the translation's? MRR@10, in points,
    of their cosines' mean."""
    return {"MRR@10, middle layers": found_by(model, [1, 2], "mean")}


def found_by(model: Trained, layers: Sequence[int], pooling: str) -> np.ndarray:
    """1 / rank of every test anchor's own positive by the mean cosine of these layers' vectors,
    among all test positives, 0 beyond 10, in points; ties are to its disadvantage."""
    if not isinstance(model.test, Pairs):
        raise InputError(f"measure: found {type(model.test).__name__}; expected pairs")
    scores = 0.0
    for layer in layers:
        x, y = (
            _vectors(model.encoder, [str(text) for text in model.test.column(name)], layer, pooling)
            for name in ("anchor", "positive")
        )
        scores = scores + x @ y.T
    ranks = (np.asarray(scores) >= np.diag(scores)[:, None]).sum(1)
    return np.where(ranks <= 10, 100 / ranks, 0.0)


@torch.inference_mode()
def _vectors(encoder: Encoder, texts: list[str], layer: int, pooling: str) -> np.ndarray:
    """Unit vectors of a layer's states, (n, d)."""
    found = []
    for start in range(0, len(texts), 100):
        features = encoder.prepare(texts[start : start + 100])
        shown = encoder.outputs(features, ("hidden", "mask"))
        found.append(pool(shown["hidden"][:, layer], shown["mask"], pooling))
    return torch.nn.functional.normalize(torch.cat(found), dim=1).numpy()
