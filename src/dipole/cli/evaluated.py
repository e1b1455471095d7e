"""What `dipole evaluate` measures: the systems by name, the split that is theirs, the results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.evaluation.result import Result
    from dipole.evaluation.tasks import Wanted

BM25_NAME = "bm25"
PIXELS_NAME = "pixels"


def systems_of(run: str, baselines: list[str], task: str) -> list[str]:
    """RUN first, then the baselines; each once, each one that can do the task."""
    from dipole.evaluation.tasks import DATA, TASKS

    systems = [run, *baselines]
    for position, system in enumerate(systems):
        if system in systems[:position]:
            raise InputError(f"{system}: given twice; expected every system once")
        if system == BM25_NAME and position and task != "retrieval":
            raise InputError(f"--baseline {BM25_NAME}: finds documents; expected --task retrieval")
        if system == PIXELS_NAME and "label" not in DATA[TASKS[task].data].fields:
            raise InputError(
                f"{PIXELS_NAME}: vectors of images; expected a task on labelled images"
            )
    return systems


def split_seed(systems: list[str], data: str, asked: int | None) -> int:
    """The seed of the split; an error if a run was trained on what would be measured.

    A run that was trained on one split by chance has seen test examples of another.
    """
    seed = asked
    for system in systems:
        trained = _training_of(system)
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


def noted(result: Result, data: str, split: str) -> Result:
    """The result with a note, if its system was trained on the very examples that are measured."""
    trained = _training_of(result.system)
    same = trained.get("data") == data and (trained.get("split") == split or Path(data).is_file())
    if not same:
        return result
    note = "trained on the examples measured here: this says how well it remembers"
    return replace(result, notes=(*result.notes, note))


def _training_of(system: str) -> dict[str, Any]:
    """The settings a run was trained with; {} for a model that is no run of ours."""
    import yaml

    path = Path(system, "config.yaml")
    if not path.is_file():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # whether the run is broken is for load_encoder to say
    return settings if isinstance(settings, dict) else {}


def measure(
    systems: list[str], task: str, wanted: Wanted, settings: dict[str, Any], role: str | None, *,
    show_progress: bool,
) -> list[Any]:  # fmt: skip
    """One result per system. The encoders are loaded first: a wrong path is said at once."""
    from dipole.evaluation.retrieval import evaluate_bm25
    from dipole.evaluation.tasks import DATA, TASKS, swapped

    encoders = {s: _load(s) for i, s in enumerate(systems) if i == 0 or s != BM25_NAME}
    if role == "document":
        encoders = {system: swapped(encoder) for system, encoder in encoders.items()}
    data = DATA[TASKS[task].data].load(wanted)
    settings = settings | {"seed": wanted.seed, "show_progress": show_progress}
    results = []
    for system in systems:
        if system in encoders:
            results.append(TASKS[task](encoders[system], *data, system=system, **settings))
        else:
            more = {k: v for k, v in settings.items() if k != "show_progress"}
            results.append(evaluate_bm25(*data, system=BM25_NAME, **more))
    return results


def _load(system: str) -> Any:
    """An encoder, or what can be measured as one: images as they are, stored vectors."""
    from dipole.encoders import load_encoder
    from dipole.evaluation.stored import VECTOR_FILES, load_vectors
    from dipole.evaluation.tasks import pixels

    if system == PIXELS_NAME:
        return pixels
    return load_vectors(system) if system.endswith(VECTOR_FILES) else load_encoder(system)
