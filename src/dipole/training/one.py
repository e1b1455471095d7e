"""One training: from checked settings to a run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dipole.data import Examples
from dipole.data.fingerprint import seen_share
from dipole.data.memory import is_table
from dipole.devices import device
from dipole.encoders.base import Encoder
from dipole.encoders.round_trip import check_saves
from dipole.errors import InputError
from dipole.training.automatic import chosen_encoder
from dipole.training.build import build_encoder
from dipole.training.config import Config
from dipole.training.held import held_out
from dipole.training.own_measure import measure_named
from dipole.training.preparing import build_tasks, check_tasks, complete_tasks, note
from dipole.training.run.folder import (
    Run,
    kept_encoder,
)
from dipole.training.run.origin import check_data, parts_of
from dipole.training.run.processes import is_alone, is_main, together
from dipole.training.run.progress import check_trackers
from dipole.training.run.run import train
from dipole.training.sources import of_source, sources_of

# A setting -> the one without which it does nothing.
_NEEDS = {
    "view_options": "view", "patience": "validation", "validate_every": "validation",
    "validation_measure": "validation",
    "adapter_options": "adapter",
}  # fmt: skip


def fit_one(
    config: Config,
    folder: Path,
    *,
    data: Any,
    encoder: Any,
    objective: Any,
    validation: Any,
    resume: bool,
    changed_data: bool,
    show_progress: bool,
    keep_encoder: bool = False,
) -> Run:
    """`fit` with its settings checked: one training."""
    from torch import nn

    from dipole.training.learnable import check_partners, check_words
    from dipole.training.locking import untrained
    from dipole.training.optimizers import check_optimizer
    from dipole.training.tasks import check_prompts, load_tasks

    # What can be wrong soonest comes first.
    every = [source.config for source in sources_of(config)]
    for name, needed in _NEEDS.items():
        if getattr(config, name) and not any(getattr(own, needed) for own in every):
            raise InputError(f"{name}: does nothing without --{needed}; expected both or none")
    check_trackers(config.track)
    if config.validation_measure is not None:
        measure_named(config.validation_measure)
    check_optimizer(config)
    tasks = load_tasks(config, data, objective if isinstance(objective, nn.Module) else None)
    notes = check_tasks(tasks, validation, show_progress=show_progress)
    origin = together(lambda: check_data(folder, parts_of(tasks), accept=changed_data))
    if origin["changed"] and any(task.config.sampler_options.get("every") for task in tasks):
        raise InputError(
            "sampler: its groups of the old rows are no groups of the new ones; expected a run "
            "without the sampler option every, or a new one"
        )
    check_prompts(tasks)
    held = None
    if len(tasks) == 1 and not is_table(validation):
        held = held_out(config, tasks[0].held)
    for task in tasks:
        if task.held is not None:
            notes += _trained_on(task.held, origin)
        task.add_prompts()
    if not isinstance(encoder, Encoder):
        every_examples = [task.examples for task in tasks]
        chosen = together(lambda: chosen_encoder(config, *every_examples))
        if chosen.why and show_progress and is_main():
            note(f"encoder: {chosen.name}, as {chosen.why}")
        config = config.model_copy(update={"encoder": chosen.name})
        kept = together(lambda: kept_encoder(config, folder)) if origin["changed"] else None
        encoder = build_encoder(config, *every_examples, kept=kept)
        notes += untrained(encoder, config) if config.locked else []
    together(lambda: check_saves(encoder, folder))
    notes += complete_tasks(tasks, encoder, folder, show_progress=show_progress)
    _settle_precision()
    config = _with_defaults(config, encoder)
    for task in tasks:
        task.config = _with_defaults(task.config, encoder)
        with of_source(task.name):
            notes += check_words(encoder, task.examples)
            notes += encoder.notes_on(task.examples)
            notes += [] if task.held is None else encoder.notes_on(task.held)
            notes += check_partners(task.config, encoder, task.examples, task.inputs)
    if show_progress and is_main():
        for line in notes:
            note(line)
    build_tasks(tasks, encoder, show_progress=show_progress)
    return train(
        config,
        encoder,
        tasks,
        folder,
        origin=origin,
        changed_data=changed_data,
        resume=resume,
        show_progress=show_progress,
        keep_encoder=keep_encoder,
        held=held,
    )


def _trained_on(held: Examples, origin: dict[str, Any]) -> list[str]:
    """How much of a validation is training data, as a line: it is remembered, not learnt."""
    share = seen_share(held, origin)
    if math.isnan(share) or not (count := round(share * len(held))):
        return []
    return [
        f"warning: {count:,} of {len(held):,} rows of the validation are trained on: of these it "
        "says how well they are remembered"
    ]


def _with_defaults(config: Config, encoder: Encoder) -> Config:
    """Settings that were not given are the encoder's own, or the optimiser's."""
    from dipole.training.optimizers import defaults_of

    missing = {
        name: value
        for name, value in (Encoder.training_defaults | encoder.training_defaults).items()
        if getattr(config, name) is None
    }
    if missing.get("precision") == "auto":  # settled once: a resumed run computes as it began
        from dipole.encoders.precision import bfloat16_is_faster

        missing["precision"] = "bf16" if bfloat16_is_faster(device().type) else "fp32"
    return config.model_copy(update=missing | defaults_of(config))


def _settle_precision() -> None:
    """Which precision is the faster one is measured by the main process for all."""
    from dipole.encoders.precision import bfloat16_is_faster, settle

    kind = device().type
    if not is_alone():
        settle(kind, together(lambda: bfloat16_is_faster(kind)))
