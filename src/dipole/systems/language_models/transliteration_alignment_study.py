"""Transliteration: a text and its romanised copy are one text, so scripts stop keeping languages
apart.

    dipole train --recipe transliteration-alignment-study --data texts.csv \\
        --encoder-option model=FOLDER --out RUN

FOLDER is a multilingual masked language model of 12 layers, as xlm-roberta-base; the data are texts
in any languages, without partners. The view `Romanise` writes them in Latin letters. Hidden words
of both copies and of the two joined are told, and their means after layer 8 are contrasted, by dot
products at temperature 1.

The mean is of all tokens, where the authors leave out the two special ones; both copies' hidden
words are one mean, times two. Their romaniser is uroman; ours knows fewer scripts (docs/views.md),
and texts in others stay as they are. The contrast is theirs without smoothing by random vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels import own
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import one_against, reduce, unit
from dipole.objectives.pairs.ntxent import other_views
from dipole.studies.benches.translations import NEEDS, REGIME, SETTINGS
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

TRANSLATIONS = "dipole.studies.benches.translations"
HERE = "dipole.systems.language_models.transliteration_alignment_study"
PARTS = "dipole.training.parts"
MASKED = "dipole.systems.text.clear:Masked"
JOINED = f"{MASKED}(masked_losses=translation_losses)"


class TransliterationContrast(Objective):
    """`ntxent` of dot products: with z the 2n vectors of n texts in two scripts and p(i) the other
    script of the same text,

        L_i = log sum_{j != i} exp(z_i . z_j / temperature) - z_i . z_p(i) / temperature.

    Returns the mean over the 2n vectors; TCM is half of it. `cosine` divides by the lengths.
    Shapes: anchor, positive (n, d); ids (n,): texts with equal ids are never negatives.
    Source: Xhelili, Liu, Schuetze 2024, arXiv 2406.19759, and its released code.

    Example:
        >>> TransliterationContrast()(torch.eye(2), torch.eye(2)).item()  # log(e + 2) - 1
        0.551...
    """

    temperature: Temperature = Temperature(1.0)
    cosine: bool = False

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        size = unit if self.cosine else wide
        a, p, t = size(anchor), size(positive), self.temperature()
        rest = torch.stack(other_views(a, p, ids, t))
        return reduce(one_against(own(a, p, temperature=t), rest).mean(0), self.reduction)


SYSTEM = System(
    id="transliteration-alignment-study",
    paper=(
        "Liu et al. 2024, How Transliterations Improve Crosslingual Alignment, arXiv 2409.17326"
    ),
    recipe=Recipe(
        wants=["texts"],
        encoder="inner",
        encoder_options={"layer": 8, "pooling": "mean", "normalize": False},
        view=["same*1", "dipole.views.romanising:Romanise*1"],
        objective=f"0.5 * {HERE}:TransliterationContrast + 2 * {MASKED} + {JOINED}",
        parts=[
            {f"{PARTS}.masked_columns:MaskedColumns": {
                "columns": "anchor+positive", "shared": True,
            }},
            {f"{PARTS}.joined_pairs:MaskedPairs": {"share": 0.15}},
        ],
        learning_rate=2e-5,
        batch_size=64,
        epochs=8.0,
    ),
    claim=Claim(
        sentence=(
            "Romanised copies help texts of two scripts to find their translation by the contrast"
            " of both copies, and not by their words alone."
        ),
        bench="pairs",
        settings=SETTINGS | {"data": f"{TRANSLATIONS}:in_greek"},
        regime=(
            f"{REGIME[:-1]}, the German in Greek letters, as texts without partners; the vector is"
            " the mean of the tokens after the first of two layers."
        ),
        arms={
            "contrast": {},
            "copies": {"objective": f"2 * {MASKED} + {JOINED}"},
            "words": {"objective": MASKED, "parts": [f"{PARTS}.masked_columns:MaskedColumns"]},
        },
        primary=AtLeast("contrast", "copies", on="MRR@10"),
        secondary=[AtLeast("copies", "words", on="MRR@10")],
        reported=(
            "similarities of matched and of random pairs rise with the copies, and only the"
            " contrast makes matched pairs stand out (abstract; no number is confirmed here)"
        ),
        needs=NEEDS,
        notes=(
            "Not run yet. MRR@10 of German descriptions for English ones among 200, of 20 folds;"
            " the test's texts are as they are, not romanised."
        ),
    ),
)  # fmt: skip
