"""The encoder that data choose: by rows and language, once, and never behind a recipe's back."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import dipole
from dipole.cli import app
from dipole.data import Inputs, Pairs
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.training.advice import encoders
from dipole.training.advice import pretrained as found
from dipole.training.advice.advise import advise
from dipole.training.automatic import chosen_encoder
from dipole.training.config import make_config
from support.kinds import ROWS

AUTO = make_config(data="", encoder="auto")
ENGLISH = found.Pretrained("a model", "a package", is_english=True)


def pairs(rows: int, start: str = "how do I open box") -> Pairs:
    texts = [f"{start} {i}" for i in range(rows)]
    return Pairs.from_columns({"anchor": texts, "positive": [f"{text} of it" for text in texts]})


def table(path: Path, rows: int = 40) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("question", "answer"), *list(ROWS)[:rows]])
    return path


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small folder of a model that the user has named."""
    texts = [text for row in ROWS for text in row]
    StaticText.from_texts(texts, texts, dim=8).save(tmp_path / "mine")
    monkeypatch.setenv(found.VARIABLE, str(tmp_path / "mine"))
    return tmp_path / "mine"


def test_few_rows_start_from_a_pretrained_model_and_many_from_scratch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(found, "installed", lambda: ENGLISH)
    monkeypatch.setattr(found, "_cached", list)
    monkeypatch.delenv(found.VARIABLE)
    few = chosen_encoder(AUTO, pairs(300), pairs(60))
    assert few.name == "a model"
    assert few.why.startswith("360 rows are few")
    assert "a package" in few.why
    many = chosen_encoder(AUTO, pairs(encoders.ENOUGH))
    assert many == ("static", "2,000 rows are enough to learn from scratch, in seconds on a CPU")
    german = chosen_encoder(AUTO, pairs(60, "wie ist die Kiste und der Hut"))
    assert german.name == "static"
    assert "no pretrained model for them" in german.why
    alone = Inputs.from_columns({"input": [f"this is the text {i}" for i in range(3000)]})
    assert chosen_encoder(AUTO, alone).name == "a model"


def test_without_a_model_it_says_what_that_means() -> None:
    name, why = chosen_encoder(AUTO, pairs(400))
    assert name == "static"
    assert "400 rows are few" in why
    assert "BM25 is likely as good" in why
    assert "--encoder FOLDER_OR_HUB_ID" in why


def test_what_is_named_or_left_to_a_recipe_stays(model: Path) -> None:
    assert chosen_encoder(make_config(data="", encoder="static"), pairs(9)) == ("static", "")
    assert chosen_encoder(make_config(data=""), pairs(9)) == ("static", "")
    images = Inputs.from_columns({"input": [np.zeros((8, 8, 3), np.uint8)] * 2})
    assert chosen_encoder(AUTO, images) == ("conv", "the data are images")


def test_a_model_in_the_cache_is_found_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.delenv(found.VARIABLE)
    monkeypatch.setattr(found, "installed", lambda: None)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    name = "models--sentence-transformers--paraphrase-multilingual-MiniLM-L12-v2"
    snapshot = tmp_path / name / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / name / "refs").mkdir()
    (tmp_path / name / "refs" / "main").write_text("abc")
    for file in ("modules.json", "config.json"):
        (snapshot / file).write_text("{}")
    assert found.pretrained(english=True) is None
    (snapshot / "model.safetensors").write_text("")
    for english in (True, False):
        model = found.pretrained(english=english)
        assert model is not None
        assert model.folder == str(snapshot)


def test_a_folder_without_a_model_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(found.VARIABLE, "/no/folder")
    with pytest.raises(InputError, match="DIPOLE_PRETRAINED: found no folder /no/folder"):
        chosen_encoder(AUTO, pairs(9))
    monkeypatch.setenv(found.VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"DIPOLE_PRETRAINED: .*: no encoder here; expected mod"):
        chosen_encoder(AUTO, pairs(9))


def test_a_run_names_what_was_chosen_and_does_not_choose_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = table(tmp_path / "faq.csv"), tmp_path / "run"
    given = {"anchor": "question", "positive": "answer", "batch_size": 8, "out": out}
    dipole.fit(file, max_steps=2, **given)

    def encoder(folder: Path) -> str:
        return str(yaml.safe_load((folder / "config.yaml").read_text())["encoder"])

    assert encoder(out) == str(model)
    assert advise(str(file)).proposal["encoder"].value == str(model)  # one truth
    monkeypatch.setenv(found.VARIABLE, "none")
    run = dipole.fit(file, "auto", max_steps=3, resume=True, **given)
    assert encoder(out) == str(model)
    assert (run.result["step"], run.encoder.dim) == (3, 8)
    monkeypatch.setenv(found.VARIABLE, str(model))
    others = given | {"out": tmp_path / "other"}
    dipole.fit(file, recipe=dipole.Recipe(objective="dcl"), max_steps=1, **others)
    assert encoder(tmp_path / "other") == "static"
    others = given | {"out": tmp_path / "sized", "encoder_options": {"dim": 16}}
    dipole.fit(file, max_steps=1, **others)
    assert encoder(tmp_path / "sized") == "static"


def test_the_last_line_names_the_command_that_compares_with_bm25(tmp_path: Path) -> None:
    table(Path("faq.csv"))
    train = "train --data faq.csv --anchor question --positive answer --out run --max-steps 2"
    done = CliRunner().invoke(app, [*train.split(), "--validation", "0.2", "--batch-size", "8"])
    assert done.exit_code == 0, done.output
    last = done.output.strip().splitlines()[-1]
    assert last.startswith("better than BM25? dipole evaluate run --data run/held-out.jsonl")
    held = [json.loads(line) for line in Path("run/held-out.jsonl").read_text().splitlines()]
    assert {(row["question"], row["answer"]) for row in held} < set(map(tuple, ROWS))
    measured = CliRunner().invoke(app, shlex.split(last.partition("? dipole ")[2]))
    assert measured.exit_code == 0, measured.output
    assert f"{len(held)} queries" in measured.output
    assert "minus bm25" in measured.output
