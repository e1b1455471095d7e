"""Tasks from their data to the first step: checked, held out, mined, with views and parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.data import Examples
from dipole.showing import counted, say
from dipole.training.answers import check_answers
from dipole.training.build import (
    build_parts,
    build_side_views,
    build_views,
    load_validation,
    parts_by_task,
)
from dipole.training.examples import check_examples, own_lists, unused
from dipole.training.kinds import check_kind
from dipole.training.learnable import check_learnable
from dipole.training.mined import check_mine, mined, takes_mined
from dipole.training.own_measure import own_validation
from dipole.training.run.processes import is_main
from dipole.training.sources import of_source
from dipole.training.validation import (
    can_be_measured,
    foreseen_validation,
    is_foreseen,
    is_judged,
    judge_validation,
    make_validation,
)

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder
    from dipole.training.tasks import Task


def check_tasks(tasks: Sequence[Task], validation: Any, *, show_progress: bool) -> list[str]:
    """What may keep tasks from learning, a line each; their validations are held out.

    validation: what `fit` was given for the first. Raises InputError where one cannot be trained.
    """
    notes: list[str] = []
    _choose_mined(tasks)
    for task in tasks:
        with of_source(task.name):
            if task.is_mined:  # what is mined is checked when it is there
                check_kind(task.config.wants, task.examples)
            else:
                check_examples(task.config, task.inputs, task.examples)
                check_answers(task.objective, task.examples)
            if task is tasks[0]:
                _hold_out(task, validation)
            elif "validation" in task.own or can_be_measured(task.examples):
                _hold_out(task, None)
            if show_progress and is_main():
                _announce(task)
            if not task.is_mined:
                notes += check_learnable(task.config, task.examples, task.inputs)
    return notes


def complete_tasks(
    tasks: Sequence[Task], encoder: Encoder, folder: Path, *, show_progress: bool
) -> list[str]:
    """Give tasks what needs the encoder: settings that it knows, and examples that are mined."""
    notes: list[str] = []
    for number, task in enumerate(tasks):
        with of_source(task.name):
            task.settle(encoder)
            if task.is_mined:
                task.examples = mined(
                    task.config, task.inputs, task.examples, encoder, folder, number,
                    show_progress=show_progress,
                )  # fmt: skip
                any_kind = task.config.model_copy(update={"wants": []})
                check_examples(any_kind, task.inputs, task.examples)
                check_answers(task.objective, task.examples)
                notes += check_learnable(task.config, task.examples, task.inputs)
            task.examples = own_lists(task.config, task.inputs, task.examples)
    return notes


def build_tasks(tasks: Sequence[Task], encoder: Encoder, *, show_progress: bool) -> None:
    """Give tasks their views, parts and measures."""
    for task, named in zip(tasks, parts_by_task(tasks), strict=True):
        with of_source(task.name):
            config = task.config.model_copy(update={"parts": named})
            task.parts = build_parts(
                config, encoder, task.examples, task.objective, show_progress=show_progress
            )
            task.views = build_views(config, task.examples, task.inputs, task.parts)
            task.sides = build_side_views(config, task.examples, task.inputs, task.parts)
            if task.held is not None and config.validation_measure is not None:
                task.validation = own_validation(config.validation_measure, task.held)
            elif task.held is not None and is_foreseen(encoder, task.held):
                task.validation = foreseen_validation(task.held)
            elif task.held is not None and is_judged(encoder, task.held):
                task.validation = judge_validation(task.held)
            elif task.held is not None:
                task.validation = make_validation(task.held, task.examples, task.parts)


def note(line: str) -> None:
    """Say a line, if there is one."""
    if line:
        say(line, error=True)


def _choose_mined(tasks: Sequence[Task]) -> None:
    """Which tasks are mined for: of several those that have a use for it and those for which it
    was said; where none has, the first, which refuses it."""
    chosen = [
        len(tasks) == 1
        or "mine" in task.own
        or takes_mined(task.config, task.inputs, task.examples)
        for task in tasks
    ]
    for task, is_chosen in zip(tasks, chosen, strict=True):
        with of_source(task.name):
            if is_chosen or (task is tasks[0] and not any(chosen)):
                task.is_mined = check_mine(task.config, task.inputs, task.examples)


def _hold_out(task: Task, validation: Any) -> None:
    if isinstance(validation, Examples):
        task.held = validation
        return
    asked = None if isinstance(validation, (int, float)) else validation
    task.examples, task.held = load_validation(
        task.config, task.examples, task.inputs, data=task.given, validation=asked
    )


def _announce(task: Task) -> None:
    """Which rows and columns were taken, and what was left out: it may not be what was meant."""
    for purpose, examples in (("training", task.examples), ("validation", task.held)):
        if examples is None:
            continue
        note(f"{purpose}: {counted(len(examples), 'example')} from {examples.origin}")
        if examples.skipped:
            first = examples.skipped.messages[0]
            note(f"skipped {counted(examples.skipped.count, 'row')}; the first: {first}")
    note(unused(task.inputs, task.examples))
