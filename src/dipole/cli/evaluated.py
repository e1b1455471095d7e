"""What `dipole evaluate` measures: the systems by name, the split that is theirs, the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dipole.cli.trained import load_named, say_skipped, seen_note, settings_of
from dipole.errors import InputError
from dipole.showing import counted

if TYPE_CHECKING:
    from dipole.data import Examples, RetrievalData
    from dipole.evaluation.tasks.registry import Wanted

BM25_NAME = "bm25"
PIXELS_NAME = "pixels"


@dataclass(frozen=True)
class Asked:
    """What is measured, and how."""

    task: str
    wanted: Wanted
    settings: Mapping[str, Any]
    role: str | None = None
    needs_words: bool = False  # ids are written to a file that holds no blanks in them


@dataclass(frozen=True)
class Measured:
    """One result per system, what the report says about the data, and which way was measured."""

    task: str
    results: list[Any]
    about: dict[str, Any]
    direction: str


def systems_of(run: str, baselines: list[str], task: str, role: str | None = None) -> list[str]:
    """RUN first, then the baselines; each once, each one that can do the task."""
    from dipole.evaluation.stored_vectors import VECTOR_FILES
    from dipole.evaluation.tasks.registry import DATA, task_of

    systems = [run, *baselines]
    for position, system in enumerate(systems):
        if system in systems[:position]:
            raise InputError(f"{system}: given twice; expected every system once")
        if system == BM25_NAME and position and task != "retrieval":
            raise InputError(f"--baseline {BM25_NAME}: finds documents; expected --task retrieval")
        if system == PIXELS_NAME and "label" not in DATA[task_of(task).data].fields:
            raise InputError(
                f"{PIXELS_NAME}: vectors of images; expected a task on labelled images"
            )
    if role is not None and all(s == PIXELS_NAME or s.endswith(VECTOR_FILES) for s in systems):
        raise InputError(
            f"--role {role}: {' and '.join(systems)} encode nothing; expected a run or a model"
        )
    return systems


def cut_offs(text: str | None) -> list[int] | None:
    """The numbers of --at."""
    if text is None:
        return None
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise InputError(f"--at {text}: expected whole numbers from 1 on, as 1,3,10")
    return found


def split_seed(systems: list[str], data: str, asked: int | None) -> int:
    """The seed of the split; an error if a run was trained on what would be measured.

    A run that was trained on one split by chance has seen test examples of another.
    """
    seed = asked
    for system in systems:
        trained = settings_of(system)
        if trained.get("data") != data or "split_seed" not in trained:
            continue
        if seed is None:
            seed = int(trained["split_seed"])
        elif seed != trained["split_seed"]:
            raise InputError(
                f"{system}: trained on {data} split by seed {trained['split_seed']}, measured on "
                f"the split by seed {seed}; expected the same seed, else it has seen the answers"
            )
    return seed or 0


def measure(
    systems: list[str], asked: Asked, notes: Mapping[str, str], *, show_progress: bool
) -> Measured:
    """One result per system. The encoders are loaded first: a wrong path is said at once.

    notes: system -> what has to be said of it.
    """
    from dipole.evaluation.measures import RETRIEVAL, measures_of
    from dipole.evaluation.tasks.registry import DATA, swapped, task_of
    from dipole.evaluation.tasks.retrieval import evaluate_bm25

    task, wanted, settings = task_of(asked.task), asked.wanted, dict(asked.settings)
    if "measures" in task.settings:  # a name that is none is said before anything is loaded
        measures_of(settings.get("measures"), settings.get("at"), RETRIEVAL)
    encoders = {s: _load(s) for i, s in enumerate(systems) if i == 0 or s != BM25_NAME}
    if asked.role == "document":
        encoders = {system: swapped(encoder) for system, encoder in encoders.items()}
    data = DATA[task.data].load(wanted)
    for part in data:
        say_skipped(part.skipped)
    if asked.needs_words:
        from dipole.data.trec import check_words

        check_words("--trec-run", data[0].queries, data[0].corpus)
    settings["seed"] = wanted.seed
    shown = {"show_progress": show_progress}
    results = []
    for system in systems:
        if system in encoders:
            result = task(encoders[system], *data, system=system, **settings, **shown)
        else:
            result = evaluate_bm25(*data, system=BM25_NAME, **settings)
        if asked.task != "geometry":
            said = (notes.get(system), _seen(system, data[-1], wanted))
            result = replace(result, notes=(*result.notes, *filter(None, said)))
        results.append(result)
    return Measured(asked.task, results, _about(data, wanted), _direction(data))


def _load(system: str) -> Any:
    """An encoder, or what can be measured as one: images as they are, stored vectors."""
    from dipole.evaluation.stored_vectors import VECTOR_FILES, load_vectors
    from dipole.evaluation.tasks.registry import pixels

    if system == PIXELS_NAME:
        return pixels
    if system.endswith(VECTOR_FILES):
        return load_vectors(system)
    return load_named(system, (BM25_NAME, PIXELS_NAME))


def _seen(system: str, data: Examples | RetrievalData, wanted: Wanted) -> str | None:
    """The note on how much of what is measured the system was trained on."""
    if not settings_of(system):
        return None
    from dipole.data import RetrievalData

    if isinstance(data, RetrievalData) and not _are_texts(data):
        return None  # images that were read: which file each came from is not known any more
    rows = judged_pairs(data) if isinstance(data, RetrievalData) else data
    return seen_note(system, rows, wanted.data, wanted.part)


def _are_texts(data: RetrievalData) -> bool:
    sides = (data.queries, data.corpus)
    return all(isinstance(side[name], str) for side in sides for name in list(side)[:1])


def judged_pairs(data: RetrievalData) -> Examples:
    """(query, document) of every judgement above zero, as a training on these data has them."""
    from dipole.data import Pairs

    found = [
        (data.queries[query], data.corpus[document])
        for query, judged in data.qrels.items()
        if query in data.queries
        for document, grade in judged.items()
        if grade > 0 and document in data.corpus
    ]
    anchors, positives = zip(*found, strict=True) if found else ((), ())
    return Pairs.from_columns({"anchor": list(anchors), "positive": list(positives)})


def _direction(data: tuple[Any, ...]) -> str:
    """Which columns were measured and how many rows there are, in one line."""
    from dipole.data import RetrievalData

    if isinstance(data[-1], RetrievalData):
        return f"{data[-1].direction}: {data[-1].sizes}"
    return " and ".join(f"{counted(len(rows), 'example')} from {rows.origin}" for rows in data)


def _about(data: tuple[Any, ...], wanted: Wanted) -> dict[str, Any]:
    """What the JSON report says of the data."""
    from dipole.data import RetrievalData

    part = None if wanted.part == "all" and wanted.split is None else wanted.part
    about: dict[str, Any] = {"data": wanted.data, "split": part, "seed": wanted.seed}
    measured = data[-1]
    if isinstance(measured, RetrievalData):
        about |= {
            "direction": measured.direction, "queries": len(measured.queries),
            "documents": len(measured.corpus),
        }  # fmt: skip
    elif measured.columns:
        about["columns"] = measured.columns
    skipped = sum(part.skipped.count for part in data)
    return about | ({"skipped": skipped} if skipped else {})
