"""SimCTG: a language model whose tokens are told from each other, so that it repeats itself less.

dipole train --recipe simctg --encoder lm:FOLDER --data texts.csv --out runs/simctg
dipole generate runs/simctg --prompt "The sea" --method contrastive-search
"""

from __future__ import annotations

from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="simctg",
    paper=("Su et al. 2022, A Contrastive Framework for Neural Text Generation, arXiv 2202.06417"),
    recipe=Recipe(
        wants=["texts"],
        objective="next-token + token-contrast",
        objective_options={"token-contrast.margin": 0.5},
        batch_size=128,
        learning_rate=2e-5,
        schedule="linear",
    ),
    claim=Claim(
        sentence=(
            "A language model that also tells the tokens of a text from each other repeats itself"
            " less with greedy search than one that only foresees the next token."
        ),
        bench="writing",
        arms={
            "simctg": {},
            "next token alone": {"objective": "next-token", "objective_options": {}},
        },
        primary=AtLeast("simctg", "next token alone", on="diversity"),
        reported=(
            "the cosines of the tokens of a text are above 0.95 in GPT-2 and fall with the"
            " contrast (figure 1); it repeats less with each decoding method, and most clearly less"
            " with contrastive search (no number is repeated here)"
        ),
        secondary=[
            AtMost("simctg", "next token alone", on="token cosine"),
            AtLeast("simctg", "next token alone", on="log-likelihood", by=-0.05),
            AtLeast("simctg", "next token alone", on="contrastive diversity"),
        ],
        looks=(5, 10),
        delta=1.0,
        notes=(
            "The model is small and learns from nothing, where the paper fine-tunes"
            " GPT-2; margin and weight of the contrast are the paper's, 0.5 and 1. The likelihood"
            " may fall by 0.05 nats a token, a perplexity of 1.05 times."
        ),
        lesson=(
            "If a small language model repeats itself, tell the tokens of a text from each other"
            " while it learns: greedy search repeats much less, and here held-out texts are"
            " foreseen better, too; contrastive search repeats nothing with either."
        ),
    ),
)
