import pytest

from dipole import recipes
from dipole.claims.catalogue.systems import system_of
from dipole.errors import InputError
from dipole.training.build import build_objective
from dipole.training.config import make_config


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_a_system_and_can_be_built(name):
    system_of(name)
    settings = recipes.read(name)
    assert "data" not in settings
    build_objective(make_config(data="stdlib-code", **settings))


def test_a_path_is_a_recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("objective: dcl\n")
    assert recipes.read(path) == {"objective": "dcl"}


def test_unknown_names_get_a_hint():
    with pytest.raises(InputError, match="expected a file or dcl"):
        recipes.find("dlc")
    with pytest.raises(InputError, match="no such file"):
        recipes.read("missing.yaml")
