"""NCA: each of several rated answers against its noise, so that the best keeps its likelihood."""

from __future__ import annotations

from dipole.data.preferences import Preferences
from dipole.studies.benches import preferences as bench
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


def best_and_other(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Of the bench's lists the best answer with one of the other three, as DPO is given them."""
    whole = bench.lists(split, quick, fold)
    if split != "train":
        return whole
    columns = {name: list(whole.column(name)) for name in whole.FIELDS}
    others = [1 + row % 3 for row in range(len(whole))]
    columns["answers"] = [
        [row[0], row[k]] for row, k in zip(columns["answers"], others, strict=True)
    ]
    columns["ratings"] = [[1.0, 0.0]] * len(whole)
    return Preferences.from_columns(columns)


SYSTEM = System(
    id="nca",
    paper=(
        "Chen et al. 2024, Noise Contrastive Alignment of Language Models with Explicit Rewards, "
        "arXiv 2402.05369"
    ),
    # four answers a prompt, scored 0 to 10
    recipe=Recipe(
        wants=["preferences"],
        objective="nca",
        objective_options={"beta": 0.01, "alpha": 1e-4},
        batch_size=32,
        learning_rate=5e-6,
        schedule="cosine",
        warmup=0.1,
    ),
    claim=Claim(
        sentence=(
            "NCA optimises the likelihood of each answer, so the likelihood of the best one does"
            " not sink as it does with DPO."
        ),
        bench="preferences",
        settings={
            "data": "dipole.studies.benches.preferences:lists",
            "objective_options": {"beta": 0.1},
        },
        regime=(
            "the paper learns from four answers a prompt with their rewards; beta is 0.1 for all,"
            " as the bench has it for DPO."
        ),
        arms={
            "nca": {},
            "infonca": {
                "objective": "infonca",
                "objective_options": {"beta": 0.1, "alpha": 1e-4},
            },
            "dpo": {"objective": "dpo", "data": f"{__name__}:best_and_other"},
        },
        primary=AtLeast("nca", "dpo", on="chosen"),
        reported=(
            "the likelihood of chosen answers falls with DPO and InfoNCA, and with NCA it does not"
            " (abstract and a figure)"
        ),
        secondary=[
            AtLeast("nca", 0.0, on="chosen"),
            AtLeast("nca", "infonca", on="chosen"),
            AtLeast("nca", "dpo", on=bench.METRIC),
            AtLeast("infonca", "dpo", on=bench.METRIC),
        ],
        notes=(
            "`chosen` is the mean of log pi(y|x) - log ref(y|x) over the best answers of the"
            " training data. DPO is given the best of the four answers and one of the others, as in"
            " the paper; alpha is the published 1e-4, so the best answer has all the weight."
        ),
        lesson=(
            "NCA keeps the best answers near their likelihood, where DPO loses 4.5 nats, and gives"
            " 9 points more reward at the same KL; but with NCA, too, they lose 0.9 nats."
        ),
    ),
)
