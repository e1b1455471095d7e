"""The tasks by name: which data each wants, which function measures it, which settings it has."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, encode_function


@dataclass(frozen=True)
class Wanted:
    """Where the data of a task come from."""

    data: str
    split: str = "test"
    train: str | None = None  # what a classifier may know; not given: the train split of `data`
    columns: Mapping[str, Any] = field(default_factory=dict)  # field -> column
    seed: int = 0

    @property
    def part(self) -> str:
        """The split; of a file, which has none, everything."""
        return "all" if Path(self.data).is_file() else self.split


@dataclass(frozen=True)
class Data:
    """One kind of data: what it is, the fields that may be named, and how it is read."""

    about: str
    load: Callable[[Wanted], tuple[Any, ...]]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One task; `measure` is module:function, called with an encoder, the data and the settings."""

    about: str
    data: str  # a key of DATA
    measure: str
    settings: tuple[str, ...] = ()

    def __call__(self, encoder: Any, *data: Any, **settings: Any) -> Any:
        """The result of this task for one encoder."""
        module, _, name = self.measure.partition(":")
        function = getattr(importlib.import_module(f"dipole.evaluation.{module}"), name)
        return function(encoder, *data, **settings)


def _retrieval(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_retrieval

    return (load_retrieval(wanted.data, split=wanted.split, seed=wanted.seed),)


def _scored(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_scored

    return (load_scored(wanted.data, split=wanted.part, **wanted.columns),)


def _ranked(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_ranked

    return (load_ranked(wanted.data, split=wanted.part),)


def _pairs(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_pairs

    return (load_pairs(wanted.data, split=wanted.part, seed=wanted.seed, **wanted.columns),)


def _labeled(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_labeled

    return (load_labeled(wanted.data, split=wanted.part, seed=wanted.seed, **wanted.columns),)


def _train_and_test(wanted: Wanted) -> tuple[Any, ...]:
    if wanted.train is None and Path(wanted.data).exists() and wanted.part == "all":
        raise InputError(f"{wanted.data}: a file has no train split; expected --train FILE")
    if wanted.train is None and wanted.split == "train":
        raise InputError("--split train: it is what the classifier knows; expected another split")
    (test,) = _labeled(wanted)
    known = Wanted(wanted.train or wanted.data, "train", None, wanted.columns, wanted.seed)
    return (*_labeled(known), test)


def _anything(wanted: Wanted) -> tuple[Any, ...]:
    """Whatever the source holds: a name says it, of the rest the first kind that can be read."""
    from dipole.data.named import NAMED

    if wanted.data == "stdlib-code":
        return _pairs(wanted)
    readers = {"retrieval": _retrieval, "scored": _scored, "labeled": _labeled}
    if wanted.data in NAMED:
        return readers[NAMED[wanted.data].kind](wanted)
    if "label" in wanted.columns or "input" in wanted.columns:
        return _labeled(wanted)
    try:
        return _pairs(wanted)
    except InputError as error:
        for read in (_labeled, _retrieval):
            try:
                return read(wanted)
            except InputError:
                continue
        raise error from None


_LABELS = ("input", "label")
DATA = {
    "retrieval": Data("a BEIR folder, a file of pairs or a name", _retrieval),
    "scored": Data("pairs of texts with a score", _scored, ("first", "second", "score")),
    "ranked": Data("queries with candidates and their relevance", _ranked),
    "pairs": Data("pairs of texts", _pairs, ("anchor", "positive")),
    "labelled": Data("texts or images with a label", _labeled, _LABELS),
    "train and test": Data("texts or images with a label, and --train", _train_and_test, _LABELS),
    "anything": Data("pairs, labelled examples or retrieval data", _anything, _LABELS),
}

TASKS = {
    "retrieval": Task(
        "find the relevant documents of a query", "retrieval", "retrieval:evaluate_retrieval"
    ),
    "sts": Task("cosines follow the scores of pairs", "scored", "sts:evaluate_sts"),
    "reranking": Task("relevant candidates first", "ranked", "reranking:evaluate_reranking"),
    "pair-classification": Task(
        "pairs that belong together, and others",
        "scored",
        "pair_classification:evaluate_pair_classification",
    ),
    "knn": Task(
        "neighbours have the same class", "train and test", "neighbours:evaluate_knn", ("k",)
    ),
    "probe": Task("a linear classifier reads the class", "train and test", "probe:evaluate_probe"),
    "few-shot": Task(
        "classes from a few examples of each", "labelled", "few_shot:evaluate_few_shot",
        ("ways", "shots", "episodes"),
    ),
    "zero-shot": Task(
        "classes from their names", "labelled", "zero_shot:evaluate_zero_shot",
        ("names", "templates"),
    ),
    "clustering": Task("k-means finds the classes", "labelled", "clustering:evaluate_clustering"),
    "bitext": Task("translations find each other", "pairs", "bitext:evaluate_bitext"),
    "duplicates": Task(
        "examples with the same label are nearest", "labelled", "duplicates:evaluate_duplicates"
    ),
    "geometry": Task("the shape of the space", "anything", "geometry:evaluate_geometry"),
}  # fmt: skip


def tasks_that(test: Callable[[Task], bool]) -> str:
    """The names of the tasks that pass, as a person would list them."""
    found = [name for name, task in TASKS.items() if test(task)]
    return ", ".join(found[:-1]) + " or " + found[-1] if len(found) > 1 else found[0]


def swapped(encoder: Any) -> Encode:
    """The encoder with its roles exchanged: examples through the tower of the documents."""
    encode = encode_function(encoder)
    other = {"query": "document", "document": "query"}
    return lambda inputs, role: encode(inputs, other[role])


def pixels(images: Sequence[Any], role: str = "query") -> np.ndarray:
    """Images as they are, flattened, 0 to 1: what a model has to beat."""
    arrays = [np.asarray(image) for image in images]
    if not arrays or arrays[0].dtype.kind not in "uif" or len({a.shape for a in arrays}) != 1:
        raise InputError("pixels: found no images of one size; expected image data")
    return np.stack(arrays).reshape(len(arrays), -1).astype(np.float32) / np.float32(255)
