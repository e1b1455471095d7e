"""LOL: a model against a hallucinating copy at the last and at an early layer, and its own shift
by an instruction to be truthful.

    dipole generate FOLDER --prompts prompts.jsonl --method lol \\
        --option amateur=COPY --option "instruction='Answer truthfully. '"

The amateur is a copy of the model that was trained on wrong answers. Contrastive decoding and
DoLa, which LOL joins, are methods, too.
"""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="lol-decoding",
    paper=(
        "Chen et al. 2024, Lower Layer Matters: Alleviating Hallucination via Multi-Layer Fusion "
        "Contrastive Decoding with Truthfulness Refocused, arXiv 2408.08769"
    ),
    place="dipole.language.decoding.contrasts:LOL",
)
