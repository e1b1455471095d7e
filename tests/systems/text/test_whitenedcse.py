"""WhitenedCSE: three views, each whitened in groups by a permutation of its own."""

import pytest
import torch

from dipole.objectives import WhitenedCSE
from dipole.objectives.views.whitenedcse import _groups


@pytest.mark.parametrize(("dim", "groups"), [(768, 128), (256, 64), (8, 2), (7, 7), (6, 1)])
def test_groups_of_six_dimensions_at_most(dim, groups):
    assert _groups(dim) == groups
    views = torch.randn(2, 8, dim)
    torch.testing.assert_close(WhitenedCSE(groups=None)(views), WhitenedCSE(groups=groups)(views))
