"""CWCL: a frozen modality knows how alike two captions are; that is a weight, not a yes or no."""

from __future__ import annotations

import numpy as np

from dipole.data import Pairs
from dipole.studies.benches.captions import rows
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


def texts_first(split: str, quick: bool = False) -> Pairs:
    """The bench's rows; to train on with the captions as anchors and the images as positives."""
    found = rows(split, quick)
    if split != "train":
        return found
    return Pairs.from_columns(
        {
            "anchor": list(found.column("positive")),
            "positive": np.stack(list(found.column("anchor"))),
        },
        origin=found.origin,
    )


# The frozen modality is the text, the positive of an image; a user names its tower:
# --encoder-option text=FOLDER. The image tower reaches its space by a linear map.
RECIPE = Recipe(
    wants=["image-text"],
    encoder="towers",
    locked=["text"],
    objective="cwcl",
    objective_options={"learn_temperature": True},
    temperature=0.07,
)
SYSTEM = System(
    id="cwcl",
    paper=(
        "Srinivasa et al. 2023, CWCL: Cross-Modal Transfer with Continuously Weighted "
        "Contrastive Loss, arXiv 2309.14580"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Weighing each pair by the similarity in the frozen modality makes better zero-shot "
            "classifiers than the pairs alone."
        ),
        bench="captions",
        settings={
            "data": f"{__name__}:texts_first",
            "encoder_options": {"image": "dipole.studies.benches.captions:Sighted"},
            "locked": ["image"],
        },
        regime=(
            "the image tower is pretrained by a contrast of classes and locked, as LiT's, which"
            " the paper compares with; captions are the anchors, since the frozen side is that of"
            " the positives."
        ),
        arms={
            "cwcl": {},
            "lit": {"objective": "infonce", "objective_options": {"learn_temperature": True}},
        },
        primary=AtLeast("cwcl", "lit", on="zero-shot accuracy"),
        reported=(
            "5 to 8 points above earlier methods in zero-shot classification of images, 20 to 30"
            " in zero-shot speech-to-intent and keywords (abstract)"
        ),
        notes=(
            "In both arms equal captions are never negatives of each other, which spares the"
            " baseline its worst mistakes; both learn their temperature from 0.07."
        ),
        lesson=(
            "With a frozen image tower, weighing captions by how alike their images are changes "
            "nothing that shows."
        ),
    ),
)
