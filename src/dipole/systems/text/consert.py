"""ConSERT: two cuts of the embeddings of one sentence repair a space that had collapsed.

Views as published: the best pair, feature cutoff against shuffled positions; token cutoff and
dropout are `token-cutoff` (`zero=true`) and `same`. The mean of the last two layers. Rates,
temperature and batch are those of the authors' script, which also switches BERT's own dropout off:
here it stays on, unless the model's config says otherwise. For a transformer of BERT's kind:
--encoder-option model=FOLDER. Joint training with labelled pairs adds a classifier's loss; it is
not built.
"""

from __future__ import annotations

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
)
