"""One function for every task: `evaluate(encoder, data, task)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.errors import InputError
from dipole.evaluation.result import Result
from dipole.evaluation.tasks.registry import DATA, Wanted, task_of
from dipole.lookup import nearest

if TYPE_CHECKING:
    from dipole.data import Examples
    from dipole.data.memory import Table
    from dipole.data.retrieval import RetrievalData

# The task of data that say what they are for.
_TASKS = {"Scored": "sts", "Ranked": "reranking", "RetrievalData": "retrieval"}


def evaluate(
    encoder: Any,
    data: str | Path | Examples | RetrievalData | Table,
    task: str | None = None,
    *,
    train: str | Path | Examples | Table | None = None,
    split: str | None = None,
    system: str | None = None,
    seed: int = 0,
    show_progress: bool = False,
    **settings: Any,
) -> Result:
    """Measure a model on one task, every number with its interval; what `dipole evaluate` does.

    Args:
        encoder: a model, or where it is: a run, a folder, a hub id, or a file of vectors (.npy,
            .npz); else whatever `encode_function` takes.
        data: a file, a folder, the name of a data set, examples, or a table in memory.
        task: "retrieval", "sts", "reranking", "knn", ... as `dipole evaluate --task` has them, or
            `file.py:NAME`. Not given: "sts" of `Scored`, "reranking" of `Ranked`, else "retrieval".
        train: of knn and probe: labelled data to learn from, of the kind of `data`. Not given: the
            train split.
        split: of a file or a named data set. Default: test, or everything if there are no splits.
        system: what the model is called in the result. Default: its path, or "encoder".
        settings: those of the task: `at=[10]`, `k=20`, ...

    Raises:
        InputError: no such model, data, task or setting.

    Example:
        >>> from dipole.encoders import StaticText
        >>> pairs = [("open a file", "opens files"), ("sort a list", "sorts lists")]
        >>> encoder = StaticText.from_texts(*zip(*pairs))
        >>> round(evaluate(encoder, pairs).value("MRR@10"), 1) >= 0.5
        True
    """
    name = task or _TASKS.get(type(data).__name__, "retrieval")
    found = task_of(name)
    if name == "geometry":
        raise InputError("task: geometry is not a Result; expected evaluate_geometry")
    for key in settings:
        if key not in found.settings:
            expected = nearest(key, found.settings) if found.settings else "expected none"
            raise InputError(f"{key}: no such setting of task {name}; {expected}")
    called = system or (str(encoder) if isinstance(encoder, str | Path) else "encoder")
    if isinstance(encoder, str | Path):
        encoder = _loaded(encoder)
    learns = found.data == "train and test"
    if train is not None and not learns:
        raise InputError(f"train: does nothing in task {name}; expected none")
    if isinstance(data, str | Path):
        if train is not None and not isinstance(train, str | Path):
            raise InputError("train: found a table beside the name of data; expected a name, too")
        known = None if train is None else str(train)
        parts = DATA[found.data].load(Wanted(str(data), split, known, seed=seed))
    elif split is not None:
        raise InputError(f"split: found {split!r} beside data in memory; expected none")
    elif learns and train is None:
        raise InputError(f"train: task {name} learns from labelled data; expected some")
    else:
        parts = (train, data) if learns else (data,)
    result: Result = found(
        encoder, *parts, system=called, seed=seed, show_progress=show_progress, **settings
    )
    return result


def _loaded(source: str | Path) -> Any:
    from dipole.encoders import load_encoder
    from dipole.evaluation.stored_vectors import VECTOR_FILES, load_vectors

    return load_vectors(source) if Path(source).suffix in VECTOR_FILES else load_encoder(source)
