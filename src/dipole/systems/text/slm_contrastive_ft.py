"""Small language models as encoders: the state at the end of a text, tuned by LoRA on triplets.

    dipole train --recipe slm-contrastive-ft --data triplets.csv --encoder-option model=FOLDER \\
        --out RUN

FOLDER is a causal language model; the data are sentences with one that each entails and one that it
contradicts. The vector is the state of the token that ends texts, as in the paper; the authors'
preprocessing adds none, so that theirs is the last token of the text
(`--encoder-option "template='[X]'"`). LoRA starts as peft starts it, by a uniform draw where they
have a normal one.
"""

from __future__ import annotations

from dipole.studies.benches.smollm import NEEDS, SMALL, UNTRAINED
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="slm-contrastive-ft",
    paper=(
        "Ukarapol et al. 2024, Improving Text Embeddings for Smaller Language Models Using"
        " Contrastive Fine-tuning, arXiv 2408.00690"
    ),
    recipe=Recipe(
        wants=["triplets", "pairs"],
        encoder="template",
        encoder_options={"template": "[X][EOS]", "max_length": 150},
        adapter="lora",
        adapter_options={
            "rank": 8, "alpha": 32, "dropout": 0.1, "targets": ["q_proj", "v_proj"],
        },
        objective="infonce",
        objective_options={"symmetric": False},
        temperature=0.05,
        learning_rate=5e-5,
        schedule="cosine",
        warmup=100,
        weight_decay=1e-4,
        batch_size=60,
        max_steps=1000,
    ),
    claim=Claim(
        sentence=(
            "A few hundred thousand weights beside a small language model turn its state at the end"
            " of a text into a vector that judges similarity."
        ),
        bench="sentences",
        settings=SMALL | {"learning_rate": 1e-3},
        regime=(
            "the paper's encoders are language models of two to three billion weights; here it is"
            " the first ten layers of SmolLM2, tuned to follow instructions, 30 batches of 16 pairs"
            " that say the same, without contradictions, at a rate for so few; every fourth pair."
        ),
        arms={"tuned": {}, "untrained": UNTRAINED},
        primary=AtLeast("tuned", "untrained", on="Spearman"),
        reported=(
            "56.33 % better than untuned for MiniCPM, the mean of nine STS tasks (abstract)"
        ),
        needs=NEEDS,
        notes="Not run yet.",
    ),
)  # fmt: skip
