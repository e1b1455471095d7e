from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dipole.data import cache
from dipole.errors import RunError

SCHEMA = pa.schema([("n", pa.int64())])


def batches(count: int) -> Iterator[Any]:
    for i in range(count):
        yield pa.record_batch({"n": [i] * 100}, schema=SCHEMA)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "MEMORY", 2000)
    return tmp_path / "cache"


def test_a_small_table_stays_in_memory_a_large_one_is_mapped(folder: Path) -> None:
    small = cache.store("a-b-c", batches(2), SCHEMA, dict)
    assert not folder.exists()
    large = cache.store("a-b-c", batches(9), SCHEMA, lambda: {"skipped": 3})
    assert [small.num_rows, large.num_rows] == [200, 900]
    assert large["n"].to_pylist() == [i for i in range(9) for _ in range(100)]
    before = pa.total_allocated_bytes()
    entry = cache.read_entry("a-b-c")
    assert entry is not None
    assert entry[0].equals(large)
    assert entry[1] == {"skipped": 3}
    assert pa.total_allocated_bytes() - before < 900 * 8  # the rows are in the file


def test_an_entry_that_fails_on_the_way_is_not_there(folder: Path) -> None:
    def failing() -> Iterator[Any]:
        yield from batches(9)
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        cache.store("a-b-c", failing(), SCHEMA, dict)
    assert list(folder.iterdir()) == []
    assert cache.read_entry("a-b-c") is None


def test_a_full_disk_is_one_line_that_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"no space left .* named by DIPOLE_CACHE"):
        cache.store("a-b-c", batches(9), SCHEMA, dict)
    assert list(folder.iterdir()) == []
    cache.keep("built-in", pa.Table.from_batches(batches(2)))  # only costs making it again


def test_a_damaged_entry_is_made_anew(folder: Path) -> None:
    cache.store("a-b-c", batches(9), SCHEMA, dict)
    (folder / "a-b-c" / "rows.arrow").write_bytes(b"ARROW1 and no more")
    assert cache.read_entry("a-b-c") is None
    assert cache.store("a-b-c", batches(10), SCHEMA, dict).num_rows == 1000


def test_when_two_make_the_same_entry_one_is_kept(folder: Path) -> None:
    with cache.new_entry("a-b-c") as mine:
        cache.store("a-b-c", batches(9), SCHEMA, dict)  # the other one was faster
        mine.joinpath("rows.arrow").write_bytes(b"")
    assert cache.store("a-b-c", batches(9), SCHEMA, dict).num_rows == 900
    assert [path.name for path in folder.iterdir()] == ["a-b-c"]


def test_older_states_of_a_file_and_abandoned_work_are_removed(folder: Path) -> None:
    day_old = folder / "x-y-z.1-2.partial"
    fresh = folder / "x-y-z.3-4.partial"
    for partial in (day_old, fresh):
        partial.mkdir(parents=True)
    os.utime(day_old, (time.time() - 90_000,) * 2)
    for name in ("a-old-c", "a-old-d", "b-old-c", "a-new-c", "a-new-d"):
        cache.store(name, batches(9), SCHEMA, dict)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["a-new-c", "a-new-d", "b-old-c", fresh.name]


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DIPOLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "dipole"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == Path.home() / ".cache" / "dipole"
