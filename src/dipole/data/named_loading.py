"""Loading the data sets that have names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from dipole.data.beir import read_beir, read_beir_rows
from dipole.data.converting import OnBadRow, convert
from dipole.data.cranfield import is_cranfield, read_cranfield
from dipole.data.examples import Labeled, Scored
from dipole.data.hub import UnreachableError, parts_from_hub, rows_source
from dipole.data.images import (
    from_class_folders,
    from_idx_folder,
    is_idx_folder,
    labeled_images,
)
from dipole.data.named import NAMED, local_folder, missing, wrong_kind
from dipole.data.plans import plan_labeled, plan_scored
from dipole.data.readers import file_source
from dipole.data.refusals import one_size_already
from dipole.data.retrieval import RetrievalData
from dipole.errors import InputError

# Files of a data set on this machine: name -> split -> file, and its columns.
_SCORED_FILES: dict[str, tuple[dict[str, str], tuple[str, str, str]]] = {
    "stsb": (
        {
            "train": "stsb-en-train.csv",
            "validation": "stsb-en-dev.csv",
            "test": "stsb-en-test.csv",
        },
        ("1", "2", "3"),
    ),
    "sick": (
        {
            "train": "SICK_train.txt",
            "validation": "SICK_trial.txt",
            "test": "SICK_test_annotated.txt",
        },
        ("sentence_A", "sentence_B", "relatedness_score"),
    ),
}
# What files and folders with the images of a split begin with.
_IMAGE_SPLITS = {"train": ("train",), "validation": ("dev", "val"), "test": ("test",)}


def scored_by_name(name: str, split: str, on_bad_row: OnBadRow) -> Scored:
    """Scored pairs of a named data set."""
    if NAMED[name].kind != "scored":
        raise wrong_kind(name, "scored")
    folder = local_folder(name)
    if folder is None:
        source = rows_source(name, _hub_parts(name, split))
        columns = NAMED[name].columns
    else:
        files, columns = _SCORED_FILES[name]
        found = {part: folder / file for part, file in files.items() if (folder / file).is_file()}
        source = file_source(_of_split(folder, found, split), columns)
    examples = convert(source, lambda rows, sample: plan_scored(rows, sample, *columns), on_bad_row)
    return cast(Scored, examples)


def labeled_by_name(
    name: str,
    split: str,
    seed: int,
    on_bad_row: OnBadRow = "error",
    resize: int | str | Sequence[int] | None = None,
) -> Labeled:
    """Images with labels of a named data set."""
    if NAMED[name].kind != "labeled":
        raise wrong_kind(name, "labeled")
    folder = None if name == "digits" else local_folder(name)
    if resize is not None and (name == "digits" or (folder and is_idx_folder(folder))):
        raise one_size_already(name, resize)
    if name == "digits":
        return digits(split, seed)
    if folder is None:
        source = rows_source(name, _hub_parts(name, split))
        plan = partial(plan_labeled, resize=resize)
        return cast(Labeled, convert(source, plan, on_bad_row))
    if is_idx_folder(folder):
        return from_idx_folder(folder, split)
    found: dict[str, Path] = {}
    for part, prefixes in _IMAGE_SPLITS.items():
        for path in sorted(folder.iterdir()):
            if path.name.startswith(prefixes) and (path.is_dir() or path.suffix == ".zip"):
                if part in found:
                    raise InputError(
                        f"{folder}: found {found[part].name} and {path.name}; expected one folder "
                        f"or zip file of split '{part}'"
                    )
                found[part] = path
    path = _of_split(folder, found, split)
    return cast(Labeled, from_class_folders(path, "all", on_bad_row, resize))


def retrieval_by_name(name: str, split: str, on_bad_row: OnBadRow) -> RetrievalData:
    """Corpus, queries and judgements of a named data set."""
    if NAMED[name].kind != "retrieval":
        raise wrong_kind(name, "retrieval")
    folder = local_folder(name)
    if folder is None:
        if not NAMED[name].hub:
            raise missing(name)
        corpus, queries, qrels = (
            rows_source(f"{name}:{part}", _hub_parts(name, which, part))
            for part, which in (("corpus", "all"), ("queries", "all"), ("default", split))
        )
        return read_beir_rows(corpus, queries, qrels, on_bad_row)
    if is_cranfield(folder):
        return read_cranfield(folder, split, on_bad_row)
    return read_beir(folder, split, on_bad_row)


def digits(split: str, seed: int) -> Labeled:
    """scikit-learn's digits scaled to 0..255; a fifth is test, a tenth validation, by the seed."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise missing("digits") from None
    images, labels = load_digits(return_X_y=True)
    images = np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    order = np.random.default_rng(seed).permutation(len(images))
    fifth = len(order) // 5
    test, validation, train = np.split(order, [fifth, fifth + fifth // 2])
    parts = {"train": train, "validation": validation, "test": test, "all": order}
    rows = [parts.get(part) for part in split.split("+")]
    for part, found in zip(split.split("+"), rows, strict=True):
        if found is None:
            raise InputError(f"digits: no split '{part}'; splits found: {', '.join(parts)}")
    chosen = np.unique(np.concatenate([row for row in rows if row is not None]))
    everything = labeled_images(images, labels, "digits (scikit-learn)")
    return everything.select(chosen)


def _of_split(folder: Path, found: Mapping[str, Path], split: str) -> Path:
    if split not in found:
        raise InputError(
            f"{folder}: no split '{split}'; splits found: {', '.join(found) or 'none'}"
        )
    return found[split]


def _hub_parts(name: str, split: str, configuration: str = "") -> dict[str, Any]:
    hub = NAMED[name].hub
    try:
        return parts_from_hub(f"{hub}:{configuration}" if configuration else hub, split)
    except UnreachableError as error:
        raise missing(name, error.reason) from None
