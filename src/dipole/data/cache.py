"""The cache folder: converted files and built-in data, each entry complete or not there at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

from dipole.errors import RunError, optional

# Raised by one whenever what an entry holds changes, so that no old entry is read as a new one.
FORMAT = 1
# Tables up to this many bytes are kept in memory, larger ones in the cache folder.
MEMORY = 64 * 2**20
_PARTIAL = ".partial"


def cache_folder() -> Path:
    """`DIPOLE_CACHE`, or `dipole` in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`)."""
    if os.environ.get("DIPOLE_CACHE"):
        return Path(os.environ["DIPOLE_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dipole"


def digest(*parts: Any) -> str:
    """A short name for what an entry depends on."""
    content = json.dumps([FORMAT, *parts], sort_keys=True, default=str).encode()
    return blake2b(content, digest_size=8).hexdigest()


def read_entry(name: str) -> tuple[Any, dict[str, Any]] | None:
    """The memory-mapped table of an entry and what is written about it, or None."""
    pa = optional("pyarrow", "text")
    folder = cache_folder() / name
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        table = pa.ipc.open_file(pa.memory_map(str(folder / "rows.arrow"))).read_all()
    except (OSError, ValueError):  # not there, or damaged by someone else: made anew
        return None
    return table, about


@contextmanager
def new_entry(name: str) -> Iterator[Path]:
    """A folder to write an entry into; it gets its name only when the block ends without error.

    A conversion that is killed leaves a folder that nobody reads and that a later one removes.
    """
    cache = cache_folder()
    partial = cache / f"{name}.{os.getpid()}-{time.time_ns()}{_PARTIAL}"
    try:
        partial.mkdir(parents=True)
        _remove_abandoned(cache)
        yield partial
        for file in partial.iterdir():
            with open(file, "rb+") as handle:
                os.fsync(handle.fileno())
        _publish(partial, cache / name)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(
                f"{cache}: no space left for converted data; expected a folder with room, "
                "named by DIPOLE_CACHE"
            ) from None
        if isinstance(error, PermissionError):
            raise RunError(
                f"{cache}: cannot be written to; expected a cache folder of your own, "
                "named by DIPOLE_CACHE"
            ) from None
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _publish(partial: Path, final: Path) -> None:
    try:
        partial.rename(final)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        if read_entry(final.name) is None:  # damaged: out of the way
            shutil.rmtree(final, ignore_errors=True)
            partial.rename(final)
        return  # another process made the same entry meanwhile
    # Entries of the same file in an older state are of no use any more.
    source, state, *_ = [*final.name.split("-"), ""]
    for other in final.parent.glob(f"{source}-*"):
        if other.name.split("-")[1] != state and not other.name.endswith(_PARTIAL):
            shutil.rmtree(other, ignore_errors=True)


def _remove_abandoned(cache: Path) -> None:
    for partial in cache.glob(f"*{_PARTIAL}"):
        try:
            newest = max(path.stat().st_mtime for path in [partial, *partial.iterdir()])
            if time.time() - newest > 24 * 3600:
                shutil.rmtree(partial, ignore_errors=True)
        except OSError:  # its owner is finishing it right now
            continue


def store(
    name: str, batches: Iterator[Any], schema: Any, about: Callable[[], dict[str, Any]]
) -> Any:
    """The batches as one table: in memory if they are small, else memory-mapped from entry `name`.

    `about` is called after the last batch.
    """
    pa = optional("pyarrow", "text")
    held: deque[Any] = deque()
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > MEMORY:
            break
    else:
        return pa.Table.from_batches(list(held), schema).combine_chunks()
    _write_entry(name, schema, chain(_emptied(held), batches), about)
    entry = read_entry(name)
    if entry is None:
        raise RunError(f"{cache_folder() / name}: gone while it was being written; try again")
    return entry[0]


def keep(name: str, table: Any) -> None:
    """Write a table that was costly to make as entry `name`; without room it is made anew."""
    with suppress(RunError):
        _write_entry(name, table.schema, iter(table.to_batches()), dict)


def _emptied(held: deque[Any]) -> Iterator[Any]:
    while held:
        yield held.popleft()


def _write_entry(
    name: str, schema: Any, batches: Iterator[Any], about: Callable[[], dict[str, Any]]
) -> None:
    pa = optional("pyarrow", "text")
    with new_entry(name) as folder:
        path = str(folder / "rows.arrow")
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        (folder / "about.json").write_text(json.dumps(about()), encoding="utf-8")
