"""`fit`: data, an encoder and an objective in, a run out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.data import Examples
from dipole.data.inputs import described
from dipole.data.memory import Table, check_table, is_table, table_name
from dipole.encoders.base import Encoder
from dipole.encoders.registry import encoder_class, is_own
from dipole.errors import InputError
from dipole.lock import LOCK
from dipole.training.config import AUTO, Config, make_config
from dipole.training.config_file import read_config
from dipole.training.formats import PYTHON, given_again, is_former, translated
from dipole.training.one import fit_one
from dipole.training.recipe import LENGTH, Recipe, over, read_recipe
from dipole.training.run.folder import (
    CONFIG,
    RESULT,
    Run,
    refused,
    tidy,
)
from dipole.training.run.observers import watching
from dipole.training.run.own_code import check_code
from dipole.training.run.processes import only_run, together
from dipole.training.sources import check_stages
from dipole.training.stages import fit_stages

if TYPE_CHECKING:
    from typing import Unpack

    from torch import nn

    from dipole.training.keywords import FitSettings
    from dipole.training.run.observers import OnStep, OnValidate


def fit(
    data: str | Path | Examples | Table | None = None,
    encoder: str | Encoder | None = None,
    objective: str | nn.Module | None = None,
    *,
    out: str | Path,
    recipe: str | Path | Recipe | None = None,
    validation: str | float | Examples | Table | None = None,
    resume: bool = False,
    changed_data: bool = False,
    show_progress: bool = True,
    on_step: OnStep | None = None,
    on_validate: OnValidate | None = None,
    **settings: Unpack[FitSettings],
) -> Run:
    """Train `encoder` on `data` with `objective` and write a run to the folder `out`.

    Args:
        data: a file, a folder, the name of a data set, a function of yours (`file.py:function`),
            examples (`dipole.data.Pairs`, ...), or a table in memory: a DataFrame, a list of dicts
            or tuples, a dict of columns or arrays, a `datasets.Dataset`.
        encoder: "auto" (the default without a recipe: by the data, see `dipole train --help`),
            "static" (from scratch), a model folder, a hub id, or an encoder.
        objective: the name of an objective (default "infonce"), or one.
        out: the run's folder; must be new, unless `resume`.
        recipe: the name of a system (`dipole systems`), a yaml file, or a `Recipe`: settings to
            start from, which those given here override.
        validation: a file, a split's name, a fraction of the rows to hold out, examples, or a
            table.
        resume: go on with the run in `out` from its newest checkpoint; the weights at the end
            are those of a run that was never stopped. Starts it where there is none yet. Other
            `epochs` or `max_steps` lengthen (or shorten) it, one that is finished too: it goes on
            from its last step, with the learning rate that this step has in the new length.
        changed_data: on resume, go on although the data are not those the run began with: with
            the encoder and its tokeniser, the optimiser and the step as they are. Order and
            groups of the batches are those of the new rows.
        on_step, on_validate: functions that are called after every step with a `StepRecord`, and
            after every validation with a `ValidationRecord`, in the main process. One that raises
            `dipole.StopTraining` ends the training in good order. They are no settings of the run:
            give them again on resume.
        settings: the fields of `dipole.training.config.Config`; the same as the options of
            `dipole train`.

    Returns:
        The run; `run.encoder` is the best model of the validation, or the last one.

    Raises:
        InputError: a setting, a file or a row that cannot be used, in one line; on resume, data
            that have changed.
        RunError: the run could not go on (non-finite loss, full disk); says from where it can.
            Another training is at work in `out`.

    Example:
        >>> run = dipole.fit("stdlib-code", out="runs/code", epochs=2)  # doctest: +SKIP
        >>> run.encoder.encode(["read a file line by line"]).shape  # doctest: +SKIP
    """
    if changed_data and not resume:
        raise InputError("changed_data: does nothing without --resume; expected both or none")
    if not isinstance(encoder, (str, Path, Encoder, type(None))):
        raise InputError(
            f"encoder: found {described(encoder)}; expected a path, a name, or an encoder"
        )
    for name, value in (("data", data), ("validation", validation)):
        if is_table(value) and not isinstance(value, (Examples, int, float)):
            check_table(value, name)
    if isinstance(objective, type):
        raise InputError(
            f"objective: found the class {objective.__name__}; expected {objective.__name__}()"
        )
    if not isinstance(out, (str, Path)):
        raise InputError(f"out: found {described(out)}; expected the folder of the run")
    folder = Path(out)
    _check_idle(settings, data=data, encoder=encoder, objective=objective)
    objects: dict[str, Any] = {
        "data": data,
        "encoder": encoder,
        "objective": objective,
        "validation": validation,
    }
    given = over({} if recipe is None else read_recipe(recipe), _describe(**objects) | {**settings})
    if recipe is None and not any(given.get(name) for name in _OF_AN_ENCODER):
        given["encoder"] = AUTO
    with watching(on_step, on_validate), only_run(folder):
        config, is_finished = together(lambda: _config_of_run(folder, given, resume=resume))
        if is_finished:
            together(lambda: tidy(folder))
            if "encoder" in given and is_own(config.encoder):
                encoder_class(config.encoder)  # whose model may be loaded: the user named it
            return Run.open(folder)
        _check_given_again(config, **objects)
        is_new = not (folder / CONFIG).exists()
        check_stages(config)
        if config.stages:
            return fit_stages(
                config, folder, changed_data=changed_data, show_progress=show_progress, **objects
            )
        with refused(folder) if is_new else nullcontext():
            return fit_one(
                config,
                folder,
                resume=resume,
                changed_data=changed_data,
                show_progress=show_progress,
                **objects,
            )


# Settings that may be, or hold, objects of Python, which the file of a run cannot.
OBJECTS = ("parts", "step", "sources", "stages", "by_kind", "validation_measure")
# Settings that are of an encoder, or of several trainings: beside them none is chosen by the data.
_OF_AN_ENCODER = ("encoder", "encoder_options", "stages")
# Settings that say nothing beside an object of Python.
_IDLE = {
    "data": ("split", "split_seed"),
    "encoder": ("encoder_options", "adapter", "adapter_options"),
    "objective": ("temperature", "objective_options", "combine", "matryoshka", "by_kind"),
}  # fmt: skip


def _check_idle(settings: Mapping[str, Any], **objects: Any) -> None:
    """Raise InputError for a setting that an object, which has its own, would leave unused."""
    for argument, value in objects.items():
        if value is None or isinstance(value, str | Path):
            continue
        if argument == "data" and not isinstance(value, Examples):
            continue  # a table may have splits
        for name in _IDLE[argument]:
            if settings.get(name):
                raise InputError(
                    f"{name}: found {settings[name]!r} beside an object as {argument}, which has "
                    "its own; expected one of the two"
                )


def _describe(**arguments: Any) -> dict[str, Any]:
    """What goes into config.yaml for arguments that may be objects of Python."""
    return {
        name: str(value) if isinstance(value, str | Path | int | float) else PYTHON + _name(value)
        for name, value in arguments.items()
        if value is not None
    }


def _name(value: Any) -> str:
    if isinstance(value, Examples):
        return repr(value)
    return type(value).__name__ if hasattr(value, "state_dict") else table_name(value)


def _check_given_again(config: Config, **arguments: Any) -> None:
    """A run that was given an object needs it again: a file cannot hold it."""
    for name, value in arguments.items():
        if value is None or isinstance(value, str):
            given_again(name, getattr(config, name), f"fit({name}=...)")


def _config_of_run(folder: Path, given: dict[str, Any], *, resume: bool) -> tuple[Config, bool]:
    """The settings given, or on resume the run's, and whether there is nothing left to do.

    On resume nothing given may contradict the run, but for its length.
    """
    before = folder / CONFIG
    if not resume:
        if folder.is_dir() and any(path.name != LOCK for path in folder.iterdir()):
            raise InputError(
                f"{folder}: exists; expected a new folder for the run, or --resume to go on with it"
            )
        return make_config(**given), False
    if not before.exists():
        if "data" not in given and not given.get("stages"):
            raise InputError(f"{folder}: no run to resume ({CONFIG} is missing)")
        return make_config(**given), False
    found = read_config(before)
    settings = translated(found)
    if given.get("encoder") == AUTO:  # it was chosen: the run's settings name it
        given = {name: value for name, value in given.items() if name != "encoder"}
    check_code(settings, given, before)
    if is_former(found):  # with defaults, as those that are given
        settings |= {"parts": make_config(data="", parts=settings.get("parts")).parts}
    asked = make_config(**(settings | given)).model_dump()
    for name in ("data", "validation"):  # of Python's objects data.json knows whether they are new
        if all(str(found.get(name)).startswith(PYTHON) for found in (asked, settings)):
            settings[name] = asked[name]
    other = {name for name in given if asked[name] != settings.get(name)}
    for name in given:
        if name in other and (name not in LENGTH or settings.get("stages")):
            raise InputError(
                f"{name}: {asked[name]!r}, but the run in {folder} has {settings.get(name)!r}; "
                "expected the same settings on resume"
            )
    if is_former(found) and (other or not (folder / RESULT).exists()):
        raise InputError(
            f"{before}: of format 1, from an older dipole, with which alone the run could go on; "
            "expected a new run in another folder (docs/migration.md)"
        )
    for name in OBJECTS:  # objects of Python among them
        if name in given:
            settings[name] = given[name]
    if other:  # one that is asked for replaces both
        settings |= {name: asked[name] if name in given else None for name in LENGTH}
    return make_config(**settings), (folder / RESULT).exists() and not other
