"""One training after another on the same encoder, each with its own data, objective and settings.

A stage is a run of its own in RUN/stages/1, RUN/stages/2, ..., so whatever a run can do (views,
queue, validation, checkpoints, resuming) a stage can do. One with `fresh: true` begins with the
encoder as it was before the first, and where a sampler, a part or `mine` takes a `model`, `stage:1`
is that of an earlier stage and `stage:0` the one before the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from dipole.data.fingerprint import joined_fingerprint
from dipole.encoders.base import Encoder
from dipole.encoders.own import save_encoder
from dipole.errors import InputError
from dipole.files import replaced, write_text
from dipole.training.automatic import chosen_encoder
from dipole.training.build import build_encoder
from dipole.training.config import Config, make_config
from dipole.training.config_file import write_config
from dipole.training.run.checkpoints import write_folder
from dipole.training.run.folder import (
    CONFIG,
    ENCODER,
    MODEL,
    RESULT,
    Run,
    copy_folder,
    kept_encoder,
    read_result,
    write_result,
)
from dipole.training.run.origin import read_data, write_data
from dipole.training.run.processes import together
from dipole.training.run.progress import METRICS
from dipole.training.sources import of_stage

STAGES = "stages"
# The encoder belongs to all stages.
SHARED = ("encoder", "encoder_options", "adapter", "adapter_options", "stages")
# A stage that begins with the encoder as it was before the first one.
FRESH, START = "fresh", "start.pt"
_STAGE = re.compile(r"stage:\d+")
# Where a `model` may be said.
_NAME_MODELS = ("sampler_options", "parts", "sources", "by_kind", "mine")
_MODELS = ("model", "judge")


def fit_stages(
    config: Config,
    folder: Path,
    *,
    encoder: Any,
    changed_data: bool,
    show_progress: bool,
    **given: Any,
) -> Run:
    """`fit` with `stages`; those that are finished are not run again."""
    from dipole.training.loop import InterruptedRunError
    from dipole.training.one import fit_one

    stages, given_data = stages_of(config)
    if not isinstance(encoder, Encoder):
        with in_stage(1):
            data, objective = (
                None if name in config.stages[0] else given[name] for name in ("data", "objective")
            )
            data = data if stages[0].data == config.data else given_data[0]
            config, encoder = _first_encoder(
                config, stages[0], data, objective, folder / STAGES / "1", changed_data
            )
        stages, given_data = stages_of(config)

    def begin() -> list[bool]:
        folder.mkdir(parents=True, exist_ok=True)
        write_config(config, folder / CONFIG)
        return [(folder / STAGES / str(n) / RESULT).exists() for n in range(1, len(stages) + 1)]

    are_done = together(begin)
    before = folder / STAGES / "0"
    if any("stage:0" in _named_by(stage) for stage in stages) and not any(are_done):
        together(lambda: _save_first(encoder, before))
    fresh = [bool(stage.get(FRESH)) for stage in config.stages]
    start = folder / START
    if any(fresh) and not any(are_done):
        together(lambda: _keep(encoder, start))
    for number, (stage, own) in enumerate(zip(stages, config.stages, strict=True), 1):
        out = folder / STAGES / str(number)
        if are_done[number - 1]:
            if number < len(stages):
                state = torch.load(out / ENCODER, map_location="cpu", weights_only=True)
                encoder.load_state_dict(state)
            continue
        if fresh[number - 1]:
            encoder.load_state_dict(torch.load(start, map_location="cpu", weights_only=True))
        stage = _with_models(stage, folder)
        objects = {name: None if name in own else value for name, value in given.items()}
        if stage.data != config.data:  # a source that is marked for it
            objects["data"] = given_data[number - 1]
        try:
            with in_stage(number):
                fit_one(
                    stage,
                    out,
                    encoder=encoder,
                    resume=True,
                    changed_data=changed_data,
                    show_progress=show_progress,
                    keep_encoder=number < len(stages),
                    **objects,
                )
        except InterruptedRunError as error:
            text = str(error).replace(str(out), str(folder))
            raise InterruptedRunError(f"stage {number}: {text}") from None
    together(lambda: _join(folder, len(stages)))
    together(lambda: start.unlink(missing_ok=True))
    return Run.open(folder)


def stages_of(config: Config) -> tuple[list[Config], list[Any]]:
    """The settings of every stage: those of the run, and on top what the stage says itself; and the
    data it trains on in the place of --data, if a source that is marked for it has such."""
    common = dict(config) | {"stages": []}
    found = []
    for number, stage in enumerate(config.stages, 1):
        with in_stage(number):
            for name in SHARED:
                if name in stage:
                    raise InputError(f"{name}: expected for the whole run, not for a stage")
            if not isinstance(fresh := stage.get(FRESH, False), bool) or (fresh and number == 1):
                raise InputError(f"fresh: found {fresh!r}; expected true, of a later stage")
            stage = {name: value for name, value in stage.items() if name != FRESH}
            if "objective" in stage:  # it goes before those by kind of data
                stage = {"by_kind": {}} | stage
            own = make_config(**(common | stage))
            found.append((own, None) if "data" in stage else of_stage(own, number))
            for name in _named_by(found[-1][0]):
                if _STAGE.fullmatch(name) and not int(name.removeprefix("stage:")) < number:
                    raise InputError(f"model: found {name!r}; expected an earlier stage")
    configs, data = zip(*found, strict=True)
    return list(configs), list(data)


def _named_by(stage: Config) -> list[str]:
    """The models that the samplers, parts and mines of a stage name, those of its sources too."""
    return list(_models([getattr(stage, key) for key in _NAME_MODELS]))


def _models(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        yield from (model for key in _MODELS if isinstance(model := settings.get(key), str))
        settings = list(settings.values())
    for inner in settings if isinstance(settings, list) else []:
        yield from _models(inner)


def _with_models(config: Config, folder: Path) -> Config:
    """Settings in which `stage:1` is the folder of that stage."""

    def of(settings: Any) -> Any:
        if isinstance(settings, list):
            return [of(inner) for inner in settings]
        if not isinstance(settings, dict):
            return settings
        found = {name: of(inner) for name, inner in settings.items()}
        for key in _MODELS:
            if isinstance(name := found.get(key), str) and _STAGE.fullmatch(name):
                found[key] = str(folder / STAGES / name.removeprefix("stage:"))
        return found

    return config.model_copy(update={name: of(getattr(config, name)) for name in _NAME_MODELS})


def _save_first(encoder: Encoder, folder: Path) -> None:
    """The encoder before the first stage, as a run has its model."""
    if not (folder / MODEL).exists():
        write_folder(folder / MODEL, lambda new: save_encoder(encoder, new))


def _keep(encoder: Encoder, path: Path) -> None:
    if not path.exists():
        with replaced(path) as new:
            torch.save(encoder.state_dict(), new)


@contextmanager
def in_stage(number: int) -> Iterator[None]:
    """Say in which stage a setting or a file is wrong."""
    try:
        yield
    except InputError as error:
        raise InputError(f"stage {number}: {error}") from None


def _first_encoder(
    config: Config, stage: Config, data: Any, objective: Any, folder: Path, changed_data: bool
) -> tuple[Config, Encoder]:
    """Made for the examples of the first stage, and the settings that name it."""
    from dipole.training.tasks import load_tasks

    is_done = (folder / RESULT).exists()  # its data are not looked at any more
    is_changed = changed_data or (read_data(folder) or {}).get("changed", False)
    tasks = load_tasks(stage, data, objective if isinstance(objective, torch.nn.Module) else None)
    for task in tasks:
        task.add_prompts()
    examples = [task.examples for task in tasks]
    named = {"encoder": together(lambda: chosen_encoder(config, *examples)).name}
    stage = stage.model_copy(update=named)
    kept = kept_encoder(stage, folder) if is_done or is_changed else None
    return config.model_copy(update=named), build_encoder(stage, *examples, kept=kept)


def _join(folder: Path, count: int) -> None:
    """RUN/model, metrics.jsonl and result.json of all stages; steps are counted through."""
    lines, results, data, before = [], [], [], 0
    for number in range(1, count + 1):
        stage = folder / STAGES / str(number)
        results.append(read_result(stage))
        for line in map(json.loads, (stage / METRICS).read_text(encoding="utf-8").splitlines()):
            lines.append(json.dumps(line | {"step": before + line["step"], "stage": number}))
        before += results[-1]["step"]
        if (found := read_data(stage)) is not None:
            data.append(found)
    write_text(folder / METRICS, "".join(f"{line}\n" for line in lines))
    write_data(folder, joined_fingerprint(data))
    copy_folder(folder / STAGES / str(count) / MODEL, folder / MODEL)
    last = results[-1]
    write_result(
        folder,
        last
        | {
            "step": before,
            "best_step": before - last["step"] + last["best_step"],
            "seconds": round(sum(result["seconds"] for result in results), 3),
            "stages": results,
        },
    )
