from __future__ import annotations

import json
import os
import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from dipole.errors import InputError, RunError
from dipole.retrieval import Index, store
from dipole.retrieval import table as lance


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, words: ModuleType) -> Path:
    folder = tmp_path_factory.mktemp("base") / "index"
    Index.create(folder, words.Words(), words.numbered(0, 60))
    return folder


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return shutil.copytree(base, tmp_path / "copy")


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk is to a program: a write that fails, wherever it happens to be."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_state_says_what_the_index_holds(folder: Path) -> None:
    state = store.read_state(folder)
    assert state.documents == 60
    assert state.dim == 13
    assert len(state.fingerprint) == 64
    assert lance.open_version(folder, state.version).count_rows() == 60


def test_folders_that_are_no_index_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such index; make one with: dipole index"):
        store.read_state(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"not an index, it has no index.json; make one"):
        store.read_state(tmp_path)
    with pytest.raises(InputError, match=r"index.json: a file; expected the folder of an index"):
        store.read_state(folder / "index.json")
    path = folder / "index.json"
    state = json.loads(path.read_text())
    for text in ("", "{", "[]", "{}", json.dumps(state | {"more": 1}), "\xff"):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(InputError, match=r"index.json: broken, or not written by dipole"):
            store.read_state(folder)
    path.write_text(json.dumps(state | {"format": 1}))
    with pytest.raises(InputError, match="format 1; this dipole reads format 2; index again"):
        store.read_state(folder)


def test_one_writer_at_a_time(folder: Path, words: ModuleType) -> None:
    with (
        store.writing(folder),
        pytest.raises(RunError, match=rf"another writer is at work \(process {os.getpid()} on"),
    ):
        Index.open(folder).add(words.numbered(60, 61))
    assert Index.open(folder).add(words.numbered(60, 61)) == 1


def test_a_writer_can_wait(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is done only when the second is known to wait for it."""
    writes, waits = threading.Event(), threading.Event()

    def first() -> None:
        with store.writing(folder):
            writes.set()
            waits.wait()

    monkeypatch.setattr("dipole.lock._say", lambda line: waits.set())
    thread = threading.Thread(target=first)
    thread.start()
    writes.wait()
    assert Index.open(folder).delete(["0", "1"], wait=True) == 2
    thread.join()
    assert len(Index.open(folder)) == 58
    assert not list(folder.glob(".*"))


def test_one_maker_at_a_time(tmp_path: Path, words: ModuleType) -> None:
    with store.creating(tmp_path / "x", "f" * 64, 13) as (partial, _):
        with pytest.raises(RunError, match="another writer is at work"):
            Index.create(tmp_path / "x", words.Words(), words.numbered(0, 1))
        assert partial.is_dir()  # the second did not clear what the first is making
    assert len(Index.open(tmp_path / "x")) == 0


def test_an_existing_folder_is_not_touched(tmp_path: Path, words: ModuleType) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "precious").touch()
    (tmp_path / "y").touch()
    for name in "xy":
        with pytest.raises(InputError, match=rf"{name}: exists already; expected a new folder"):
            Index.create(tmp_path / name, words.Words(), words.numbered(0, 1))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x", "y"]
    (tmp_path / "empty").mkdir()
    assert len(Index.create(tmp_path / "empty", words.Words(), words.numbered(0, 1))) == 1


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, words: ModuleType) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: is a file; expected a folder"):
        Index.create(tmp_path / "file" / "x", words.Words(), words.numbered(0, 1))
    with pytest.raises(InputError, match="name too long; nothing was made"):
        Index.create(tmp_path / ("x" * 250), words.Words(), words.numbered(0, 1))


def test_folders_on_the_way_are_made(tmp_path: Path, words: ModuleType) -> None:
    assert len(Index.create(tmp_path / "a" / "b", words.Words(), words.numbered(0, 1))) == 1


def test_what_a_killed_writer_left_is_stepped_over(folder: Path, words: ModuleType) -> None:
    """Versions after the published one, and one whose files are gone, as after a full disk."""
    table = lance.open_latest(folder)
    lance.delete(table, ["1"])
    before = store._files(folder)
    table.insert(table.to_table(limit=3))
    for path in store._files(folder) - before:
        path.unlink()
    assert len(Index.open(folder).search("one", k=100)) == 60
    assert Index.open(folder).add(words.numbered(60, 61)) == 1
    assert len(Index.open(folder).search("one", k=100)) == 61


def test_an_interrupt_while_it_writes_changes_nothing(folder: Path, words: ModuleType) -> None:
    def documents() -> Iterator[object]:
        yield from words.numbered(70, 80)
        raise KeyboardInterrupt

    files = store._files(folder)
    with pytest.raises(KeyboardInterrupt):
        Index.open(folder).add(documents())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        Index.create(folder.parent / "new", words.Words(), documents())  # type: ignore[arg-type]
    assert store._files(folder) == files
    assert [p.name for p in folder.parent.iterdir()] == ["copy"]
    assert len(Index.open(folder).search("one", k=100)) == 60


def test_an_interrupt_after_publishing_keeps_what_was_published(
    folder: Path, words: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = store.publish

    def interrupted(*arguments: object) -> None:
        publish(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Index.open(folder).add(words.numbered(70, 80))
    assert len(Index.open(folder).search("one", k=100)) == 70


@pytest.mark.parametrize("size", [200, 2_000, 40_000])
def test_a_full_disk_is_one_line_and_changes_nothing(
    folder: Path, words: ModuleType, size: int
) -> None:
    files = store._files(folder)
    with (
        no_file_larger_than(size),
        pytest.raises(RunError, match="no space left to write; the index is as it was") as error,
    ):
        Index.open(folder).add(words.numbered(100, 1000))
    assert "\n" not in str(error.value)
    assert store._files(folder) == files
    assert len(Index.open(folder).search("one", k=1000)) == 60
    with (
        no_file_larger_than(size),
        pytest.raises(RunError, match="no space left to write; nothing was made"),
    ):
        Index.create(folder.parent / "new", words.Words(), words.numbered(100, 1000))
    assert [p.name for p in folder.parent.iterdir()] == ["copy"]
    assert Index.open(folder).add(words.numbered(100, 200)) == 100


def test_other_errors_keep_their_traceback(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), store.writing(folder):
        _ = 1 / 0
    with (
        pytest.raises(InputError, match="not allowed to write there; the index is as it was"),
        store.writing(folder),
    ):
        raise PermissionError(13, "Permission denied")
