"""The tasks by name: which data each wants, which function measures it, which settings it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.encoders.reading import gives_tokens
from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, encode_function
from dipole.evaluation.judged import as_vectors, is_judge
from dipole.lookup import find, is_place, nearest, plugins

if TYPE_CHECKING:
    from dipole.data.converting import OnBadRow


@dataclass(frozen=True)
class Wanted:
    """Where the data of a task come from."""

    data: str
    split: str | None = None  # not given: test, or everything where there are no splits
    train: str | None = None  # what a classifier may know; not given: the train split of `data`
    columns: Mapping[str, Any] = field(default_factory=dict)  # field -> column
    seed: int = 0
    on_bad_row: OnBadRow = "error"
    resize: str | None = None  # of images
    as_trained: bool = False  # nobody asked for `resize`: it is for images that need one

    @property
    def part(self) -> str:
        """The split that is measured."""
        from dipole.data.parted import has_splits

        return self.split or ("test" if has_splits(self.data) else "all")

    def loaded(self, load: Callable[..., Any], **options: Any) -> tuple[Any, ...]:
        """What a function of `dipole.data` makes of it."""
        from dipole.data.refusals import NotResizedError

        options = {"split": self.part, "on_bad_row": self.on_bad_row} | options
        try:
            return (load(self.data, **options, **self.columns),)
        except NotResizedError:
            if not self.as_trained:
                raise
            return (load(self.data, **options | {"resize": None}, **self.columns),)


@dataclass(frozen=True)
class Data:
    """One kind of data: what it is, the fields that may be named, and how it is read."""

    about: str
    load: Callable[[Wanted], tuple[Any, ...]]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One task; `measure` is a function of (encoder, data, settings) that gives a `Result`, or
    where one is: `module:function`, `file.py:function`.

    One of your own is `--task file.py:NAME`, or an entry point of `dipole.tasks`.
    """

    about: str
    data: str  # a key of DATA
    measure: str | Callable[..., Any]
    settings: tuple[str, ...] = ()

    def __call__(self, encoder: Any, *data: Any, **settings: Any) -> Any:
        """The result of this task for one encoder, or for what scores pairs of texts."""
        of_tokens = gives_tokens(encoder)  # which find documents by their vectors, too
        if (is_judge(encoder) or of_tokens) and not (of_tokens and self.data == "retrieval"):
            shown = bool(settings.get("show_progress"))
            own = next((name for name, task in TASKS.items() if task is self), self.about)
            encode, named = as_vectors(encoder, data[-1], own, shown)
            return self(encode, named, **settings)
        if callable(self.measure):
            return self.measure(encoder, *data, **settings)
        ours = {str(task.measure): str(task.measure) for task in TASKS.values()}
        measure = find("task", self.measure, ours, package="dipole.evaluation")
        return measure(encoder, *data, **settings)


def _retrieval(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_retrieval

    return wanted.loaded(load_retrieval, seed=wanted.seed, resize=wanted.resize)


def _scored(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_scored

    return wanted.loaded(load_scored, resize=wanted.resize)


def _ranked(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_ranked

    return wanted.loaded(load_ranked)


def _pairs(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_pairs

    return wanted.loaded(load_pairs, seed=wanted.seed, resize=wanted.resize)


def _labeled(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data import load_labeled

    return wanted.loaded(load_labeled, seed=wanted.seed, resize=wanted.resize)


def _train_and_test(wanted: Wanted) -> tuple[Any, ...]:
    from dipole.data.parted import has_splits

    known = wanted.train or wanted.data
    if wanted.train is None and not has_splits(known):
        what = "file has" if Path(known).is_file() else "folder without splits has"
        raise InputError(
            f"{known}: a {what} no train split; expected --train FILE or FOLDER, to learn from"
        )
    if wanted.train is None and wanted.split == "train":
        raise InputError("--split train: it is what the classifier knows; expected another split")
    (test,) = _labeled(wanted)
    part = "train" if has_splits(known) else "all"
    return (*_labeled(replace(wanted, data=known, split=part, train=None)), test)


def _anything(wanted: Wanted) -> tuple[Any, ...]:
    """Whatever the source holds: a name says it, of the rest the first kind that can be read."""
    from dipole.data.named import NAMED

    if wanted.data == "stdlib-code":
        return _pairs(wanted)
    readers = {"retrieval": _retrieval, "scored": _scored, "labeled": _labeled}
    if wanted.data in NAMED:
        return readers[NAMED[wanted.data].kind](wanted)
    for kind, read in (("labelled", _labeled), ("scored", _scored), ("pairs", _pairs)):
        if any(name in DATA[kind].fields for name in wanted.columns):
            return read(wanted)
    try:
        return _pairs(wanted)
    except InputError as error:
        for read in (_labeled, _retrieval):
            try:
                return read(wanted)
            except InputError:
                continue
        raise error from None


_PAIR, _LABELS, _SCORED = ("anchor", "positive"), ("input", "label"), ("first", "second", "score")
_LISTS = ("query", "candidates", "relevance")
DATA = {
    "retrieval": Data("a BEIR folder, a file of pairs or a name", _retrieval, _PAIR),
    "scored": Data("pairs of texts with a score", _scored, _SCORED),
    "ranked": Data("queries with candidates and their relevance", _ranked, _LISTS),
    "pairs": Data("pairs of texts", _pairs, _PAIR),
    "labelled": Data("texts or images with a label", _labeled, _LABELS),
    "train and test": Data("texts or images with a label, and --train", _train_and_test, _LABELS),
    "anything": Data(
        "pairs, labelled examples or retrieval data", _anything, (*_LABELS, *_SCORED, *_PAIR)
    ),
}

TASKS = {
    "retrieval": Task(
        "find the relevant documents of a query",
        "retrieval",
        "tasks.searching:evaluate_retrieval",
        ("at", "measures", "ignore_identical_ids"),
    ),
    "sts": Task("cosines follow the scores of pairs", "scored", "tasks.sts:evaluate_sts"),
    "reranking": Task(
        "relevant candidates first",
        "ranked",
        "tasks.reranking:evaluate_reranking",
        ("at", "measures"),
    ),
    "pair-classification": Task(
        "pairs that belong together, and others",
        "scored",
        "tasks.pair_classification:evaluate_pair_classification",
    ),
    "knn": Task(
        "neighbours have the same class", "train and test", "tasks.neighbours:evaluate_knn", ("k",)
    ),
    "probe": Task(
        "a linear classifier reads the class", "train and test", "tasks.probe:evaluate_probe"
    ),
    "few-shot": Task(
        "classes from a few examples of each",
        "labelled",
        "tasks.few_shot:evaluate_few_shot",
        ("ways", "shots", "episodes"),
    ),
    "zero-shot": Task(
        "classes from their names",
        "labelled",
        "tasks.zero_shot:evaluate_zero_shot",
        ("names", "templates"),
    ),
    "clustering": Task(
        "k-means finds the classes", "labelled", "tasks.clustering:evaluate_clustering"
    ),
    "triplets": Task(
        "the positive is nearer than its negatives", "pairs", "tasks.triplets:evaluate_triplets"
    ),
    "bitext": Task("translations find each other", "pairs", "tasks.bitext:evaluate_bitext"),
    "duplicates": Task(
        "examples with the same label are nearest",
        "labelled",
        "tasks.duplicates:evaluate_duplicates",
    ),
    "geometry": Task("the shape of the space", "anything", "geometry.whole:evaluate_geometry"),
}


def task_of(name: str) -> Task:
    """A task by its name, as `file.py:NAME` or as `module:NAME`.

    Raises InputError: no such task; one whose kind of data is none of `DATA`.
    """
    if name in TASKS:
        return TASKS[name]
    if not is_place(name) and name not in plugins("task"):
        raise InputError(f"--task {name}: no such task; expected {', '.join(TASKS)}")
    found: Task = find("task", name, {}, instance=Task)
    if found.data not in DATA:
        raise InputError(f"task {name}: found data {found.data!r}; {nearest(found.data, DATA)}")
    return found


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
