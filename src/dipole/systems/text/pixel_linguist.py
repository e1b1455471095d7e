"""Pixel-Linguist: a text is read as a picture, so a typo or a word in another place changes little.

    dipole train --recipe pixel-linguist --data texts.csv --out runs/typos

teaches that a text and its copy with typos belong together. The authors train four such models,
each with another edit, average their weights, and go on with pairs:

    dipole train --recipe pixel-linguist --data texts.csv --view same --view word-shuffle \\
        --out runs/shuffled
    dipole merge runs/typos runs/shuffled --out runs/both
    dipole train --encoder runs/both --data pairs.csv --objective infonce --out runs/pairs

Their tower is a masked autoencoder that was pretrained on pictures of English; here it starts from
nothing, draws with Pillow's bitmap font, and reads Latin-1. Edits are those of `dipole.views`: our
reading of the authors' typos and shuffles.
"""

from __future__ import annotations

import numpy as np

from dipole.data import Scored
from dipole.errors import InputError
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe
from dipole.views.typos import Typo

HERE = "dipole.systems.text.pixel_linguist"
# Texts that are looked for by a copy with typos, and the share of its words that have one.
LOOKED_FOR, RATE = 500, 0.5


def found_by_typos(model: Trained) -> Measured:
    """100 / rank of each test text among all, asked for by a copy with typos in half its words."""
    if not isinstance(model.test, Scored):
        raise InputError(f"found by typos: found {type(model.test).__name__}; expected graded "
                         "pairs")  # fmt: skip
    texts = list(dict.fromkeys(str(text) for text in model.test.column("first")))[:LOOKED_FOR]
    typed = Typo(RATE)(texts, np.random.default_rng(0))
    asked, known = (np.asarray(model.encoder.encode(x, role="document")) for x in (typed, texts))
    scores = asked @ known.T
    return {"found by typos": 100.0 / (1 + (scores > np.diag(scores)[:, None]).sum(1))}


SYSTEM = System(
    id="pixel-linguist",
    paper="Xiao et al. 2024, Pixel Sentence Representation Learning, arXiv 2402.08183",
    recipe=Recipe(
        wants=["texts"],
        encoder="pixel-text",
        objective="infonce",
        view=["same*1", "dipole.views.typos:Typo*1"],
    ),
    claim=Claim(
        sentence=(
            "Read as pictures, texts are found by copies with typos better than as bags of pieces"
            " of words that were taught the same."
        ),
        bench="sentences",
        settings={"max_steps": 200, "batch_size": 64},
        regime="both towers start from nothing, and learn typos, not dropout.",
        arms={
            "pixels": {
                "encoder": "pixel-text",
                "encoder_options": {"dim": 64, "depth": 2, "patches": 32, "head": 64},
                "learning_rate": 1e-3,
            },
            "pieces": {
                "encoder": "static", "encoder_options": {"dim": 256, "tokenizer": "bpe"},
                "learning_rate": 1e-3,
            },
        },
        measures=[f"{HERE}:found_by_typos"],
        primary=AtLeast("pixels", "pieces", on="found by typos"),
        reported="no number is confirmed here: robust to typos where tokenizers are not (abstract)",
        delta=1.0,
        notes=(
            "Not run yet. Each arm has the learning rate of its tower; a text of the test is looked"
            f" for among {LOOKED_FOR} by a copy with typos in half of its longer words."
        ),
    ),
)  # fmt: skip
