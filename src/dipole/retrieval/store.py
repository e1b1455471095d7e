"""The folder of an index: which version of its table counts, who may write, all or nothing.

    INDEX/index.json        the published version of the table, and the model's fingerprint
    INDEX/model/            a copy of the model
    INDEX/documents.lance/  the Lance table, which keeps its versions
    INDEX/ranges.npy        of an index of int8 vectors: what its bytes mean

A write is many steps for Lance (rows, full-text index, vector index, compaction), each a new
version of the table. Readers open the version that `index.json` names, and a write ends by
replacing that one file: killed before, it was nothing; killed after, it was everything. Versions
that do not count any more are cleared by the next larger write.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dipole.encoders.quantizing import VectorPrecision
from dipole.errors import DipoleError, InputError, RunError
from dipole.files import sweep, write_text
from dipole.lock import LOCK, Lock
from dipole.retrieval import table as lance

STATE = "index.json"
MODEL = "model"
# 2: words of scripts without blanks; an index of 1 would miss them without a word.
FORMAT = 2
# Search indexes are brought up to date when so many rows changed, or such a share of them; a write
# counts for so many at least.
_MOST, _SHARE, _LEAST = 1000, 0.05, 20
# What a full disk, a quota and a limit on the size of files are called by the libraries that write.
_FULL = re.compile(
    r"no space left on device|os error (28|122|27)\b|errno (28|122|27)\b|disk quota", re.IGNORECASE
)
_FORBIDDEN = re.compile(r"permission denied|read-only file system", re.IGNORECASE)


@dataclass(frozen=True)
class State:
    """What `index.json` says."""

    fingerprint: str
    dim: int
    version: int
    documents: int
    changed: int = 0  # rows written or removed since both search indexes were brought up to date
    weight: float | None = None  # of the ranking by meaning in a hybrid search, if it was tuned
    format: int = FORMAT


def read_state(folder: Path) -> State:
    """The published state of an index; one line if the folder is none."""
    make = f"make one with: dipole index RUN --corpus FILE --out {folder}"
    path = folder / STATE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        state = State(**found)
    except FileNotFoundError:
        if not folder.exists():
            raise InputError(f"{folder}: no such index; {make}") from None
        raise InputError(f"{folder}: not an index, it has no {STATE}; {make}") from None
    except NotADirectoryError:
        raise InputError(f"{folder}: a file; expected the folder of an index; {make}") from None
    except (ValueError, TypeError):
        raise InputError(f"{path}: broken, or not written by dipole; {make}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if state.format != FORMAT:
        raise InputError(
            f"{path}: format {state.format}; this dipole reads format {FORMAT}; index again"
        )
    return state


def publish(folder: Path, state: State) -> None:
    """Make `state` what readers see, in one step."""
    write_text(folder / STATE, json.dumps(asdict(state), indent=2))


def set_weight(folder: Path, weight: float, *, wait: bool = False) -> None:
    """Keep the weight of hybrid searches."""
    read_state(folder)
    lock = Lock(folder / LOCK, f"{folder}: another writer", wait=wait)
    with one_line(folder, "the index is as it was"), lock:
        publish(folder, replace(read_state(folder), weight=weight))


def check_new(out: Path) -> None:
    """Nothing is there yet where an index is to be made, or an empty folder."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(
            f"{out}: exists already; expected a new folder (or --add, --replace or --delete)"
        )


@dataclass
class Write:
    """A change being made: the table, and how many of its rows were written or removed so far."""

    table: Any
    changed: int = 0


@contextmanager
def creating(
    out: Path,
    fingerprint: str,
    dim: int,
    precision: VectorPrecision = "float32",
    *,
    kind: lance.VectorKind = "dense",
    wait: bool = False,
) -> Iterator[tuple[Path, Write]]:
    """(folder, empty table) of an index in the making; it appears at `out` when the block ends.

    It is made beside `out` under a fixed name, so that what a killed process left is found and
    cleared by the next one.
    """
    partial = out.parent / f".{out.name}.partial"
    with one_line(out, "nothing was made"):
        check_new(out)
        with Lock(partial / LOCK, f"{out}: another writer", wait=wait):
            try:
                check_new(out)  # who was waited for has made it
                _clear(partial)
                table = lance.create(partial, dim, precision, kind)
                publish(partial, State(fingerprint, dim, table.version, 0))
                with _transaction(partial, table) as write:
                    yield partial, write
                lance.prune(table)
                os.rename(partial, out)
                (out / LOCK).unlink(missing_ok=True)  # it came along
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise


@contextmanager
def writing(folder: Path, *, wait: bool = False) -> Iterator[Write]:
    """The table to change; the changes count from the end of the block, all of them or none."""
    read_state(folder)
    lock = Lock(folder / LOCK, f"{folder}: another writer", wait=wait)
    with one_line(folder, "the index is as it was"), lock:
        sweep(folder)
        table = lance.open_latest(folder)
        state = read_state(folder)
        if table.version != state.version:  # what a killed process left
            lance.open_version(folder, state.version).restore()
            table = lance.open_latest(folder)
        with _transaction(folder, table) as write:
            yield write
        if read_state(folder).changed == 0:
            lance.prune(table)


@contextmanager
def _transaction(folder: Path, table: Any) -> Iterator[Write]:
    state = read_state(folder)
    before = _files(folder)
    try:
        write = Write(table)
        yield write
        # New rows are found without the search indexes, if slowly, and a compaction copies the
        # table: both wait until it is worth it. A write counts for some rows, as a file more.
        documents = table.count_rows()
        changed = state.changed + max(write.changed, _LEAST)
        if changed >= min(_MOST, _SHARE * documents):
            lance.update_indexes(table)
            changed = 0
        publish(folder, replace(state, version=table.version, documents=documents, changed=changed))
    except BaseException:
        if read_state(folder) == state:
            # Give the space back at once: the disk may be full. Manifests stay, for Lance must
            # not meet one version number with two contents; the next writer steps over them.
            for path in _files(folder) - before:
                path.unlink(missing_ok=True)
        raise


def _files(folder: Path) -> set[Path]:
    """The files of the table that hold rows or indexes, not those that say what is where."""
    root = folder / lance.FILE
    return {
        path for part in ("data", "_indices", "_deletions") for path in (root / part).rglob("*.*")
    }


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


@contextmanager
def one_line(folder: Path, outcome: str) -> Iterator[None]:
    """Say in one line what the system would not do, whichever library found out."""
    try:
        yield
    except DipoleError:
        raise
    except Exception as error:
        text = str(error)
        if _FULL.search(text):
            raise RunError(
                f"{folder}: no space left to write; {outcome}; free some space and run it again"
            ) from error
        if isinstance(error, PermissionError) or _FORBIDDEN.search(text):
            raise InputError(f"{folder}: not allowed to write there; {outcome}") from error
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{folder}: {error.strerror.lower()}; {outcome}") from error
        raise
