"""G-SimCLR: pseudo-classes of an autoencoder keep likely false negatives out of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.declared import NotNegative
from dipole.encoders.image import ImageEncoder
from dipole.errors import InputError
from dipole.kernels.draws import for_rows
from dipole.objectives.maths import reduce
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.parts import Setup
from dipole.training.recipe import Recipe
from dipole.training.rendering import cut
from dipole.training.steps import Given, Step

HERE = "dipole.systems.vision.g_simclr"


class Denoise(Step):
    """min || D(E(x + e)) - x ||^2 over images x with values 0 to 1, e of deviation `noise`.

    E is the tower, in training with its head; D a perceptron with one hidden layer. The authors
    decode a map of vectors by convolutions: that E is one vector here is our reading.
    """

    takes = ("anchor",)

    noise: NotNegative = 0.01

    def bind(self, setup: Setup) -> None:
        tower = setup.encoder
        if not isinstance(tower, ImageEncoder):
            raise InputError(
                f"denoise: found {type(tower).__name__}; expected an encoder of images"
            )
        self.shape = (tower.channels, *tower.size)
        wide = tower.dim if tower.head is None else tower.head.out
        pixels = int(np.prod(self.shape))
        self.decoder = nn.Sequential(nn.Linear(wide, 256), nn.ReLU(), nn.Linear(256, pixels))

    def forward(self, batch: Given) -> dict[str, Tensor]:
        pieces = batch.columns["anchor"]
        x = torch.cat([piece["image"] for piece in pieces])
        drawn = for_rows(lambda n: {"noise": torch.randn(n, *self.shape)}, len(x))["noise"]
        noisy = cut({"image": x + self.noise * drawn.to(x)}, len(pieces[0]["image"]))
        error = self.decoder(batch.encode(noisy)) - x.flatten(1)
        return {"denoising": reduce(error.square().mean(1), "mean")}


SIMCLR: dict[str, Any] = {
    "wants": ["images"], "encoder": "conv", "view": ["simclr"], "objective": "ntxent",
    "temperature": 0.1,
}  # fmt: skip
CODING: dict[str, Any] = {"step": f"{HERE}:Denoise", "view": ["same"]}
GUIDED: dict[str, Any] = {"fresh": True, "sampler": "apart"}
# As ariG23498/G-SimCLR has it for CIFAR-10: plain SGD (its cosine there starts anew after 1,000
# steps, after twice as many again and so on), 64 clusters, an autoencoder by Adam at Keras's rate.
RECIPE = Recipe(
    **SIMCLR,
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.1,
    schedule="cosine",
    warmup=0,
    weight_decay=0.0,
    clip_norm=None,
    stages=[
        CODING | {"optimizer": "adamw", "learning_rate": 1e-3, "schedule": "constant"},
        GUIDED | {"sampler_options": {"model": "stage:1", "clusters": 64}},
    ],
)


SYSTEM = System(
    id="g-simclr",
    paper=(
        "Chakraborty et al. 2020, G-SimCLR: Self-Supervised Contrastive Learning with Guided "
        "Projection via Pseudo Labelling, arXiv 2009.12007"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "SimCLR learns more from batches in which no two images are of one pseudo-class, "
            "clusters of an autoencoder's codes."
        ),
        bench="views",
        settings={"batch_size": 64},
        regime="batches of 64 for 64 clusters, as the authors have it.",
        arms={"g-simclr": {}, "simclr": {"recipe": Recipe(**SIMCLR)}},
        primary=AtLeast("g-simclr", "simclr", on="kNN accuracy"),
        reported=(
            "39.92 to 40.5 on CIFAR-10 by a linear classifier on the tower, 37.69 to 38.15 and 39.4"
            " to 41.01 on two layers of the head (the authors' page, one training each)"
        ),
        notes=(
            "Both arms train six epochs of contrast; the autoencoder, as many epochs before, gives"
            " G-SimCLR its pseudo-classes and no weight. With ten true classes a batch of 64 cannot"
            " do without false negatives, in the paper neither: only images that look alike to the"
            " autoencoder are kept apart."
        ),
    ),
)
