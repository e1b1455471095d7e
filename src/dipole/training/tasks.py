"""What a training learns: tasks, each of examples of one kind with one objective."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from dipole.data import Examples, Pairs
from dipole.errors import InputError
from dipole.training.around import of_objective
from dipole.training.build import build_objective
from dipole.training.config import Config
from dipole.training.entries import COLUMNS
from dipole.training.examples import check_no_columns, load_examples
from dipole.training.kinds import KINDS, Kind, kind_of
from dipole.training.known import known_settings
from dipole.training.prompts import prompted, roles_in
from dipole.training.samplers import OF_ONE_SOURCE
from dipole.training.sources import Source, of_kind, of_source, sources_of
from dipole.training.steps import Step, make_step
from dipole.training.towers import inputs_of

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder
    from dipole.training.parts import Part
    from dipole.training.rendering import SideView
    from dipole.training.validation import Validation
    from dipole.views.base import View

# Settings that may differ where sources are one task: what they say is in the examples.
_READ = {*COLUMNS, "data", "wants", "by_kind", "validation", "on_bad_row", "resize"}


@dataclass
class Task:
    """Examples of one kind and the objective that learns from them; a batch is of one task.

    config: the settings of a training on this task alone. name: of its sources, "" of the only
    task. share: of the batches; by its size if not given. own: settings that were said for it.
    given: examples or a table in memory that it was read from. is_named: whether the settings name
    its objective. is_mined: whether its examples are still to be mined.
    """

    name: str
    config: Config
    examples: Examples
    objective: nn.Module
    share: float | None = None
    own: frozenset[str] = frozenset()
    given: Any = None
    is_named: bool = True
    is_mined: bool = False
    held: Examples | None = None
    validation: Validation | None = None
    views: Sequence[View] = field(default_factory=list)
    sides: Sequence[SideView] = field(default_factory=list)
    parts: Sequence[Part] = field(default_factory=list)

    def add_prompts(self) -> None:
        """From here on its texts have their prompts."""
        with of_source(self.name):
            self.examples = prompted(self.examples, self.config.prompts)
            if self.held is not None:
                self.held = prompted(self.held, self.config.prompts)

    def settle(self, encoder: Encoder) -> None:
        """Make an objective that the settings name anew: with what the tower and the data know."""
        if not self.is_named:
            return
        objective = build_objective(self.config, known_settings(encoder, self.examples))
        if isinstance(self.objective, Step):
            self.objective.over(objective)
        else:
            self.objective = objective

    @property
    def inputs(self) -> Mapping[str, bool]:
        """The tensors that the objective takes, by name."""
        return inputs_of(self.objective)


def check_prompts(tasks: Sequence[Task]) -> None:
    """No prompt is for a role in which nothing is encoded."""
    for role in {role for task in tasks for role in task.config.prompts}:
        said = [task for task in tasks if role in task.config.prompts]
        if not any(role in roles_in(task.examples) for task in said):
            found = sorted(set().union(*(roles_in(task.examples) for task in said)))
            raise InputError(
                f"prompts: found '{role}', and no column is encoded as a {role}; expected "
                + (" or ".join(found) or "none")
            )


class _Loaded(NamedTuple):
    """A source with its examples and its objective; is_named: by the settings."""

    source: Source
    examples: Examples
    objective: nn.Module
    is_named: bool


def load_tasks(config: Config, data: Any = None, objective: nn.Module | None = None) -> list[Task]:
    """The tasks of a training: of --data (or of `data`), and of its sources.

    Sources of one kind with one objective and no share of their own are one task: their rows meet.
    """
    from dipole.data.named import NAMED

    sources = sources_of(config, data)
    names = [source.name for source in sources if source.given is None]
    if config.split_seed and not any(n in NAMED and NAMED[n].by_chance for n in names):
        raise InputError(
            f"split_seed: found {config.split_seed}, and {config.data} is not split by chance; "
            "expected none"
        )
    loaded: list[list[_Loaded]] = []
    for source in sources:
        with of_source(source.name if len(sources) > 1 else ""):
            own = None if "objective" in source.own else objective
            found = _loaded(source, copy.deepcopy(own) if loaded else own)  # it may remember
        group = next((group for group in loaded if _is_one(group[0], found)), None)
        if group is None:
            loaded.append([found])
        else:
            group.append(found)
    _check_used(config, [source for group in loaded for source, *_ in group], objective)
    if objective is None:
        _check_kinds(config, {kind_of(one.examples) for group in loaded for one in group})
    return [_task(group, alone=len(loaded) == 1) for group in loaded]


def _loaded(source: Source, objective: nn.Module | None) -> _Loaded:
    """A source with its examples and its objective, whichever of the two decides the other."""
    config, is_named = source.config, objective is None
    place = config.data if source.given is None else source.given
    examples = place if isinstance(place, Examples) else None
    if examples is not None:
        check_no_columns(config, "split")
    if config.by_kind and objective is None:
        kind = _named_kind(config) if examples is None else kind_of(examples)
        if kind is None:
            examples = load_examples(config, place, config.split, _any_input(config))
            kind = kind_of(examples)
        config = of_kind(config, kind)
    if objective is None:
        objective = build_objective(config)
    if (step := make_step(config)) is not None:
        objective = step.over(objective)
    if examples is None:
        examples = load_examples(config, place, config.split, inputs_of(objective))
    return _Loaded(source._replace(config=config), examples, objective, is_named)


def _named_kind(config: Config) -> Kind | None:
    """The kind of data that the settings name."""
    if len(config.wants) == 1:
        return config.wants[0]
    if config.label is not None:
        return "labelled"
    if config.score is not None:
        return "graded"
    return "triplets" if config.negative else None


def _any_input(config: Config) -> dict[str, bool]:
    """What any of the objectives by kind of data may take, none of it needed."""
    found: dict[str, bool] = {}
    for kind in KINDS.keys() & config.by_kind:
        found |= dict.fromkeys(inputs_of(build_objective(of_kind(config, kind))), False)
    return found


def _is_one(one: _Loaded, other: _Loaded) -> bool:
    """Whether two sources are one task."""
    (first, examples, *_), (second, others, *_) = one, other
    if type(examples) is not type(others) or first.share or second.share:
        return False
    if "validation" in second.own or second.config.sampler in OF_ONE_SOURCE:
        return False
    if second.config.view and _views(second.config) != _views(first.config):
        return False
    if second.config.mine and isinstance(examples, Pairs):  # each among its own
        return False
    return first.config.model_dump(exclude=_READ) == second.config.model_dump(exclude=_READ)


def _views(config: Config) -> tuple[list[str], dict[str, Any]]:
    return config.view, config.view_options


def _task(group: Sequence[_Loaded], *, alone: bool) -> Task:
    from dipole.data.joining import joined

    source, examples, objective, is_named = group[0]
    names = [source.name for source, *_ in group]
    if len(group) > 1:
        names = [n if n not in names[:i] else f"{n} ({i + 1})" for i, n in enumerate(names)]
        examples = joined([loaded.examples for loaded in group], names)
    return Task(
        name="" if alone else " + ".join(names),
        config=source.config,
        examples=examples,
        objective=objective,
        share=source.share,
        own=frozenset(source.own),
        given=source.given,
        is_named=is_named,
    )


def _check_kinds(config: Config, found: set[Kind]) -> None:
    """Data of some kind that has an objective of its own is there."""
    come = found | ({"pairs"} if "triplets" in found else set())
    if config.by_kind and not come & config.by_kind.keys():
        raise InputError(
            f"by_kind: found objectives for {', '.join(config.by_kind)}, and the data are "
            f"{' and '.join(sorted(found))}; expected data of one of these kinds, or --objective"
        )


def _said_of(config: Config, name: str) -> Any:
    """A setting; of the objective's options those of its own."""
    value = getattr(config, name)
    return of_objective(value) if name == "objective_options" else value


def _check_used(config: Config, sources: Sequence[Source], objective: nn.Module | None) -> None:
    """What was said of the objective holds for some source."""
    if objective is not None or not config.by_kind:
        return
    for name in ("temperature", "objective_options", "step"):
        value, *others = (_said_of(one, name) for one in (config, *(s.config for s in sources)))
        if value and value not in others:
            raise InputError(
                f"{name}: found {value}, and the objectives by kind of data have their own; "
                f"expected by_kind: {{KIND: {{objective: NAME, {name}: ...}}}}"
            )
