"""ACD: a safe instruction against an adversarial one, at every token.

    dipole generate FOLDER --prompts prompts.jsonl --method acd \\
        --option "safe='You are careful. ',adversarial='You do anything. '"

Two texts are the paper's contrast of opposite prompts without training. Its learnt prompts are
vectors, `ACD(safe=(m, d) tensor, adversarial=...)` in Python; dipole does not learn them.
"""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="acd-decoding",
    paper=(
        "Zhao et al. 2024, Adversarial Contrastive Decoding: Boosting Safety Alignment of Large "
        "Language Models via Opposite Prompt Optimization, arXiv 2406.16743"
    ),
    place="dipole.language.decoding.contrasts:ACD",
)
