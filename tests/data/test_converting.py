from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.data import Pairs, cache, converting, load_labeled, load_pairs, load_scored, rows
from dipole.data.converting import SeenIds
from dipole.errors import InputError
from support.faults import every_death

Write = Callable[..., Path]
PAIR = {"anchor": "a", "positive": "b"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([PAIR, {"anchor": "a"}], "row 2: no column 'positive'; columns found: anchor"),
        (
            [PAIR, {**PAIR, "anchor": " \n"}],
            "row 2: column 'anchor': found empty text; expected text",
        ),
        ([{**PAIR, "positive": None}], "row 1: column 'positive': found null; expected text"),
        ([{**PAIR, "positive": 5}], "row 1: column 'positive': found 5; expected text"),
        ([{**PAIR, "positive": []}], "row 1: column 'positive': found an empty list"),
        ([{**PAIR, "positive": "\ud800"}], "row 1: column 'positive': found half of a surrogate"),
        ([{**PAIR, "id": 7}, PAIR], "row 2: no column 'id'"),
        (
            [{**PAIR, "id": 7}, {**PAIR, "id": None}],
            "row 2: column 'id': found null; expected an id",
        ),
        (
            [{**PAIR, "_id": "x"}, {**PAIR, "_id": "y"}, {**PAIR, "_id": "x"}],
            "row 3: found the id 'x' of row 1 again; expected every id once",
        ),
    ],
)
def test_a_bad_row_stops_or_is_skipped_and_counted(
    write: Write, rows: list[dict], message: str
) -> None:
    path = write("x.jsonl", rows)
    with pytest.raises(InputError) as caught:
        load_pairs(path)
    assert str(caught.value).startswith(f"{path}, {message}")
    assert "\n" not in str(caught.value)
    path = write("y.jsonl", [*rows, {**PAIR, "id": "good", "_id": "good", "anchor": "z"}])
    skipping = load_pairs(path, on_bad_row="skip")
    assert skipping.skipped.count == 1
    assert skipping.skipped.messages[0].startswith(f"{path}, {message}")
    assert len(skipping) == len(rows)
    assert skipping.column("anchor")[-1] == "z"


@pytest.mark.parametrize("score", ["high", "nan", "inf", "", True, None, [1.0], "1e999"])
def test_a_score_is_a_finite_number(write: Write, score: object) -> None:
    path = write(
        "x.jsonl", [{"a": "x", "b": "y", "score": 1}, {"a": "x", "b": "y", "score": score}]
    )
    with pytest.raises(InputError, match=r"row 2: column 'score': found .*; expected a"):
        load_scored(path)
    assert load_scored(path, on_bad_row="skip").column("score") == [1.0]


def test_labels_are_whole_numbers_or_names(write: Write) -> None:
    assert load_labeled(write("x.csv", "text,label\na,3\nb,-1\n")).column("label") == [3, -1]
    assert load_labeled(write("y.csv", "text,label\na,cat\nb,1\n")).column("label") == ["cat", "1"]
    # All rows decide, not the first: what is not written as a whole number stays as it is.
    assert load_labeled(write("z.csv", "text,label\na,3\nb,cat\n")).column("label") == ["3", "cat"]
    classes = load_labeled(write("v.csv", "text,label\na,12\nb,0012\nc,-0\n")).column("label")
    assert classes == ["12", "0012", "-0"]
    assert load_labeled(write("u.jsonl", [{"text": "a", "label": 2.0}]))[0]["label"] == 2
    flags = [{"text": "a", "label": True}, {"text": "b", "label": False}]
    assert load_labeled(write("t.jsonl", flags)).column("label") == ["true", "false"]
    # The first row is bad for another reason.
    part = load_labeled(write("w.csv", "text,label\n,3\nb,4\n"), on_bad_row="skip")
    assert part.column("label") == [4]


def test_classes_in_the_cache_are_whole_numbers_too(write: Write, small_memory: Path) -> None:
    for last, expected in (("299", list(range(300))), ("0299", None)):
        rows = "".join(f"a longer text {i},{i}\n" for i in range(299))
        path = write(f"{last}.csv", f"text,label\n{rows}a text,{last}\n")
        for _ in range(2):  # the second time from the cache
            found = list(load_labeled(path).column("label"))
            assert found == (expected or [*map(str, range(299)), "0299"])
    assert len(list(small_memory.iterdir())) == 2


def test_texts_have_a_largest_size(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LONGEST_TEXT", 100)
    path = write("x.jsonl", [PAIR, {**PAIR, "positive": "x" * 101}])
    with pytest.raises(
        InputError, match="row 2: column 'positive': found a text of 101 characters"
    ):
        load_pairs(path)


def test_only_so_many_messages_are_kept(write: Write) -> None:
    part = load_pairs(write("x.jsonl", [PAIR] + [{"anchor": ""}] * 99), on_bad_row="skip")
    assert (part.skipped.count, len(part.skipped.messages)) == (99, 20)


@pytest.mark.parametrize("content", ["", "\n\n", "a,b\n", "a,b\n\n"])
def test_a_file_without_rows(write: Write, content: str) -> None:
    with pytest.raises(InputError, match=r"x\.csv: found (an empty file|no rows)"):
        load_pairs(write("x.csv", content))


def test_a_file_with_bad_rows_alone(write: Write) -> None:
    with pytest.raises(InputError, match=r"found no usable row, 2 bad ones; the first: .*row 2"):
        load_pairs(write("x.csv", "a,b\nx,\n,y\n"), on_bad_row="skip")


def test_ids_are_the_files_own_or_its_line_numbers(write: Write) -> None:
    assert load_pairs(write("x.csv", "a,b\nx,y\n\nz,w\n")).ids == ["2", "4"]
    assert load_pairs(write("y.csv", "_id,a,b\nk,x,y\nl,z,w\n")).ids == ["k", "l"]
    assert load_pairs(write("z.jsonl", [{**PAIR, "positive": ["b", "c"]}])).ids == ["1-1", "1-2"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 60), max_size=120))
def test_seen_ids_agree_with_a_dictionary(numbers: list[int]) -> None:
    seen, known = SeenIds(), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(converting, "_RECENT", 4)
        for row, number in enumerate(numbers):
            assert seen.first_row(str(number), row) == known.get(number)
            known.setdefault(number, row)


@pytest.fixture
def small_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything beyond some rows goes to a cache folder of the test's own."""
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "MEMORY", 3000)
    monkeypatch.setattr(converting, "_ROWS", 16)
    return tmp_path / "cache"


def many(count: int, extra: str = "") -> list[dict[str, str]]:
    return [{"id": f"n{i}", "a": f"anchor {i}{extra}", "b": f"positive {i}"} for i in range(count)]


def test_a_mapped_file_is_the_same_as_one_in_memory(
    write: Write, small_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("x.jsonl", [*many(300), {"id": "bad", "a": "", "b": ""}])
    mapped = load_pairs(path, on_bad_row="skip")
    assert len(list(small_memory.iterdir())) == 1
    again = load_pairs(path, on_bad_row="skip")  # from the cache
    monkeypatch.setattr(cache, "MEMORY", 10**9)
    monkeypatch.setenv("DIPOLE_CACHE", str(small_memory.parent / "other"))
    held = load_pairs(path, on_bad_row="skip")
    indices = np.random.default_rng(0).integers(0, 300, 77)
    for examples in (mapped, again):
        assert type(examples) is type(held) is Pairs
        assert examples.take(indices) == held.take(indices)
        assert list(examples) == list(held)
        assert np.array_equal(examples.keys("positive"), held.keys("positive"))
        assert (examples.origin, examples.skipped) == (held.origin, held.skipped)
        assert examples.skipped.count == 1


def test_a_changed_file_or_other_columns_are_read_anew(write: Write, small_memory: Path) -> None:
    path = write("x.jsonl", many(300))
    assert load_pairs(path).column("anchor")[0] == "anchor 0"
    assert load_pairs(path, anchor="b", positive="a").column("anchor")[0] == "positive 0"
    assert len(list(small_memory.iterdir())) == 2
    write("x.jsonl", many(300, " new"))
    assert load_pairs(path).column("anchor")[0] == "anchor 0 new"
    assert len(list(small_memory.iterdir())) == 1  # those of the old state are gone


def test_bad_input_leaves_nothing_behind(write: Write, small_memory: Path) -> None:
    with pytest.raises(InputError, match="row 301"):
        load_pairs(write("x.jsonl", [*many(300), {"a": "no positive"}]))
    assert list(small_memory.iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_no_data(
    write: Write, small_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("x.jsonl", many(300))
    parse = converting._id_of

    def slow(row: dict, column: str) -> str:
        if row["id"] == "n200":
            with open(path, "a") as file:
                file.write(json.dumps({"id": "late", "a": "x", "b": "y"}) + "\n")
        return parse(row, column)

    monkeypatch.setattr(converting, "_id_of", slow)
    with pytest.raises(InputError, match="changed while it was being read"):
        load_pairs(path)
    assert list(small_memory.iterdir()) == []


@pytest.mark.slow
def test_a_killed_conversion_leaves_nothing_that_is_read(write: Write, small_memory: Path) -> None:
    path = write("x.jsonl", [{"id": str(i), "a": "x" * 2000, "b": f"y {i}"} for i in range(40_000)])
    code = "import sys, dipole.data.cache as c; c.MEMORY = 2**20; " + (
        "from dipole.data import load_pairs; print(len(load_pairs(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(path)]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        size = 0
        while size < 10 * 2**20 and killed.poll() is None:
            time.sleep(0.01)
            size = sum(file.stat().st_size for file in small_memory.glob("*.partial/rows.arrow"))
        os.kill(killed.pid, signal.SIGKILL)
    finally:
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL, "it was done before it could be killed"
    assert [name.suffix for name in small_memory.iterdir()] == [".partial"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "40000"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit on data is Linux's")
def test_a_file_several_times_larger_than_memory(tmp_path: Path) -> None:
    """The kernel refuses what goes beyond the limit: reading the file whole fails there."""
    path, allowed = tmp_path / "x.jsonl", 96 * 2**20
    text = "lorem ipsum dolor sit amet " * 250
    with open(path, "w") as file:
        for i in range(45_000):
            file.write(f'{{"id": "n{i}", "a": "anchor {i}", "b": "{i} {text}"}}\n')
    assert path.stat().st_size > 3 * allowed
    code = """
import resource, sys
import numpy as np
import dipole.data.cache as cache, dipole.data.loading, pyarrow.parquet
cache.MEMORY = 8 * 2**20
path, allowed = sys.argv[1], int(sys.argv[2])
used = next(int(line.split()[1]) for line in open("/proc/self/status") if "VmData" in line) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + allowed,) * 2)
try:
    open(path, "rb").read()
except MemoryError:
    print("refused")
pairs = dipole.data.load_pairs(path)
rows = np.random.default_rng(0).integers(0, len(pairs), (20, 256))
for batch in rows:
    taken = pairs.take(batch)
    assert taken["id"] == [f"n{i}" for i in batch]
    assert all(text.startswith(f"{i} ") for i, text in zip(batch, taken["positive"]))
print(len(pairs), len(set(pairs.keys("positive").tolist())))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(path), str(allowed)],
        capture_output=True,
        text=True,
        # Arrow's own allocator reserves (and never touches) a gigabyte, which the limit counts.
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "DIPOLE_CACHE": str(tmp_path)},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["refused", "45000", "45000"]


def test_a_conversion_killed_at_any_file_operation(
    write: Write, small_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that takes the place of the entry of an older state of the file."""
    first, second = many(300), many(310, "x")

    def path_of(name: str) -> Path:
        return small_memory.parent / f"{name}.jsonl"

    def load(name: str) -> int:
        monkeypatch.setenv("DIPOLE_CACHE", str(small_memory / name))
        return len(load_pairs(path_of(name)))

    def prepare(name: str) -> None:
        monkeypatch.setenv("DIPOLE_CACHE", str(small_memory / name))
        load_pairs(write(f"{name}.jsonl", first))
        write(f"{name}.jsonl", second)

    def check(name: str) -> None:
        assert load(name) == 310
        assert list(load_pairs(path_of(name)).column("anchor")) == [row["a"] for row in second]

    assert every_death(load, check, prepare=prepare) > 5
