"""`dipole encode`: files as a user would write and spoil them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dipole.cli import main
from dipole.encoders import StaticText, load_encoder

Dipole = Callable[..., tuple[int, str, str]]
TEXTS = ["open a file", "close the file", "sort a list"]


@pytest.fixture
def dipole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Dipole:
    monkeypatch.chdir(tmp_path)
    StaticText.from_texts(TEXTS, TEXTS, dim=16).save("run/model")
    Path("run/config.yaml").write_text("anchor: question\npositive: answer\n", encoding="utf-8")
    rows = [{"id": f"d{i}", "text": text, "line": i} for i, text in enumerate(TEXTS)]
    Path("docs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dipole", "encode", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_vectors_of_a_file(dipole: Dipole) -> None:
    code, out, err = dipole("run/model", "--data", "docs.jsonl", "--out", "v.npy")
    assert (code, err) == (0, "3 inputs from docs.jsonl: input 'text', id 'id'\n")
    assert out == "wrote 3 vectors of 16 numbers (float32) to v.npy; ids: v.txt\n"
    assert Path("v.txt").read_text() == "d0\nd1\nd2\n"
    assert np.abs(np.load("v.npy") - load_encoder("run").encode(TEXTS)).max() < 1e-6


def test_smaller_vectors_and_columns(dipole: Dipole) -> None:
    options = "--truncate 8 --normalize --precision int8 --keep line --out v.jsonl"
    code, out, _ = dipole("run/model", "--data", "docs.jsonl", *options.split())
    assert code == 0
    assert out.endswith("3 vectors of 8 numbers (int8) to v.jsonl; ranges: v.ranges.npy\n")
    lines = [json.loads(line) for line in Path("v.jsonl").read_text().splitlines()]
    assert [(line["id"], line["line"]) for line in lines] == [("d0", 0), ("d1", 1), ("d2", 2)]
    more = "--ranges v.ranges.npy --truncate 8 --normalize --precision int8 --out q.npy"
    assert dipole("run/model", "--data", "docs.jsonl", *more.split())[0] == 0
    assert np.load("q.npy").tolist() == [line["vector"] for line in lines]


def test_the_column_is_the_one_the_run_was_trained_on(dipole: Dipole) -> None:
    Path("qa.csv").write_text("question,answer\nopen,a file\nclose,a list\n")
    _, _, err = dipole("run", "--data", "qa.csv", "--out", "a.npy")
    assert err == "2 inputs from qa.csv: input 'answer', ids are row numbers\n"
    _, _, err = dipole("run", "--data", "qa.csv", "--role", "query", "--out", "q.npy")
    assert err == "2 inputs from qa.csv: input 'question', ids are row numbers\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("none --data docs.jsonl --out v.npy", "'none': no such folder"),
        ("run --data none.jsonl --out v.npy", "none.jsonl: found no data set, file or folder"),
        ("run --data docs.jsonl --out v.csv", "--out: found v.csv; expected a name that ends in"),
        ("run --data docs.jsonl --out no/v.npy", "--out no/v.npy: no folder no; expected one"),
        ("run --data docs.jsonl --out there.npy", "there.npy: exists; expected the name of a new"),
        ("run --data docs.jsonl --out v.npy --keep line", "--keep: found 'line' for a .npy file"),
        ("run --data docs.jsonl --out v.npy --column no", "docs.jsonl: no column 'no' (--column)"),
        ("run --data docs.jsonl --out v.npy --role all", "--role: found 'all'; expected 'query'"),
        ("run --data docs.jsonl --out v.npy --truncate 17", "--truncate: found 17; expected a"),
        ("run --data docs.jsonl --out v.npy --precision int4", "--precision: found 'int4'; exp"),
        ("run --data docs.jsonl --out v.npy --ranges run", "--ranges run: no array of ranges"),
        (
            "run --data docs.jsonl --out v.npy --precision int8 --ranges there.npy",
            "--ranges: found (2, 3); expected (2, 16)",
        ),
        (
            "run --data docs.jsonl --out v.npy --ranges there.npy",
            "--ranges: found some for float32; expected them with int8 alone",
        ),
        ("run --data pixels.npz --out v.npy", "encoder: StaticText reads texts; found an array"),
    ],
)
def test_mistakes_are_one_line(dipole: Dipole, arguments: str, message: str) -> None:
    np.save("there.npy", np.zeros((2, 3)))
    np.savez("pixels.npz", image=np.zeros((2, 8, 8), np.uint8))
    code, out, err = dipole(*arguments.split())
    assert (code, out) == (2, "")
    *before, last = err.splitlines()
    assert last.startswith(f"error: {message}")
    assert all(" from " in line for line in before)
    assert not Path("v.npy").exists()


def test_the_device_is_chosen_and_several_share_the_work(
    dipole: Dipole, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dipole("run/model", "--data", "docs.jsonl", "--out", "v.npy")[0] == 0
    two = dipole("run/model", "--data", "docs.jsonl", "--out", "w.npy", "--device", "cpu,cpu")
    assert two[0] == 0
    assert np.abs(np.load("v.npy") - np.load("w.npy")).max() < 1e-6
    more = ("run/model", "--data", "docs.jsonl", "--out", "x.npy")
    code, _, err = dipole(*more, "--device", "cuda:0,cuda:9")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: --device cuda:0,cuda:9: found no cuda:0 here; expected cpu or")
    monkeypatch.setenv("DIPOLE_DEVICE", "tpu")
    code, _, err = dipole(*more)
    assert (code, err.split(";")[0]) == (2, "error: DIPOLE_DEVICE=tpu: found no tpu here")
    assert dipole(*more, "--device", "cpu")[0] == 0
