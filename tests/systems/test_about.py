from dataclasses import replace

import pytest

from dipole.errors import InputError
from dipole.systems import about as module
from dipole.systems import files, system
from dipole.systems.about import about
from dipole.systems.catalogue import entries, objectives
from dipole.training.kinds import KINDS
from dipole.training.recipe import Recipe


@pytest.mark.parametrize("id", sorted({*files(), *objectives()} & set(entries())))
def test_everything_that_is_there_is_said(id):
    found = about(id)
    assert found["title"]
    assert found["paper"]
    assert found["what"]
    assert found["run"]
    own = system(id) if id in files() else None
    if own is not None and own.recipe is not None:
        assert found["run"][0].startswith(f"dipole train --recipe {id} ")
        assert " --data " in found["run"][0]
        assert {want["kind"] for want in found["wants"]} == set(own.recipe.settings["wants"])
        assert found["settings"] | {"wants": own.recipe.settings["wants"]} == own.recipe.settings


@pytest.mark.parametrize(
    ("id", "beside"),
    [
        ("dse", "--encoder-option model=VALUE --part teacher:model=FOLDER"),
        ("lit", "--encoder-option image=FOLDER"),
        ("cwcl", "--encoder-option text=FOLDER"),
        ("matryoshka-2d", "--encoder FOLDER"),
        ("promcse", "--encoder FOLDER"),
        ("moe-sentence-similarity", "--encoder-option base=VALUE --encoder-option domains=VALUE"),
    ],
)
def test_what_a_recipe_needs_beside_the_data_is_in_the_command(id, beside):
    assert f"--recipe {id} {beside} --data " in about(id)["run"][0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_has_its_command(kind, monkeypatch):
    recipe = Recipe(wants=[kind], objective="infonce")
    monkeypatch.setattr(module, "system", lambda id: replace(system(id), recipe=recipe))
    (command,) = about("dcl")["run"]
    assert command.startswith("dipole train --recipe dcl --data F")
    assert command.endswith(" --out RUN")


def test_a_recipe_that_no_training_can_have_is_said(monkeypatch):
    for settings, message in (
        ({"wants": ["image"]}, "wants: found 'image'; did you mean 'images'"),
        ({"temprature": 3}, "temprature: no such setting; did you mean 'temperature'"),
    ):
        recipe = Recipe(**settings)
        monkeypatch.setattr(module, "system", lambda id, r=recipe: replace(system(id), recipe=r))
        with pytest.raises(InputError, match=message):
            about("dcl")
