"""RO-ViT: an image is seen as a region of a larger one, and a focal contrast of hard pairs."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="ro-vit",
    paper=(
        "Kim et al. 2023, Region-Aware Pretraining for Open-Vocabulary Object Detection with "
        "Vision Transformers, arXiv 2305.07011"
    ),
    # gamma is the default of the authors' code; the sum over pairs is divided by the rows, and the
    # temperature learnt from 0.1: our reading. The detector that follows is not part of it.
    recipe=Recipe(
        wants=["image-text"],
        encoder="towers",
        encoder_options={"image": "vit", "image_options": {"cropped_positions": True}},
        objective="focal-sigmoid",
        objective_options={"gamma": 1.0, "learn_temperature": True},
        temperature=0.1,
    ),
)
