"""MACL: a temperature that follows the alignment makes its start matter less."""

from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
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
        settings={"clip_norm": None, "batch_size": 32},
        regime=(
            "batches of 32, where the paper sees the vanishing gradients; no clipping: a clipped"
            " gradient has the length that is allowed, and the weights change the length most."
        ),
        arms={"macl": {}, "ntxent": {"objective": "ntxent"}, "dcl": {"objective": "dcl"}},
        primary=AtLeast("macl", "ntxent", on="kNN accuracy"),
        reported=(
            "more than SimCLR on images, SimCSE on sentences and GraphCL on graphs (abstract; no"
            " number is confirmed)"
        ),
        secondary=[AtLeast("macl", "dcl", on="kNN accuracy")],
        notes=(
            "All arms at 0.1, the paper's temperature for images, with alpha = 0.5 and a threshold"
            " of 0 as there. The weights alone, at a fixed temperature, have the gradient of DCL:"
            " what MACL has over it is the moving temperature."
        ),
        lesson=(
            "At batches of 32 with AdamW no gain over NT-Xent was seen in 20 seeds: if there is one"
            " it is below a quarter of a point."
        ),
    ),
)
