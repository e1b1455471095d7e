"""CID: what a model says after one prompt and not after another that hardly differs.

    dipole generate FOLDER --prompts prompts.jsonl --method cid --option strength=3

Each row has a `prompt` and a `contrast`; exchange them for the other direction.
`dipole.language.decoding.measures.input_contrast` says how far the two are apart.
"""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="cid-decoding",
    paper=(
        "Yona et al. 2023, Surfacing Biases in Large Language Models using Contrastive Input "
        "Decoding, arXiv 2305.07378"
    ),
    place="dipole.language.decoding.contrasts:CID",
)
