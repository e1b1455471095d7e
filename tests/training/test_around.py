"""What stands around the objective: its settings, and where they go when another one is named."""

import pytest
import yaml

import dipole
from dipole.cli.trained import settings_of
from dipole.errors import InputError
from dipole.objectives import DCL
from dipole.objectives.dimensions.matryoshka import Matryoshka
from dipole.training.build import build_objective
from dipole.training.config import make_config
from dipole.training.config_file import read_config
from dipole.training.formats import translated
from dipole.training.recipe import over, read_recipe
from dipole.training.sources import of_kind, sources_of
from dipole.training.tasks import load_tasks
from support import kinds
from support.tiny import word_pairs

LAYERS = {"matryoshka.layers": True}


def built(**settings):
    return build_objective(make_config(data="x", **settings))


def test_settings_reach_what_stands_around():
    options = {"matryoshka.follow": 0.5, "matryoshka.weights": [1, 2], "symmetric": False}
    found = built(matryoshka=[4], objective_options=options | LAYERS)
    assert isinstance(found, Matryoshka)
    assert (found.dims, found.weights, found.layers, found.follow) == ([4], [1, 2], True, 0.5)
    assert not any(term.symmetric for term in found.terms)
    assert built(objective="dcl", objective_options=LAYERS).layers
    assert isinstance(built(objective="dcl", objective_options={"matryoshka.layers": False}), DCL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matryoshka.layer": True}, r"option 'layer': matryoshka has no such setting; did you"),
        ({"matryoshka.layers": 3}, r"option 'layers': found 3; expected true or false"),
        ({"matryoshka.follow": 0.5}, r"dims: found none, expected sizes"),
    ],
)
def test_what_cannot_be_is_one_line(options, message):
    with pytest.raises(InputError, match=message) as error:
        built(objective_options=options)
    assert "\n" not in str(error.value)


def test_it_stays_where_another_objective_is_named():
    recipe = read_recipe("matryoshka-2d")
    assert over(recipe, {"objective": "dcl"})["objective_options"] == LAYERS
    off = {"objective": "dcl", "objective_options": {"matryoshka.layers": False}}
    assert over(recipe, off)["objective_options"] == off["objective_options"]
    warm = {"objective_options": LAYERS | {"matryoshka.temperature": 2.0, "temperature": 0.1}}
    assert "temperature" not in over(warm, {"temperature": 0.2})["objective_options"]
    assert over(warm, {"temperature": 0.2})["objective_options"]["matryoshka.temperature"] == 2.0


def test_it_is_around_the_objectives_of_sources_and_kinds():
    options = LAYERS | {"symmetric": False}
    sources = ["a.csv:objective=cosent", "b.csv"]
    given = make_config(data="x", objective_options=options, sources=sources)
    assert [source.config.objective_options for source in sources_of(given)] == [
        options, LAYERS, options,
    ]  # fmt: skip
    given = make_config(data="x", objective_options=LAYERS, by_kind={"graded": "cosent"})
    assert of_kind(given, "graded").objective_options == LAYERS


def test_it_is_used_where_every_kind_has_options_of_its_own(tmp_path):
    own = {"pairs": {"objective": "infonce", "objective_options": {"symmetric": False}}}
    data = str(kinds.write("pairs", tmp_path))
    (task,) = load_tasks(make_config(data=data, objective_options=LAYERS, by_kind=own))
    assert task.objective.layers


def test_the_setting_of_before_is_translated_and_refused(tmp_path):
    assert translated({"matryoshka_layers": False}) == {}
    assert translated({"matryoshka_layers": True, "stages": [{"matryoshka_layers": True}]}) == {
        "objective_options": LAYERS, "stages": [{"objective_options": LAYERS}],
    }  # fmt: skip
    path = tmp_path / "config.yaml"
    path.write_text("format: 2\ndata: a.csv\nmatryoshka_layers: false\n")
    assert make_config(**read_config(path)).matryoshka == []
    path.write_text("format: 2\ndata: a.csv\nmatryoshka_layers: true\n")
    assert settings_of(str(tmp_path))["objective_options"] == LAYERS
    said = r"^matryoshka_layers: now said by .*--objective-option matryoshka.layers=true, in a rec"
    with pytest.raises(InputError, match=said):
        make_config(**read_config(path))


def test_a_run_of_before_goes_on(tiny_encoder, tmp_path):
    """Its config.yaml has the setting, which says nothing."""
    rows = word_pairs(12)
    given = {"batch_size": 4, "show_progress": False}
    out = tmp_path / "run"
    dipole.fit(rows, tiny_encoder, out=out, max_steps=2, **given)
    path = out / "config.yaml"
    path.write_text(path.read_text() + "matryoshka_layers: false\n")
    again = dipole.fit(rows, tiny_encoder, out=out, resume=True, max_steps=3, **given)
    assert again.result["step"] == 3
    assert "matryoshka_layers" not in yaml.safe_load(path.read_text())
