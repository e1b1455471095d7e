"""Settings of format 1: translated where they are read, refused where they are given."""

import pytest
import yaml

import dipole
from dipole.cli.trained import settings_of
from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.config_file import read_config, write_config
from dipole.training.formats import FORMER, translated


@pytest.mark.parametrize(
    ("old", "parts"),
    [
        ({}, []),
        ({"queue": 4096}, [{"queue": {"size": 4096}}]),
        ({"queue": 8, "queue_holds": "anchor"}, [{"queue": {"size": 8, "holds": "anchor"}}]),
        ({"queue": 8, "mixed": {"mixes": 4}}, [{"queue": {"size": 8}}, {"mixed": {"mixes": 4}}]),
        ({"centroids": 4}, [{"centroids": {"count": 4}}]),
        ({"centroids": 4, "centroids_start": 1.0}, [{"centroids": {"count": 4, "start": 1.0}}]),
        ({"teacher": "ema"}, [{"teacher": {}}]),
        ({"teacher": "ema", "teacher_decay": 0.5}, [{"teacher": {"decay": 0.5}}]),
        ({"teacher": "frozen"}, [{"teacher": {"kind": "frozen"}}]),
        ({"teacher": "a/b"}, [{"teacher": {"model": "a/b"}}]),
        (
            {"queue": 9, "teacher": "self", "teacher_makes": "queue"},
            [{"queue": {"size": 9}}, {"teacher": {"kind": "self", "makes": "queue"}}],
        ),
    ],
)
def test_every_setting_of_before(old, parts):
    found = translated({"data": "x"} | FORMER | old)
    assert found == {"data": "x", "parts": parts}
    make_config(**found)
    if old:
        assert translated(old) == {"parts": parts}
        with pytest.raises(InputError, match=f"^{next(iter(old))}.*: now said by parts;") as error:
            make_config(data="x", **old)
        assert yaml.safe_dump(parts, default_flow_style=True, sort_keys=False).strip() in str(
            error.value
        )


def test_stages_are_translated_too():
    old = {"data": "x", "stages": [{"queue": 3}, {"seed": 2}]}
    assert translated(old)["stages"] == [{"parts": [{"queue": {"size": 3}}]}, {"seed": 2}]


def test_a_config_says_its_format(tmp_path):
    path = tmp_path / "config.yaml"
    write_config(make_config(data="x", parts="queue:size=3"), path)
    assert path.read_text().startswith("format: 2\n")
    assert read_config(path)["parts"] == [
        {"queue": {"size": 3, "holds": "positive", "starts": "empty", "after": 0.0}}
    ]
    path.write_text("format: 3\ndata: x\n")
    with pytest.raises(InputError, match="format: found 3; expected 2, or a newer dipole"):
        read_config(path)


def test_an_empty_list_of_other_data_says_nothing(tmp_path):
    (tmp_path / "config.yaml").write_text("format: 2\ndata: a.csv\nmore_data: []\n")
    assert make_config(**read_config(tmp_path / "config.yaml")).sources == []


def test_a_run_of_format_1_is_read_and_not_resumed(pairs, tiny_encoder, tmp_path):
    given = {"batch_size": 10, "max_steps": 2, "show_progress": False, "parts": "queue:size=8"}
    out = tmp_path / "run"
    dipole.fit(pairs, tiny_encoder, out=out, **given)
    path = out / "config.yaml"
    new = yaml.safe_load(path.read_text())
    del new["format"], new["parts"]
    path.write_text(yaml.safe_dump(new | FORMER | {"queue": 8}))
    assert settings_of(str(out))["parts"] == [{"queue": {"size": 8}}]
    assert dipole.fit(out=out, resume=True).result["step"] == 2  # nothing is left to do
    assert dipole.fit(out=out, resume=True, parts="queue:size=8").result["step"] == 2
    with pytest.raises(InputError, match=r"config.yaml: of format 1, .*expected a new run in"):
        dipole.fit(pairs, tiny_encoder, out=out, resume=True, max_steps=4)
    (out / "result.json").unlink()
    with pytest.raises(InputError, match=r"config.yaml: of format 1, .*expected a new run in"):
        dipole.fit(pairs, tiny_encoder, out=out, resume=True)
