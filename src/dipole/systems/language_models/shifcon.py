"""ShifCon: translations meet in the middle layers of a language model, their languages set aside.

    dipole train --recipe shifcon --data translations.csv --encoder lm:FOLDER --out RUN

FOLDER is a multilingual causal language model; the data are texts of the language that it knows
best, as `anchor`, with their translations into one other, as `positive`. In each of the layers
`first` to `last` - 1 the other language's vectors are moved by the difference of both languages'
means before they are compared. Of a model of 32 layers they are 15 to 20; say yours:

    --objective-option ShiftedContrast.first=6 --objective-option ShiftedContrast.last=9

Beside it stands the loss of the next word of both texts (theirs is of instructions; add some as a
second source, as the recipe `afp` does). What comes out is a language model.

The other half of the method is not here: moving the states of a weaker language between these
layers while it generates, for which a model would have to be told the language of each text.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor

from dipole.declared import Count, Range
from dipole.errors import InputError
from dipole.kernels import lse, off_diagonal, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.dimensions.moments import centred, wide
from dipole.objectives.maths import mean, one_against, reduce, unit
from dipole.studies.benches.tiny_lm import NEEDS, REGIME, SETTINGS
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

HERE = "dipole.systems.language_models.shifcon"
PARTS = "dipole.training.parts"
WORDS = "dipole.systems.text.clear:Masked(masked_losses=next_losses)"


class ShiftedContrast(Objective):
    """Both directions of InfoNCE in several layers, between vectors whose languages' means agree.
    With u_i, v_i the means of a pair's states after layer k, of length 1,

        w_i = v_i - mean_j v_j + mean_j u_j
        L_k = 1/2 ( CE(U W^T / temperature, own) + CE(W U^T / temperature, own) )
        L   = mean of L_k over first <= k < last.

    w is not made of length 1 again, and the means have a gradient. k counts from 0, the embeddings.
    Shapes: anchor_hidden (n, layers, t, d), positive_hidden (n, layers, u, d); masks (n, t) and
    (n, u), False for padding.
    Source: Zhang et al. 2024, ShifCon, arXiv 2410.19453, and its code before it was taken back.

    Example:
        >>> x, there = torch.eye(2)[:, None, None], torch.ones(2, 1, dtype=torch.bool)
        >>> ShiftedContrast(first=0, last=1)(x, x, there, there).item()  # log(1 + 1 / e)
        0.313...
    """

    shapes: ClassVar[dict[str, str]] = {"anchor_hidden": "n k t d", "positive_hidden": "n k u d"}

    first: Annotated[int, Range(0)] = 15
    last: Count = 20
    temperature: Temperature = Temperature(1.0)

    def make(self) -> None:
        if self.first >= self.last:
            raise InputError(f"first: found {self.first}, expected less than last, {self.last}")

    def forward(
        self,
        anchor_hidden: Tensor,
        positive_hidden: Tensor,
        anchor_mask: Tensor,
        positive_mask: Tensor,
    ) -> Tensor:
        layers = anchor_hidden.shape[1]
        if self.last > layers:
            raise InputError(
                f"last: found {self.last}, expected at most {layers}: the encoder shows the layers "
                f"0 to {layers - 1}, and last is the one behind those that are compared"
            )
        return torch.stack(
            [
                self._of_layer(
                    _vectors(anchor_hidden[:, k], anchor_mask),
                    _vectors(positive_hidden[:, k], positive_mask),
                )
                for k in range(self.first, self.last)
            ]
        ).mean(0)

    def _of_layer(self, u: Tensor, v: Tensor) -> Tensor:
        t = self.temperature()
        w = centred(v)[0] + u - centred(u)[0]
        rest = [lse(mask=off_diagonal())]
        block = pairs(u, w, temperature=t, row=rest, column=rest)
        hit = own(u, w, temperature=t)
        rows = mean([one_against(hit, other) for other in (*block.row, *block.column)])
        return reduce(rows, self.reduction)


def _vectors(states: Tensor, there: Tensor) -> Tensor:
    """The mean of the tokens that are there, of length 1."""
    kept = wide(states).masked_fill(~there.bool()[:, :, None], 0)
    return unit(kept.sum(1) / there.sum(1, keepdim=True).clamp(min=1))


SYSTEM = System(
    id="shifcon",
    paper=(
        "Zhang et al. 2024, ShifCon: Enhancing Non-Dominant Language Capabilities with a"
        " Shift-based Contrastive Framework, arXiv 2410.19453"
    ),
    recipe=Recipe(
        wants=["pairs"],
        objective=f"{HERE}:ShiftedContrast + {WORDS}",
        objective_options={
            f"{HERE}:ShiftedContrast.first": 15, f"{HERE}:ShiftedContrast.last": 20,
        },
        parts=[{f"{PARTS}.next_words:NextWords": {"columns": "anchor+positive"}}],
        learning_rate=1e-5,
        schedule="cosine",
        warmup=0.03,
        batch_size=32,
        epochs=1.0,
    ),
    claim=Claim(
        sentence=(
            "A contrast of the middle layers, moved by the languages' means, makes states of a text"
            " find its translation; the next word alone does not."
        ),
        bench="pairs",
        settings=SETTINGS,
        regime=REGIME,
        measures=["dipole.studies.benches.tiny_lm:middle"],
        arms={
            "shifcon": {"objective_options": {
                f"{HERE}:ShiftedContrast.first": 1, f"{HERE}:ShiftedContrast.last": 3,
            }},
            "next word": {"objective": WORDS, "objective_options": {}},
        },
        primary=AtLeast("shifcon", "next word", on="MRR@10, middle layers"),
        reported=(
            "better answers in languages that a model knows less (no number is confirmed here);"
            " what is compared there is the whole method, and here its contrast"
        ),
        needs=NEEDS,
        notes="Not run yet. MRR@10 of German for English among 200, by the mean of the cosines.",
    ),
)  # fmt: skip
