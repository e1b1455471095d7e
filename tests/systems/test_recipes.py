import numpy as np
import pytest

import dipole
from dipole.data import Inputs, Pairs, load_labeled
from dipole.errors import InputError
from dipole.systems import recipes
from dipole.systems.catalogue import entry_of
from dipole.training.config import make_config
from dipole.training.recipe import read_recipe


@pytest.mark.parametrize("name", list(recipes()))
def test_every_recipe_is_a_system_and_trains(name, tmp_path):
    """Two steps: on digits where it names a tower of images, else on texts."""
    entry_of(name)
    settings = read_recipe(name)
    assert "data" not in settings
    make_config(data="digits", **settings)
    if "encoder" in settings:
        data = load_labeled("digits").select(np.arange(40))
    else:
        words = [f"word{i} and more{i}" for i in range(40)]
        texts = {"input": words} if "view" in settings else {"anchor": words, "positive": words}
        data = (Inputs if "view" in settings else Pairs).from_columns(texts)
        settings |= {"encoder_options": {"dim": 8, "buckets": 64}}
    run = dipole.fit(
        data, out=tmp_path / "run", max_steps=2, batch_size=8, show_progress=False, **settings
    )
    assert run.result["step"] == 2


def test_a_path_is_a_recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("objective: dcl\n")
    assert read_recipe(path) == {"objective": "dcl"}


def test_unknown_names_get_a_hint():
    with pytest.raises(InputError, match="did you mean 'dcl'"):
        read_recipe("dlc")
    with pytest.raises(InputError, match="no such file"):
        read_recipe("missing.yaml")
