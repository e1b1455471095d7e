"""DCL: small batches learn more where the positive is not in the denominator."""

from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Batches of 32 with momentum SGD, as in the paper's table of small batches.
SMALL_BATCHES = {
    "batch_size": 32, "optimizer": "sgd", "optimizer_options": {"momentum": 0.9},
    "learning_rate": 0.03, "schedule": "cosine", "weight_decay": 5e-4, "clip_norm": None,
    "epochs": 2,
}  # fmt: skip
SMALL_REGIME = (
    "batches of 32 with momentum SGD, as the paper has them; no clipping: a clipped gradient has"
    " the length that is allowed, and the factor 1 - p(positive) changes the length most. Two"
    " epochs: a batch of 32 makes eight times the steps."
)
# 0.03 for a batch of 256, in proportion to the batch.
PAPER_RATE = 0.03 * 32 / 256
RATES = {"learning_rate": [0.001, PAPER_RATE, 0.01, 0.03]}

SYSTEM = System(
    id="dcl",
    paper="Yeh et al. 2022, Decoupled Contrastive Learning, arXiv 2110.06848",
    # Momentum SGD with a cosine, as in the paper; its rate and decay are our reading (those of its
    # baseline on small images).
    recipe=Recipe(
        wants=["images"],
        encoder="conv",
        view=["simclr"],
        objective="dcl",
        temperature=0.1,
        batch_size=256,
        optimizer="sgd",
        optimizer_options={"momentum": 0.9},
        learning_rate=0.03,
        schedule="cosine",
        warmup=0,
        weight_decay=5e-4,
        clip_norm=None,
    ),
    claim=Claim(
        sentence="Without the positive in the denominator small batches learn more.",
        bench="views",
        settings=SMALL_BATCHES,
        regime=SMALL_REGIME,
        arms={
            "dcl": {},
            "ntxent": {"objective": "ntxent"},
            "dcl, the paper's rate": {"learning_rate": PAPER_RATE},
            "ntxent, the paper's rate": {"objective": "ntxent", "learning_rate": PAPER_RATE},
        },
        tuned={"dcl": RATES, "ntxent": RATES},
        primary=AtLeast("dcl", "ntxent", on="kNN accuracy"),
        reported=(
            "+5.1 points of linear accuracy on ImageNet at batch 256 and 200 epochs, 66.9 against"
            " 61.8 (abstract of the first version; +6.4, 68.2, in the last); on CIFAR-10 at batch"
            " 32, by nearest neighbours, 83.7 against 78.9 (not confirmed here)"
        ),
        secondary=[
            AtLeast("dcl, the paper's rate", "ntxent, the paper's rate", on="kNN accuracy"),
        ],
        notes=(
            "What DCL removes is the factor 1 - p(positive) of each example's gradient. It is"
            " below 1, so that its steps are longer: a comparison at one rate of SGD is one of"
            " rates, and each arm has its own here. *The paper's rate* is 0.03 for a batch of 256,"
            " in proportion to the batch, so 0.00375. *A first search*, of rates of 0.01, 0.03 and"
            " 0.1, chose 0.03 for DCL and 0.01, the edge, for NT-Xent: DCL was then about a point"
            " behind (four seeds seen), and worse than itself at the paper's rate. So the search"
            " was moved down, for both, after that was seen. *Before*: with AdamW, which divides a"
            " gradient by its usual size, at six epochs and batches of 32, DCL was +0.03 points"
            " ahead, [-0.34, +0.41] at 20 seeds. *Tried*: a bag of words on docstrings and code,"
            " batches of 8, SGD: rates of 0.1 and more destroy it, at 0.03 DCL was 0.9 points"
            " behind (one seed)."
        ),
        lesson=(
            "Where each loss has the best of its rates, leaving the positive out of the"
            " denominator may be worth a third of a point at batches of 32, which twenty seeds do"
            " not tell from none."
        ),
    ),
)
