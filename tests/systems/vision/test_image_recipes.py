"""Recipes of images: whatever of them is taken away, the gradient is another one."""

import numpy as np
import pytest
import torch

from dipole.data import Inputs, Labeled
from dipole.encoders.conv import ConvImage
from dipole.objectives import SwAV
from dipole.systems import system
from support.steps import check_missed, gradient

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
INPUTS = Inputs.from_columns({"input": IMAGES})
LABELLED = Labeled.from_columns({"input": IMAGES, "label": [0, 0, 0, 1, 1, 1, 2, 2]})


def conv(head=128):
    return lambda: ConvImage.from_images(list(IMAGES), widths=[8, 8], head=head)


QUEUE, TEACHER = {"queue": {"size": 4096}}, {"teacher": {"decay": 0.99}}
CASES = [
    ("groco", {"view": ["simclr*2"]}),
    ("groco", {"objective_options": {"k": 2}}),
    ("cacr", {"view": ["simclr*2"]}),
    ("cacr", {"objective_options": {"t_positive": 1e-6}}),
    ("cacr", {"objective_options": {"t_negative": 1e-6}}),
    ("mv-dhel", {"view": ["simclr*2"]}),
    ("poly-view", {"view": ["simclr*2"]}),
    ("poly-view", {"temperature": 0.3}),
    ("moco-dual-hard", {"objective": "queue-infonce"}),
    ("moco-dual-hard", {"objective_options": {"hardest": 1}}),
    ("moco-dual-hard", {"temperature": 0.2}),
    ("moco-dual-hard", {"parts": [{"queue": {"size": 3}}, TEACHER]}),
    ("moco-dual-hard", {"parts": [QUEUE, {"teacher": {"decay": 0.0}}]}),
    ("swav", {"parts": []}),
    ("swav", {"view_options": {"local": 0}}),
    ("swav", {"temperature": 0.3}),
    ("swav", {"objective_options": {"code_temperature": 0.5}}),
]


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_whatever_is_taken_away_is_missed(name, settings):
    check_missed(system(name).recipe, INPUTS, conv(), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"objective_options": {"epsilon": 0.0}},
        {"objective_options": {"beta": 5.0}},
        {"view": ["weak*1"]},
    ],
)
def test_multi_similarity(settings):
    check_missed(system("multi-similarity").recipe, LABELLED, conv(), **settings)


HEADS = "dipole.systems.vision.amcl:Heads"


@pytest.mark.parametrize(
    "settings",
    [
        {"parts": [{HEADS: {"count": 1}}], "objective_options": {"heads": 1}},
        {"parts": [{HEADS: {"dim": 4}}], "objective_options": {"dim": 4}},
        {"objective_options": {"regulariser": 0.0}},
        {"objective_options": {"highest": 0.21}},
        {"view": ["weak"]},
    ],
)
def test_amcl(settings):
    check_missed(system("amcl").recipe, INPUTS, conv(None), **settings)


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
