"""GCL: a graded score becomes the weight of its row in the contrast."""

from __future__ import annotations

from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

ROWS = "dipole.studies.benches.graded"

SYSTEM = System(
    id="gcl-marqo",
    paper=(
        "Zhu et al. 2024, Generalized Contrastive Learning for Multi-Modal Retrieval and "
        "Ranking, arXiv 2404.08535"
    ),
    # Scores of 1 to 100 by rank, taken as they are; a side is one column, a text or an image (the
    # paper may mix several fields of a product into one side).
    recipe=Recipe(
        wants=["graded"],
        objective="weighted-infonce",
        objective_options={"weight_of": "linear", "learn_temperature": True},
        temperature=0.07,
    ),
    claim=Claim(
        sentence=(
            "Pairs of a query and a document, weighted by how relevant the document is, rank "
            "documents better than the same pairs that all count the same."
        ),
        bench="graded",
        settings={"data": f"{ROWS}:scored_rows"},
        regime="pairs with scores instead of lists, which the loss takes one by one.",
        arms={
            "gcl": {},
            "all count the same": {"objective_options": {"weight_of": "constant"}},
            # as many steps: a query has one pair, not three
            "own code alone": {
                "objective": "infonce",
                "objective_options": {"learn_temperature": True},
                "data": f"{ROWS}:pair_rows",
                "epochs": 6,
            },
        },
        primary=AtLeast("gcl", "all count the same", on="nDCG@10"),
        reported=(
            "29.3 % more nDCG@10 than fine-tuned CLIP for queries and products seen in training,"
            " 6.0 to 10.0 % for unseen ones (abstract)"
        ),
        delta=0.5,
        secondary=[
            AtLeast("gcl", "own code alone", on="nDCG@10"),
            AtLeast("gcl", "all count the same", on="own code's MRR@10"),
        ],
        notes=(
            "Queries and documents of the test are unseen, the harder of the paper's cases. A"
            " docstring has three pairs: its own code with score 100, code beside it with 67, code"
            " of its file with 33, the steps of a relevance of 3, 2 and 1; all other code has none."
            " The weight is the score, as the paper's examples have it. The authors have published"
            " models and their evaluation, not their loss: nothing is compared with code of theirs."
            " *Before*, on the 509 docstrings of one test: +0.85, [+0.27, +1.44] at 5 seeds."
        ),
        lesson=(
            "If pairs of little relevance are trained on, weigh them by it: that adds a point of "
            "nDCG@10. To leave them out was better still, by two points."
        ),
    ),
)
