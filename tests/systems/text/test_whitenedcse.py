"""WhitenedCSE: three views, each whitened in groups by a permutation of its own."""

import pytest
import torch

from dipole.data import Inputs
from dipole.encoders import StaticText
from dipole.objectives import WhitenedCSE
from dipole.objectives.views.whitenedcse import _groups
from dipole.systems import system
from support.steps import check_missed

TEXTS = [f"{a} {b} {c}" for a in ("open", "sort") for b in ("it", "all") for c in "abcd"]
INPUTS = Inputs.from_columns({"input": TEXTS})


@pytest.mark.parametrize(
    "settings",
    [
        {"view": ["same*2"]},
        {"objective_options": {"groups": 4}},
        {"objective_options": {"groups": None, "seed": 1}},
        {"temperature": 0.2},
        {"objective": "infonce", "objective_options": {}, "view": ["same"]},
    ],
)
def test_whatever_is_taken_away_is_missed(settings):
    def encoder():
        return StaticText.from_texts(TEXTS, TEXTS, dim=8, dropout=0.3)

    check_missed(system("whitenedcse").recipe, INPUTS, encoder, **settings)


@pytest.mark.parametrize(("dim", "groups"), [(768, 128), (256, 64), (8, 2), (7, 7), (6, 1)])
def test_groups_of_six_dimensions_at_most(dim, groups):
    assert _groups(dim) == groups
    views = torch.randn(2, 8, dim)
    torch.testing.assert_close(WhitenedCSE(groups=None)(views), WhitenedCSE(groups=groups)(views))
