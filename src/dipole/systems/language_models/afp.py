"""AFP: a language model's states of a text and of its translation are drawn together, low down.

    dipole train --recipe afp --data translations.csv --encoder lm:FOLDER --out RUN

FOLDER is a multilingual causal language model, and the data are texts with their translations. The
contrast is of the last token's states after the first layer, so its gradient reaches that layer and
the embeddings alone. What comes out is a language model; its vectors are read elsewhere.

The authors' second loss is over instructions that are answered in another language. These are data
of your own, with the columns `prompt`, `response` and `label` (1 in each row), as a second source:

    --source "instructions.jsonl:objective=sft,share=0.6"

Of the pairs themselves the recipe's second loss is that of the next word of both texts (our
reading: theirs are translations to be written, and instructions). Their example has two pairs on
each device, so few negatives; here a batch is as large as you say.
"""

from __future__ import annotations

from dipole.studies.benches.tiny_lm import NEEDS, REGIME, SETTINGS
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

PARTS = "dipole.training.parts"
WORDS = "dipole.systems.text.clear:Masked(masked_losses=next_losses)"


SYSTEM = System(
    id="afp",
    paper=(
        "Li et al. 2023, Align after Pre-train: Improving Multilingual Generative Models with"
        " Cross-lingual Alignment, arXiv 2311.08089"
    ),
    recipe=Recipe(
        wants=["pairs"],
        objective=f"infonce + 1.5 * {WORDS}",
        objective_options={"infonce.symmetric": False, "infonce.temperature": 0.05},
        parts=[
            {f"{PARTS}.layer_vectors:LayerVectors": {"layer": 1, "pooling": "last"}},
            {f"{PARTS}.next_words:NextWords": {"columns": "anchor+positive"}},
        ],
        learning_rate=1e-5,
        schedule="cosine",
        warmup=0.03,
        batch_size=16,
        max_steps=5000,
    ),
    claim=Claim(
        sentence=(
            "A contrast after the first layer makes the state of a text's last token find its"
            " translation; the next word alone does not."
        ),
        bench="pairs",
        settings=SETTINGS,
        regime=REGIME,
        measures=["dipole.studies.benches.tiny_lm:low"],
        arms={
            "afp": {},
            "next word": {
                "objective": WORDS,
                "objective_options": {},
                "parts": [{f"{PARTS}.next_words:NextWords": {"columns": "anchor+positive"}}],
            },
        },
        primary=AtLeast("afp", "next word", on="MRR@10, layer 1"),
        reported=(
            "better answers in other languages, and states nearer to those of English (no number is"
            " confirmed here)"
        ),
        needs=NEEDS,
        notes="Not run yet. MRR@10 of German descriptions for English ones among 200, of 20 folds.",
    ),
)
