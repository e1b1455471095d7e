"""Hugging Face `datasets`: folders written by `save_to_disk`, folders of files, ids on the hub."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from dipole.data.arrow_rows import arrow_rows
from dipole.data.readers import file_format, file_source
from dipole.data.rows import Bad, Row, Source
from dipole.data.splits import WHOLE, check_whole, chosen_splits
from dipole.errors import InputError, note, optional


class UnreachableError(InputError):
    """The hub cannot be reached."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"{name}: found no such file or folder, and the Hugging Face hub cannot be reached "
            f"({reason}); expected a network, or the data set in the hub's cache"
        )
        self.reason = reason


_SAVED = ("dataset_dict.json", "dataset_info.json", "state.json")
_DATA_FILES = ("*.parquet", "*.jsonl", "*.csv", "*.tsv", "data/*", "*/*.parquet", "*/*.jsonl")


def is_datasets_folder(folder: Path) -> bool:
    """Whether `datasets` can read this folder."""
    return any((folder / name).is_file() for name in _SAVED) or any(
        next(folder.glob(pattern), None) is not None for pattern in _DATA_FILES
    )


def parts_from_folder(folder: Path, split: str, whole: tuple[str, ...] = WHOLE) -> dict[str, Any]:
    """The splits asked for ("a", "a+b" or "all") of a folder, as `datasets.Dataset`s by name.

    `whole`: what means all of a data set that was saved as one, without splits.
    """
    datasets = optional("datasets", "text")
    try:
        if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            found = datasets.load_from_disk(str(folder))
        else:
            found = datasets.load_dataset(str(folder))
    except Exception as error:  # whatever it met in there: one line instead of its stack
        raise InputError(
            f"{folder}: found no data set that `datasets` can read ({_first_line(error)})"
        ) from None
    return chosen_parts(str(folder), found, split, whole)


def parts_from_hub(name: str, split: str) -> dict[str, Any]:
    """The splits asked for of `owner/name` or `owner/name:configuration`."""
    datasets = optional("datasets", "text")
    identity, _, configuration = name.partition(":")
    offline = datasets.config.HF_HUB_OFFLINE
    problem = unreachable(offline)
    if problem is None:
        if not offline:
            note(f"asking the Hugging Face hub for data set '{identity}'")
        try:
            found = datasets.load_dataset(identity, configuration or None)
            return chosen_parts(name, found, split)
        except InputError:
            raise
        except ConnectionError as error:
            problem = "HF_HUB_OFFLINE is set" if offline else _first_line(error)
        except Exception as error:
            raise InputError(
                f"{name}: found no such file or folder, and none on the Hugging Face hub "
                f"({_first_line(error)}); expected owner/name or owner/name:configuration"
            ) from None
    raise UnreachableError(name, problem)


def folder_source(
    folder: Path, split: str, columns: Sequence[str | None] = (), whole: tuple[str, ...] = WHOLE
) -> Source:
    """The rows of the splits asked for of a folder.

    Files of text are read here, not by `datasets`: it would take ids and labels like 0012 for
    numbers, the text NA for none, and the first row of a table without a header line for one.
    """
    files = _files_by_split(folder)
    if files is None:
        return rows_source(str(folder), parts_from_folder(folder, split, whole))
    chosen = chosen_splits(split, files, str(folder))
    sources = [file_source(file, columns) for part in chosen for file in files[part]]

    def rows() -> Iterator[Row]:
        number = 0
        for source in sources:
            for place, row in source.rows():
                number += 1
                where = f"{Path(source.name).name}, row {place}: "
                yield number, Bad(where + row.message) if isinstance(row, Bad) else row

    def state() -> tuple[str, str]:
        states = [source.state() for source in sources]
        return " ".join(what for what, _ in states), " ".join(how for _, how in states)

    notes = list(dict.fromkeys(note for source in sources for note in source.notes))
    folders = list(dict.fromkeys([folder, *(place for s in sources for place in s.folders)]))
    return Source(f"{folder} ({'+'.join(chosen)})", rows, state, notes=notes, folders=folders)


def _files_by_split(folder: Path) -> dict[str, list[Path]] | None:
    """Split -> its files, as `datasets` finds them, of a folder of text files; else None.

    Parquet files have types of their own, images among them: `datasets` reads those.
    """
    if any((folder / name).is_file() for name in _SAVED):
        return None
    datasets = optional("datasets", "text")
    try:
        found = datasets.load_dataset_builder(str(folder)).config.data_files or {}
    except Exception:  # what is wrong is for `parts_from_folder` to say
        return None
    files = {str(part): [Path(str(file)) for file in paths] for part, paths in found.items()}
    formats = {file_format(file) for paths in files.values() for file in paths}
    return files if formats and formats <= {"jsonl", "json", "csv", "tsv"} else None


def rows_source(name: str, parts: dict[str, Any]) -> Source:
    """The rows of some splits one after the other, numbered through."""

    def rows() -> Iterator[Row]:
        yield from dataset_rows(parts.values(), first=1)

    state = (f"datasets {name}", " ".join(part._fingerprint for part in parts.values()))
    folders = [Path(name)] if Path(name).is_dir() else []
    return Source(f"{name} ({'+'.join(parts)})", rows, lambda: state, folders=folders)


def dataset_rows(parts: Iterable[Any], first: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of `datasets.Dataset`s one after the other, numbered from `first` on.

    A class of -1 is what `datasets` writes where there is none.
    """
    numbers = count(first)
    for part in parts:
        classes = [name for name in part.features if hasattr(part.features[name], "names")]
        for _, row in arrow_rows(part.with_format("arrow").iter(batch_size=1024)):
            yield next(numbers), row | {name: None for name in classes if row[name] == -1}


def chosen_parts(
    name: str, found: Any, split: str, whole: tuple[str, ...] = WHOLE
) -> dict[str, Any]:
    """The splits asked for of a Dataset or DatasetDict, by name."""
    datasets = optional("datasets", "text")
    if isinstance(found, datasets.Dataset):
        if found.split is None:
            check_whole(split, name, "a data set", whole)
            return {"all": found}
        found = {str(found.split): found}
    return {part: found[part] for part in chosen_splits(split, found, name)}


def unreachable(offline: bool) -> str | None:
    """Why the hub cannot be reached, or None; asked first, because its client retries for long."""
    proxy = any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy"))
    if proxy or offline:
        return None  # the client knows what to do: the proxy, or its cache
    endpoint = urlparse(optional("huggingface_hub.constants", "text").ENDPOINT)
    port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=5).close()
    except OSError as error:
        return f"{endpoint.hostname}: {error.strerror or error}"
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
