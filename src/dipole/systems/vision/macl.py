"""MACL: a temperature that follows the alignment makes its start matter less."""

from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.systems.vision.dcl import RATES, SMALL_BATCHES, SMALL_REGIME
from dipole.training.recipe import Recipe

# For images; the paper's sentences start at 0.05 with alpha = 2 and a threshold of 0.8.
RECIPE = Recipe(
    wants=["images"],
    encoder="conv",
    view=["simclr"],
    objective="macl",
    objective_options={"alpha": 0.5, "threshold": 0.0},
    temperature=0.1,
    batch_size=256,
)
SYSTEM = System(
    id="macl",
    paper=(
        "Huang et al. 2023, Model-Aware Contrastive Learning: Towards Escaping the Dilemmas, "
        "arXiv 2207.07874"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "A temperature that rises with the alignment of the positive pairs, and rows weighted "
            "against vanishing gradients, learn more from small batches."
        ),
        bench="views",
        settings=SMALL_BATCHES,
        regime=SMALL_REGIME,
        arms={"macl": {}, "ntxent": {"objective": "ntxent"}},
        tuned=RATES | {"temperature": [0.1, 0.2]},
        primary=AtLeast("macl", "ntxent", on="kNN accuracy"),
        reported=(
            "more than SimCLR on images, SimCSE on sentences and GraphCL on graphs (abstract; no"
            " number is confirmed)"
        ),
        notes=(
            "The paper's alpha = 0.5 and threshold of 0 for images. The weights alone, at a fixed"
            " temperature, have the gradient of DCL: what MACL has over it is the moving"
            " temperature, which ends above the one it is given. So both arms choose their"
            " temperature (the paper's 0.1, or 0.2) beside the rate: a fixed one that is too low"
            " would lose to any that rises. *Before*: with AdamW at 0.1, six epochs and batches of"
            " 32, MACL was -0.14 points ahead of NT-Xent, [-0.52, +0.25] at 20 seeds, and -0.15 of"
            " DCL."
        ),
    ),
)
