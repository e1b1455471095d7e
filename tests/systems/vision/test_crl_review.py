"""Every family of losses that the review names is an objective."""

import pytest

from dipole.objectives.contract.registry import OBJECTIVES
from dipole.systems.vision.crl_review import FAMILIES


@pytest.mark.parametrize("name", FAMILIES.values())
def test_a_family_is_an_objective(name):
    assert name in OBJECTIVES
