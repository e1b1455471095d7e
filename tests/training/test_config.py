"""Settings: what is wrong is said in one line; a recipe file comes back as it went."""

import pytest

from dipole.errors import InputError
from dipole.training.config import make_config, read_config, write_config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "x", "bach_size": 3}, "bach_size: no such setting; did you mean batch_size?"),
        ({"data": "x", "zzz": 3}, "zzz: no such setting; see dipole train --help"),
        ({}, "data: missing; expected File (jsonl"),
        ({"data": "x", "batch_size": 0}, "batch_size: 0; input should be greater than or equal"),
        ({"data": "x", "epochs": "many"}, "epochs: 'many'; input should be a valid number"),
        ({"data": "x", "epochs": float("inf")}, "epochs: inf; input should be a finite number"),
        ({"data": "x", "temperature": float("nan")}, "temperature: nan; input should be a finite"),
        ({"data": "x", "batch_size": True}, "batch_size: True; expected a number or a text, not t"),
        ({"data": "x", "seed": False}, "seed: False; expected a number or a text, not true or fa"),
        ({"data": "x", "split": True}, "split: True; expected a number or a text, not true or fa"),
        ({"data": "x", "matryoshka": [True]}, "matryoshka: [True]; expected a number or a text,"),
        (
            {"data": "x", "parts": "mixed:mixes=true"},
            "part mixed: mixes: found True, expected a wh",
        ),
        ({"data": "x", "schedule": "step"}, "schedule: 'step'; input should be 'linear', "),
        ({"data": "x", "track": ["excel"]}, "track: 'excel'; input should be 'tensorboard', "),
    ],
)
def test_a_wrong_setting_is_one_line(settings, message):
    with pytest.raises(InputError) as error:
        make_config(**settings)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


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
        (b"- 1\n- 2\n", "recipe.yaml: list; expected lines of `setting: value`"),
        (b"data: x\nseed: 8\nseed: 9\n", "recipe.yaml, line 3: found the key 'seed' twice"),
        (b"", "recipe.yaml: NoneType; expected lines"),
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
