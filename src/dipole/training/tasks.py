"""What a training learns: tasks, each of examples of one kind with one objective."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from dipole.data import Examples
from dipole.errors import InputError
from dipole.training.build import build_objective
from dipole.training.config import Config
from dipole.training.examples import check_no_columns, load_examples
from dipole.training.kinds import KINDS, Kind, kind_of
from dipole.training.known import known_settings
from dipole.training.prompts import prompted
from dipole.training.sources import COLUMNS, Source, of_kind, of_source, sources_of
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
    is_named: the objective is made of the settings.
    """

    name: str
    config: Config
    examples: Examples
    objective: nn.Module
    share: float | None = None
    own: frozenset[str] = frozenset()
    held: Examples | None = None
    is_named: bool = False
    validation: Validation | None = None
    views: Sequence[View] = field(default_factory=list)
    sides: Sequence[SideView] = field(default_factory=list)
    parts: Sequence[Part] = field(default_factory=list)

    def know(self, encoder: Encoder) -> None:
        """Give a named objective what the tower and the data say of its settings."""
        if self.is_named:
            known = known_settings(encoder, self.examples)
            self.objective = objective_of(self.config, build_objective(self.config, known))

    def add_prompts(self) -> None:
        """From here on its texts have their prompts."""
        with of_source(self.name):
            self.examples = prompted(self.examples, self.config.prompts)
            if self.held is not None:
                self.held = prompted(self.held, self.config.prompts)

    @property
    def inputs(self) -> Mapping[str, bool]:
        """The tensors that the objective takes, by name."""
        return inputs_of(self.objective)


def objective_of(config: Config, objective: nn.Module) -> nn.Module:
    """The objective, or the step of one's own around it."""
    from dipole.training.steps import make_step

    step = make_step(config)
    return objective if step is None else step.over(objective)


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
    loaded: list[list[tuple[Source, Examples, nn.Module]]] = []
    for source in sources:
        with of_source(source.name if len(sources) > 1 else ""):
            found = _loaded(source, None if "objective" in source.own else objective)
        group = next((group for group in loaded if _is_one(group[0], found)), None)
        if group is None:
            loaded.append([found])
        else:
            group.append(found)
    _check_used(config, [source for group in loaded for source, *_ in group], objective)
    tasks = []
    for group in loaded:
        is_named = objective is None or "objective" in group[0][0].own
        tasks.append(_task(group, alone=len(loaded) == 1, is_named=is_named))
    for number, task in enumerate(tasks):
        if any(task.objective is other.objective for other in tasks[:number]):
            task.objective = copy.deepcopy(task.objective)  # it may remember its examples
    return tasks


def _loaded(source: Source, objective: nn.Module | None) -> tuple[Source, Examples, nn.Module]:
    """A source with its examples and its objective, whichever of the two decides the other."""
    config = source.config
    examples = source.given if isinstance(source.given, Examples) else None
    place = config.data if source.given is None else source.given  # or a table
    if examples is not None:
        check_no_columns(config)
    if config.by_kind and objective is None:
        kind = _named_kind(config) if examples is None else kind_of(examples)
        if kind is None:
            examples = load_examples(config, place, config.split, _any_input(config))
            kind = kind_of(examples)
        config = of_kind(config, kind)
    objective = objective_of(config, objective or build_objective(config))
    if examples is None:
        examples = load_examples(config, place, config.split, inputs_of(objective))
    return source._replace(config=config), examples, objective


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


def _is_one(
    one: tuple[Source, Examples, nn.Module], other: tuple[Source, Examples, nn.Module]
) -> bool:
    """Whether two sources are one task."""
    (first, examples, _), (second, others, _) = one, other
    if type(examples) is not type(others) or first.share or second.share:
        return False
    if "validation" in second.own or second.config.sampler == "neighbours":  # B3's, of one source
        return False
    return first.config.model_dump(exclude=_READ) == second.config.model_dump(exclude=_READ)


def _task(
    group: Sequence[tuple[Source, Examples, nn.Module]], *, alone: bool, is_named: bool
) -> Task:
    from dipole.data.joining import joined

    source, examples, objective = group[0]
    names = [source.name for source, *_ in group]
    if len(group) > 1:
        names = [n if n not in names[:i] else f"{n} ({i + 1})" for i, n in enumerate(names)]
        examples = joined([examples for _, examples, _ in group], names)
    return Task(
        name="" if alone else " + ".join(names),
        config=source.config,
        examples=examples,
        objective=objective,
        share=source.share,
        own=frozenset(source.own),
        is_named=is_named,
    )


def _check_used(config: Config, sources: Sequence[Source], objective: nn.Module | None) -> None:
    """What was said of the objective holds for some source."""
    if objective is not None or not config.by_kind:
        return
    for name in ("temperature", "objective_options"):
        value = getattr(config, name)
        if value and not any(getattr(source.config, name) == value for source in sources):
            raise InputError(
                f"{name}: found {value}, and the objectives by kind of data have their own; "
                f"expected by_kind: {{KIND: {{objective: NAME, {name}: ...}}}}"
            )
