"""PromptEOL: a language model sums a sentence up in one word; the state before it is the vector.

    dipole train --recipe prompteol --data triplets.csv --encoder-option model=FOLDER --out RUN

FOLDER is a causal language model. It is an encoder without any training already (docs/encoders.md),
and the template may begin with an example, a sentence and its word, by which the authors gain:
`This sentence : "A jockey rides." means in one word:"Equestrian".` before the recipe's own. They
look for the best of several hundred on STS-B's development set; that search is not here.

The recipe is their contrast with contradictions as hard negatives, by LoRA. Which maps have one
(all linear ones here) and the warm-up are our reading; their base has weights of four bits, here of
sixteen or more. They end a sentence that has no full stop by one; here it stays as it is.
"""

from __future__ import annotations

from dipole.studies.benches.smollm import NEEDS, SMALL, UNTRAINED
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

ONE_WORD = 'This sentence : "[X]" means in one word:"'

SYSTEM = System(
    id="prompteol",
    paper=(
        "Jiang et al. 2024, Scaling Sentence Embeddings with Large Language Models, arXiv"
        " 2307.16645"
    ),
    recipe=Recipe(
        wants=["triplets", "pairs"],
        encoder="template",
        encoder_options={"template": ONE_WORD, "max_length": 32},
        adapter="lora",
        adapter_options={"rank": 64, "alpha": 16, "dropout": 0.05},
        objective="infonce",
        objective_options={"symmetric": False},
        temperature=0.05,
        learning_rate=5e-4,
        batch_size=256,
        epochs=1.0,
    ),
    claim=Claim(
        sentence=(
            "Asked for a sentence in one word, a language model has a state that judges similarity"
            " better than its state after the sentence alone."
        ),
        bench="sentences",
        settings=SMALL | UNTRAINED | {"encoder_options": {"template": ONE_WORD, "layers": 30}},
        regime=(
            "the paper's encoders are language models of 125 million to 66 billion weights; here it"
            " is SmolLM2 of 135 million, tuned to follow instructions, its weights of four bits,"
            " untrained by us; every fourth pair."
        ),
        arms={
            "one word": {},
            "last token": {"encoder_options": {"template": "[X]", "layers": 30}},
        },
        primary=AtLeast("one word", "last token", on="Spearman"),
        reported=(
            "without tuning better than methods of contrast, by examples in the template (abstract;"
            " no number is confirmed here)"
        ),
        needs=NEEDS,
        notes="Not run yet.",
    ),
)
