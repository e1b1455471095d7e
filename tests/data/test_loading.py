from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dipole.data import load_labeled, load_pairs, load_ranked, load_retrieval, load_scored
from dipole.errors import InputError

Write = Callable[..., Path]


def test_every_format_gives_the_same_pairs(write: Write, tmp_path: Path) -> None:
    rows = [{"id": f"n{i}", "q": f"question {i}", "d": f'answer "{i}", é'} for i in range(9)]
    lines = [f'{r["id"]},{r["q"]},"{r["d"].replace(chr(34), chr(34) * 2)}"' for r in rows]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    paths = [
        write("x.jsonl", rows),
        write("x.csv", "\n".join(["id,q,d", *lines])),
        write("x.tsv", "\n".join(["id\tq\td", *("\t".join(r.values()) for r in rows)])),
        tmp_path / "x.parquet",
    ]
    for path in paths:
        pairs = load_pairs(str(path))
        assert pairs.ids == [row["id"] for row in rows]
        assert pairs.column("anchor") == [row["q"] for row in rows]
        assert pairs.column("positive") == [row["d"] for row in rows]
        assert pairs.origin == f"{path}: anchor 'q', positive 'd'"


@pytest.mark.parametrize("load", [load_pairs, load_scored, load_labeled, load_ranked])
def test_a_file_has_no_splits(write: Write, load: Callable[..., object]) -> None:
    path = write("x.csv", "a,b,score\nx,y,1\n")
    with pytest.raises(InputError, match="found split='dev' for a file, which has no splits"):
        load(path, split="dev")


def test_all_of_a_file_may_be_asked_for(write: Write) -> None:
    scored = write("s.csv", "a,b,score\nx,y,1\n")
    assert [len(load_scored(scored, split=part)) for part in ("train", "test", "all")] == [1, 1, 1]
    path = write("x.csv", "a,b\nx,y\n")
    assert len(load_pairs(path, split="all")) == 1
    assert len(load_retrieval(path).corpus) == len(load_retrieval(path, split="all").corpus) == 1


def test_a_folder_with_no_data_in_it(tmp_path: Path) -> None:
    for load in (load_pairs, load_scored, load_retrieval, load_ranked):
        with pytest.raises(InputError, match="found a folder with neither"):
            load(tmp_path)


def test_on_bad_row_is_error_or_skip(write: Write) -> None:
    with pytest.raises(InputError, match="on_bad_row: found 'ignore'; expected 'error' or 'skip'"):
        load_pairs(write("x.csv", "a,b\nx,y\n"), on_bad_row="ignore")  # type: ignore[arg-type]


def test_a_home_folder_is_found(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(write("x.csv", "a,b\nx,y\n").parent))
    assert len(load_pairs("~/x.csv")) == 1
