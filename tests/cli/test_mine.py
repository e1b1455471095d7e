"""`dipole mine` by hand: from pairs to triplets that `dipole train` takes, and what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.encoders.static_text import StaticText
from dipole.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("mine")
    kinds = ["open", "close", "read", "write"]
    things = [f"thing{i}" for i in range(20)]
    rows = [(f"how to {k} {t}", f"you {k} the {t} by hand") for t in things for k in kinds]
    lines = ["question,answer", *(",".join(row) for row in rows)]
    (place / "pairs.csv").write_text("\n".join(lines) + "\n")
    (place / "corpus.jsonl").write_text('{"id": "x", "text": "you open nothing"}\n')
    StaticText.from_texts([a for a, _ in rows], [b for _, b in rows], dim=32).save(place / "model")
    return place


def mine(*arguments):
    return CliRunner().invoke(app, ["mine", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize("source", ["bm25", "model"])
def test_mined_triplets_are_trained_on(folder, tmp_path, source):
    out = tmp_path / "triplets.jsonl"
    named = source if source == "bm25" else folder / "model"
    result = mine(
        named, "--data", folder / "pairs.csv", "--out", out, "--negatives", 2, "--share", 0.95,
        "--corpus", folder / "corpus.jsonl",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "negatives for 80 rows" in result.stdout
    assert f"dipole train --data {out} --out RUN" in result.stdout
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 80
    assert all(row["pos"][0] not in row["neg"] for row in rows)
    for objective in ("infonce", "kl-listwise"):
        trained = CliRunner().invoke(
            app,
            ["train", "--data", str(out), "--out", str(tmp_path / objective), "--max-steps", "2",
             "--objective", objective, "--encoder-option", "dim=16", "--batch-size", "8"],
            catch_exceptions=False,
        )  # fmt: skip
        assert trained.exit_code == 0


def test_a_function_of_ones_own_judges(folder, tmp_path):
    (tmp_path / "judge.py").write_text(
        "def same_verb(anchors, others):\n"
        "    return [a.split()[2] == o.split()[1] for a, o in zip(anchors, others)]\n"
    )
    out = tmp_path / "triplets.jsonl"
    mine("bm25", "--data", folder / "pairs.csv", "--out", out, "--margin", 0.5,
         "--guide", f"{tmp_path / 'judge.py'}:same_verb")  # fmt: skip
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert any(row["neg"] for row in rows)
    assert not any(
        row["query"].split()[2] == text.split()[1] for row in rows for text in row["neg"]
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--search", "quick"], "--search quick: expected one of auto, exact, ivf, hnsw"),
        (["--share", "2"], "--share: found 2.0; expected a number less than or equal to 1"),
        (["--guide", "bm25"], "--guide bm25: found words as a judge"),
        (["--workers", "2"], "--workers 2: bm25 encodes nothing; expected 0, or a --guide"),
        (["--least", "0.5", "--most", "0.1"], "--least: found 0.5; expected at most"),
        (["--address", "auto"], "--address auto: does nothing without --workers"),
        (["--anchor", "nothing"], "no column 'nothing'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder, tmp_path, more, message):
    with pytest.raises(InputError) as raised:
        mine("bm25", "--data", folder / "pairs.csv", "--out", tmp_path / "x.jsonl", *more)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_name_that_would_be_read_as_another_format(folder, tmp_path):
    with pytest.raises(InputError, match=r"expected a name that ends in \.jsonl"):
        mine("bm25", "--data", folder / "pairs.csv", "--out", tmp_path / "x.csv")


def test_bm25_mistyped(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        InputError, match="bm52: no such run, folder or hub id; did you mean 'bm25'"
    ):
        mine("bm52", "--data", folder / "pairs.csv", "--out", tmp_path / "x.jsonl")


def test_nothing_found_is_said(folder, tmp_path):
    out = tmp_path / "x.jsonl"
    result = mine("bm25", "--data", folder / "pairs.csv", "--out", out, "--least", "1e6")
    assert "train on them" not in result.stdout
    assert "warning: there is nothing to train on" in result.stderr


def test_nothing_is_overwritten(folder, tmp_path):
    out = tmp_path / "there.jsonl"
    out.write_text("mine")
    with pytest.raises(InputError, match="exists; expected the name of a new file"):
        mine("bm25", "--data", folder / "pairs.csv", "--out", out)
    assert out.read_text() == "mine"


@pytest.fixture
def run(folder, tmp_path):
    """A run that was trained to find answers by questions."""
    import shutil

    shutil.copytree(folder / "model", tmp_path / "run" / "model")
    (tmp_path / "run" / "config.yaml").write_text("anchor: question\npositive: answer\n")
    return tmp_path / "run"


def test_the_direction_is_the_run_s(folder, tmp_path, run):
    """A file whose columns stand in the other order is mined the way the run was trained."""
    turned = tmp_path / "turned.csv"
    lines = (folder / "pairs.csv").read_text().splitlines()
    turned.write_text("\n".join(",".join(line.split(",")[::-1]) for line in lines) + "\n")
    out = tmp_path / "out.jsonl"
    result = mine(run, "--data", turned, "--out", out)
    assert "anchor 'question', positive 'answer'" in result.stderr
    assert json.loads(out.read_text().splitlines()[0])["query"].startswith("how to")
    other = ["--anchor", "answer", "--positive", "question", "--out", tmp_path / "2.jsonl"]
    result = mine(run, "--data", turned, *other)
    assert "note: " in result.stderr
    assert "mining anchor 'answer', positive 'question'" in result.stderr


def test_bad_rows_are_left_out_where_asked(folder, tmp_path):
    path = tmp_path / "bad.jsonl"
    rows = [{"anchor": f"open {i}", "positive": f"you open {i}"} for i in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"anchor": ""}]))
    with pytest.raises(InputError, match="row 10"):
        mine("bm25", "--data", path, "--out", tmp_path / "x.jsonl")
    arguments = ["bm25", "--data", path, "--on-bad-row", "skip", "--out", tmp_path / "x.jsonl"]
    result = mine(*arguments)
    assert "left out 1 bad row; the first: " in result.stderr
    with pytest.raises(InputError, match="--on-bad-row maybe: expected error or skip"):
        mine("bm25", "--data", path, "--on-bad-row", "maybe", "--out", tmp_path / "y.jsonl")


def test_the_output_is_checked_before_anything_is_loaded(folder, tmp_path):
    with pytest.raises(InputError, match=r"--out .*: no folder"):
        mine("nowhere", "--data", "nothing.csv", "--out", tmp_path / "none" / "x.jsonl")
