"""ConSERT: two cuts of the embeddings of one sentence repair a space that had collapsed.

Views as published: the best pair, feature cutoff against shuffled positions; token cutoff and
dropout are `token-cutoff` (`zero=true`) and `same`. The mean of the last two layers. Rates,
temperature and batch are those of the authors' script, which also switches BERT's own dropout off:
here it stays on, unless the model's config says otherwise. For a transformer of BERT's kind:
--encoder-option model=FOLDER. Joint training with labelled pairs adds a classifier's loss; it is
not built.
"""

from __future__ import annotations

from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

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
            "Features cut off in one view and positions shuffled in the other repair the collapsed "
            "space of a masked language model better than the contrast of equal sentences alone."
        ),
        bench="masked",
        settings={"encoder_options": {"last": 2, "dropout": 0.0}},
        regime="the mean of the last two layers, and no dropout: as the authors train.",
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
        looks=(5,),
        notes=(
            "Without views and dropout the two sides are equal, and the loss only drives different"
            " sentences apart."
        ),
    ),
)
