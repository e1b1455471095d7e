"""Settings: what is wrong is said in one line; a recipe file comes back as it went."""

import pytest

from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.config_file import read_config, write_config
from dipole.training.recipe import read_recipe


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "x", "bach_size": 3}, "bach_size: no such setting; did you mean 'batch_size'?"),
        ({"data": "x", "zzz": 3}, "zzz: no such setting; see dipole train --help"),
        ({}, "data: none given; expected a file, a folder, the name"),
        ({"data": "x", "batch_size": 0}, "batch_size: found 0; expected a number greater than"),
        ({"data": "x", "epochs": "many"}, "epochs: found 'many'; expected a valid number"),
        ({"data": "x", "epochs": float("inf")}, "epochs: found inf; expected a finite number"),
        ({"data": "x", "temperature": float("nan")}, "temperature: found nan, expected a finite"),
        ({"data": "x", "batch_size": True}, "batch_size: found True; expected a number or"),
        ({"data": "x", "seed": False}, "seed: found False; expected a number or a text, not"),
        ({"data": "x", "split": True}, "split: found True; expected a number or a text, not"),
        ({"data": "x", "matryoshka": [True]}, "matryoshka: found [True]; expected a number"),
        (
            {"data": "x", "parts": "mixed:mixes=true"},
            "part mixed: mixes: found True, expected a wh",
        ),
        ({"data": "x", "schedule": "step"}, "schedule: found 'step'; expected one of linear, cos"),
        ({"data": "x", "track": ["excel"]}, "track: found 'excel'; expected one of tensorboard"),
    ],
)
def test_a_wrong_setting_is_one_line(settings, message):
    with pytest.raises(InputError) as error:
        make_config(**settings)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vega-v1",
            "recipe: found 'vega-v1', which is planned and not built yet; see dipole systems",
        ),
        ("csgcl", "recipe: found 'csgcl', which has no recipe; see dipole systems show csgcl"),
        ("simcs", "recipe: found no 'simcs'; did you mean 'simcse'"),
        ("mine.py", "recipe: found 'mine.py'; expected mine.py:NAME, a Recipe in it"),
    ],
)
def test_a_recipe_that_is_not_there(name, message):
    with pytest.raises(InputError) as error:
        read_recipe(name)
    assert str(error.value).startswith(message)


def test_a_recipe_comes_back_as_it_went(tmp_path):
    config = make_config(
        data="pairs.csv", negative=["n1", "n2"], encoder_options={"dim": 64}, clip_norm=0
    )
    assert config.clip_norm is None
    write_config(config, tmp_path / "recipe.yaml")
    assert make_config(**read_config(tmp_path / "recipe.yaml")) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"data: [1", r"recipe.yaml, line \d+: .*expected a recipe in yaml"),
        (b"- 1\n- 2\n", "recipe.yaml: found a list; expected lines of `setting: value`"),
        (b"data: x\nseed: 8\nseed: 9\n", "recipe.yaml, line 3: found the key 'seed' twice"),
        (b"", "recipe.yaml: found nothing; expected lines"),
        (b"data: \xff\xfe", "recipe.yaml: .*expected a recipe in yaml"),
    ],
)
def test_a_broken_recipe_is_one_line(tmp_path, content, message):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_config(path)
    assert "\n" not in str(error.value)


def test_a_missing_recipe(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a recipe"):
        read_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("stages", [5, {"a": 1}, [3], "two"])
def test_stages_of_another_type_are_one_line(stages):
    with pytest.raises(InputError, match=r"^stages: "):
        make_config(data="pairs.csv", stages=stages)
