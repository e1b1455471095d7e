"""Recipes of images: heads that only training has, prototypes that stand still at first."""

import numpy as np
import torch

from dipole.data import Inputs
from dipole.encoders.conv import ConvImage
from dipole.objectives import SwAV
from dipole.systems import system
from support.steps import gradient

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
INPUTS = Inputs.from_columns({"input": IMAGES})


def conv(head=128):
    return lambda: ConvImage.from_images(list(IMAGES), widths=[8, 8], head=head)


def test_heads_are_trained_and_no_part_of_the_encoder():
    _, towers = gradient(system("amcl").recipe, INPUTS, conv(None))
    (heads,) = towers.parts
    assert all(p.grad is not None and p.grad.norm() > 0 for p in heads.parameters())
    assert len(heads.heads) == 3
    assert not torch.equal(heads.heads[0][0].weight, heads.heads[1][0].weight)


def test_prototypes_stand_still_at_first():
    views = torch.randn(2, 6, 8)
    objective = SwAV(dim=8, prototypes=4, still=0.5).train()
    for progress, moves in ((0.0, False), (0.49, False), (0.5, True)):
        objective.at(progress)
        (gradient,) = torch.autograd.grad(objective(views), objective.prototypes)
        assert bool(gradient.any()) is moves
    still, free = (SwAV(dim=8, prototypes=4, still=share)(views) for share in (0.5, 0.0))
    assert still.item() == free.item()
