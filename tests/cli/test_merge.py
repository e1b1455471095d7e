"""`dipole merge` by hand: what it writes, shows and refuses."""

import json

import pytest
import torch
from typer.testing import CliRunner

from dipole.cli import app
from dipole.encoders import load_encoder
from dipole.encoders.static_text import StaticText
from dipole.errors import InputError

TEXTS = [f"how to open door{i} and box{i}" for i in range(30)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("merge")
    torch.manual_seed(0)
    base = StaticText.from_texts(TEXTS, TEXTS, dim=16)
    base.save(folder / "base")
    for name in ("a", "b"):
        with torch.no_grad():
            base.vectors += 0.02 * torch.randn_like(base.vectors)
        base.save(folder / name)
    torch.manual_seed(1)
    StaticText.from_texts(TEXTS, TEXTS, dim=16).save(folder / "stranger")
    lines = [f"{text},{text.upper()}" for text in TEXTS]
    (folder / "dev.csv").write_text("\n".join(["anchor,positive", *lines]) + "\n")
    return folder


def merge(*arguments):
    return CliRunner().invoke(app, ["merge", *map(str, arguments)], catch_exceptions=False)


def test_a_soup_and_a_measured_one(models, tmp_path):
    result = merge(models / "a", models / "b", "--out", tmp_path / "soup")
    assert result.exit_code == 0
    a, b, made = (load_encoder(f) for f in (models / "a", models / "b", tmp_path / "soup"))
    torch.testing.assert_close(made.vectors, (a.vectors + b.vectors) / 2)
    note = json.loads((tmp_path / "soup" / "merge.json").read_text())
    assert list(note["runs"]) == [str(models / "a"), str(models / "b")]
    result = merge(
        models / "a", models / "b", "--out", tmp_path / "greedy", "--method", "greedy",
        "--validation", models / "dev.csv",
    )  # fmt: skip
    assert result.stdout.count("MRR@10") == 3


@pytest.mark.parametrize("method", ["delta", "task"])
def test_methods_with_a_base(models, tmp_path, method):
    arguments = [models / "a", models / "a", "--base", models / "base", "--method", method]
    scale = ["--scale", 0.5] if method == "task" else []
    assert merge(*arguments, *scale, "--out", tmp_path / "m").exit_code == 0
    assert load_encoder(tmp_path / "m").vectors.equal(load_encoder(models / "a").vectors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "found one model, a; expected two or more"),
        (["a", "stranger"], "stranger: the cosine of its weights and those of a is"),
        (["a", "b", "--method", "mean"], "--method mean: expected one of uniform, greedy"),
        (["a", "b", "--method", "delta"], "--method: delta needs a base"),
        (["a", "b", "--method", "greedy"], "expected --validation DATA to measure on"),
        (["a", "b", "--weight", "1"], "--weight: found 1 for 2 models"),
        (["a", "b", "--weight", "1", "--weight", "nan"], "--weight: found nan; expected a"),
        (["a", "b", "--weight", "inf", "--weight", "1"], "--weight: found inf; expected a"),
        (["a", "b", "--scale", "nan"], "scale: found nan; expected a finite number"),
        (["a", "b", "--scale", "2"], "scale: found 2 for uniform; expected task"),
        (["a", "b", "--base", "a"], "--base: uniform needs none; expected delta or task"),
        (["a", "nowhere"], "nowhere"),
        (["a", "b", "--anchor", "x"], "--anchor x: found no data for it; expected --validation"),
        (["a", "b", "--split", "x"], "--split x: found no data for it; expected --validation"),
        (["a", "b", "--validation", "dev.csv", "--split", "dev"], "is a file, which has no splits"),
        (["a", "b", "--on-bad-row", "x"], "--on-bad-row x: expected error or skip"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(models, monkeypatch, arguments, message):
    monkeypatch.chdir(models)
    with pytest.raises(InputError) as raised:
        merge(*arguments, "--out", "new")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nothing_is_overwritten(models):
    with pytest.raises(InputError, match="exists; expected a new folder"):
        merge(models / "a", models / "b", "--out", models / "base")
    (models / "file").write_text("")
    with pytest.raises(InputError, match=r"--out .*file is a file; expected a folder"):
        merge("nowhere", "elsewhere", "--out", models / "file" / "new")


def test_validation_is_measured_in_the_direction_of_the_runs(models, tmp_path):
    import shutil

    runs = []
    for name in ("a", "b"):
        shutil.copytree(models / name, tmp_path / name / "model")
        (tmp_path / name / "config.yaml").write_text("anchor: question\npositive: answer\n")
        runs.append(tmp_path / name)
    lines = [f"{text.upper()},{text}" for text in TEXTS]
    (tmp_path / "dev.csv").write_text("\n".join(["answer,question", *lines]) + "\n")
    given = ["--validation", tmp_path / "dev.csv"]
    result = merge(*runs, "--out", tmp_path / "soup", *given)
    assert "measured on 30 pairs from" in result.stderr
    assert "anchor 'question', positive 'answer'" in result.stderr
    named = ["--anchor", "answer", "--positive", "question"]
    result = merge(*runs, "--out", tmp_path / "other", *given, *named)
    assert result.stderr.count("measured on anchor 'answer', positive 'question'") == 2
