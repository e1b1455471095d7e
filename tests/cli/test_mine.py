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


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--search", "quick"], "--search quick: expected one of auto, exact, ivf, hnsw"),
        (["--share", "2"], "share: 2.0; input should be less than or equal to 1"),
        (["--guide", "bm25"], "--guide bm25: found words as a judge"),
        (["--workers", "2"], "--workers 2: bm25 encodes nothing; expected 0, or a --guide"),
        (["--anchor", "nothing"], "no column 'nothing'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder, tmp_path, more, message):
    with pytest.raises(InputError) as raised:
        mine("bm25", "--data", folder / "pairs.csv", "--out", tmp_path / "x.jsonl", *more)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nothing_is_overwritten(folder, tmp_path):
    out = tmp_path / "there.jsonl"
    out.write_text("mine")
    with pytest.raises(InputError, match="exists; expected the name of a new file"):
        mine("bm25", "--data", folder / "pairs.csv", "--out", out)
    assert out.read_text() == "mine"
