"""BCO: a classifier of thumbs up and down whose logit is the implicit reward, with a shift."""

from __future__ import annotations

from dipole.studies.benches import preferences as bench
from dipole.studies.claim import AtLeast, Claim, Equal
from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="bco",
    paper=(
        "Jung et al. 2024, Binary Classifier Optimization for Large Language Model Alignment, "
        "arXiv 2404.04656"
    ),
    # without the weights of thumbs down, for prompts that both kinds share
    recipe=Recipe(wants=["preferences"], objective="bco", objective_options={"beta": 0.1}),
    claim=Claim(
        sentence=(
            "A classifier of single answers, which never sees which two belong together, aligns on"
            " par with DPO on the pairs."
        ),
        bench="preferences",
        arms={
            "bco": {},
            "dpo": {"objective": "dpo"},
            "kto": {"objective": "kto"},
            "no shift": {"objective_options": {"shift": False}},
        },
        primary=Equal("bco", "dpo", within=2.0, on=bench.METRIC),
        reported="on par with DPO on a paired preference data set (abstract)",
        secondary=[
            AtLeast("bco", "kto", on=bench.METRIC),
            AtLeast("bco", "no shift", on=bench.METRIC),
            AtLeast("bco", "no shift", on="reward"),
        ],
        notes=(
            "On par is within 2 points, twice the bench's delta. BCO and KTO read the chosen"
            " answers as good and the rejected ones as bad. *To be distrusted*: the two points were"
            " chosen after one pilot on world 20, where BCO was 3.8 behind."
        ),
        lesson=(
            "If you have single answers marked good or bad, a classifier of them with a running"
            " shift aligns as well as DPO on pairs, at half the KL and five points ahead of KTO;"
            " without the shift it is no worse at equal KL."
        ),
    ),
)
