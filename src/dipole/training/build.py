"""From settings to what a run is made of: examples, views, encoder, objective, parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.data import Examples, Pairs
from dipole.data.bundles import Bundles
from dipole.data.functions import is_function
from dipole.data.inputs import modality
from dipole.data.memory import is_table
from dipole.encoders.base import SIDES, Encoder
from dipole.errors import InputError
from dipole.training.around import around, of_objective
from dipole.training.batches import ENCODED, LISTS, UNIQUE, VIEWED, encoded_fields
from dipole.training.config import Config
from dipole.training.examples import (
    are_one_thing,
    load_examples,
    of_sides,
    takes_anchors_alone,
    view_columns,
)
from dipole.training.known import completed
from dipole.training.run.seeding import seed_step

if TYPE_CHECKING:
    from torch import nn

    from dipole.objectives.contract.base import Objective
    from dipole.training.parts import Part
    from dipole.training.rendering import SideView
    from dipole.training.tasks import Task
    from dipole.views.base import View


def build_views(
    config: Config, examples: Examples, inputs: Mapping[str, bool], parts: Sequence[Part] = ()
) -> list[View]:
    """The views of examples without a partner: those named, or the inputs as they are, twice, or
    once where nothing is compared with them."""
    from dipole.training.rendering import view_name
    from dipole.views import build_views

    if are_one_thing(config.view, inputs):
        return _views_of_sides(config, examples)
    sides, plain = of_sides(config.view)
    if not any(field in examples.FIELDS for field in VIEWED):
        if plain:
            raise InputError(
                f"view: found {type(examples).__name__}, whose positives are given; expected "
                "inputs without a partner: no --positive; or the view of a side, as "
                f"anchor={plain[0]}"
            )
        return []
    if sides:
        raise InputError(
            f"view: found {next(iter(sides))}={next(iter(sides.values()))} for "
            f"{type(examples).__name__}, which have no sides; expected pairs, or the name alone"
        )
    taken = set(inputs).union(*(part.taken() for part in parts))
    default = ["same*1"] if takes_anchors_alone(dict.fromkeys(taken, True)) else ["same"]
    views = build_views(config.view or default, **config.view_options)
    count = sum(view.count for view in views)
    if count > 2 and not {"views", view_name(count - 1)} & taken:
        raise InputError(
            f"view: found {count} views, and the objective takes two; expected one that takes "
            "any number, as mv-infonce, mv-dhel, poly-view, supcon"
        )
    return views


def _views_of_sides(config: Config, examples: Examples) -> list[View]:
    """Views of anchors, then of positives; each knows of which it is."""
    from dipole.views import build_views

    if not isinstance(examples, Pairs):
        raise InputError(
            f"view: found views of two sides for {type(examples).__name__}; expected pairs"
        )
    of_sides(config.view, several=True)  # none without a side
    views: list[View] = []
    split = [name.partition("=") for name in config.view]
    for side in UNIQUE:
        names = [name if "*" in name else f"{name}*1" for own, _, name in split if own == side]
        if not names:
            raise InputError(f"view: found none of the {side}s; expected {side}=VIEW too")
        made = build_views(names, **config.view_options)
        if any(view.count > 1 for view in made):
            raise InputError(f"view: found several renderings in one for {side}; expected one")
        for view in made:
            view.of_side = side
        views += made
    return views


def build_side_views(
    config: Config, examples: Examples, inputs: Mapping[str, bool], parts: Sequence[Part]
) -> list[SideView]:
    """The views of sides of pairs: beside the data's column as `anchor_view` where the objective or
    a part takes that, or a teacher's vectors of it; else in its place."""
    from dipole.training.rendering import SideView
    from dipole.views import build_views

    if are_one_thing(config.view, inputs):
        return []  # `build_views` makes them
    sides, _ = of_sides(config.view)
    fields = (field for field in examples.FIELDS if field in ENCODED and field not in LISTS)
    there = {ENCODED[field][0] for field in fields}
    found = []
    taken = set(inputs).union(*(part.taken() for part in parts))
    for side, name in sides.items():
        if side not in there:
            raise InputError(f"view: found {side}={name}, and the data have no {side} of each row")
        others = {f"{other}." for other in sides if other != side}
        options = {
            key.removeprefix(f"{side}."): value
            for key, value in config.view_options.items()
            if not key.startswith(tuple(others))
        }
        (view, *more) = build_views([f"{name}*1" if "*" not in name else name], **options)
        if more or view.count > 1:
            raise InputError(f"view: found several for the {side} ({name}); expected one of a side")
        column = f"{side}_view"
        is_beside = any(one == column or one.endswith(f"_{column}") for one in taken)
        found.append(SideView(side, column if is_beside else side, view))
    return found


def build_parts(
    config: Config,
    encoder: Encoder,
    examples: Examples,
    objective: nn.Module,
    *,
    show_progress: bool = False,
) -> list[Part]:
    """The parts that the settings name and the objective brings along, in their order."""
    from dipole.objectives.contract.given import roles_of
    from dipole.training.parts.base import Setup
    from dipole.training.parts.naming import made
    from dipole.training.parts.order import bound
    from dipole.training.towers import inputs_of

    setup = Setup(
        encoder,
        examples,
        inputs_of(objective),
        roles=roles_of(objective),
        views=view_columns(config.view),
        objective=objective,
        seed=config.seed,
        show_progress=show_progress,
    )
    return bound(made(config.parts), setup)


def parts_by_task(tasks: Sequence[Task]) -> list[list[Any]]:
    """Of the parts of a training those that each task has a use for; one that has none in any is
    left to the first, which refuses it. A task whose parts were said for it has these."""
    from dipole.training.parts.naming import made
    from dipole.training.parts.order import useful

    if len(tasks) == 1:
        return [tasks[0].config.parts]
    kept = []
    for task in tasks:
        named = task.config.parts
        parts = made(named)
        found = useful(parts, task.inputs, task.examples, view_columns(task.config.view))
        use = ["parts" in task.own or part in found for part in parts]
        kept.append([entry for entry, used in zip(named, use, strict=True) if used])
    for place, entry in enumerate(tasks[0].config.parts):
        if not any(entry in found for found in kept):
            kept[0].insert(place, entry)
    return kept


def load_validation(
    config: Config,
    examples: Examples,
    inputs: Mapping[str, bool] | None = None,
    *,
    data: Any = None,
    validation: Any = None,
) -> tuple[Examples, Examples | None]:
    """(training, validation) examples: a fraction held out, a file, another split, or a table.

    `inputs` are the objective's, which decide the kind of examples as they do in training; `data`
    and `validation` are what `fit` was given, where these are tables in memory.
    """
    from dipole.data.parted import has_splits
    from dipole.training.splitting import hold_out

    if is_table(validation):
        part = config.split if has_splits(validation) else "all"
        return examples, load_examples(config, validation, part, inputs)
    if config.validation is None:
        return examples, None
    source = data if is_table(data) else config.data
    try:
        fraction = float(config.validation)
    except ValueError:
        if Path(config.validation).exists() or is_function(config.validation):
            part = config.split if has_splits(config.validation) else "all"
            return examples, load_examples(config, config.validation, part, inputs)
        if not has_splits(source):
            what = "a file" if Path(config.data).is_file() else "a folder"
            what = _held_kind(source) or what
            raise InputError(
                f"validation: found no file {config.validation}, and {config.data} is {what}, "
                "which has no splits; expected a file or a fraction between 0 and 1"
            ) from None
        return examples, load_examples(config, source, config.validation, inputs)
    if not 0 < fraction < 1:
        raise InputError(
            f"validation: {fraction}; expected a fraction between 0 and 1, a file or a split"
        )
    return hold_out(examples, fraction)


def _held_kind(source: Any) -> str:
    return "a function" if is_function(source) else "a table" if is_table(source) else ""


def build_encoder(config: Config, *examples: Examples, kept: Path | None = None) -> Encoder:
    """The encoder of this name made for the examples, or a saved one; drawn from the run's seed.

    kept: a folder with the encoder that was made of the examples the run had before.
    """
    from dipole.encoders.loading import load_encoder
    from dipole.encoders.registry import encoder_class, is_made, is_own, make_encoder

    seed_step(config.seed, 0)
    if kept is not None:
        if is_own(config.encoder):
            encoder_class(config.encoder)  # it is named by the run's settings, not by `kept` alone
        return load_encoder(kept)
    made = encoder_class(config.encoder) if is_made(config.encoder) else None
    if made is not None and made.by_column:
        encoder = made.from_columns(
            columns_of(*examples), config.encoder_options, _names(examples[0])
        )
    else:
        each = [sides(part) for part in examples]
        queries, documents = each[0]
        if len(each) > 1:
            queries, documents = (list(chain(*side)) for side in zip(*each, strict=True))
        encoder = make_encoder(config.encoder, queries, documents, **config.encoder_options)
    if config.adapter is None:
        return encoder
    source = config.encoder if made is None else None
    return encoder.adapted(config.adapter, source, config.adapter_options)


def is_made_of_data(name: str) -> bool:
    """Whether an encoder is made of the examples: made of others it would be another one."""
    from dipole.encoders.registry import is_own

    return name in ("static", "two-towers", "towers") or is_own(name)


def of_what(*examples: Examples) -> str:
    """What the inputs of examples are, in words."""
    columns = [column for part in examples for column in columns_of(part).values()]
    kinds = {modality(column[0]) for column in columns if len(column)}
    return " and ".join(f"{kind}s" for kind in sorted(kinds) if kind)


def columns_of(*examples: Examples) -> dict[str, Sequence[Any]]:
    """The inputs by the role of each, of all examples: both sides, or the columns of bundles."""
    found: dict[str, list[Sequence[Any]]] = {}
    for part in examples:
        roles = part.FIELDS if isinstance(part, Bundles) else SIDES
        columns = map(part.column, part.FIELDS) if isinstance(part, Bundles) else sides(part)
        for role, column in zip(roles, columns, strict=True):
            found.setdefault(role, []).append(column)
    return {role: each[0] if len(each) == 1 else list(chain(*each)) for role, each in found.items()}


def _names(examples: Examples) -> dict[str, str]:
    """Role -> the column it is read from, where the data have columns of their own."""
    fields = [field for field in examples.FIELDS if field in (*ENCODED, *VIEWED)]
    return {
        role: examples.columns[field]
        for role, field in zip(SIDES, fields[:2], strict=False)
        if field in examples.columns
    }


def sides(examples: Examples) -> tuple[Sequence[Any], Sequence[Any]]:
    """The inputs of the query side and of the document side; where there is one, it is both."""
    fields = encoded_fields(examples)
    query, document = examples.column(fields[0]), examples.column(fields[:2][-1])
    if fields[:2][-1] in LISTS:
        return query, [text for texts in document for text in texts]
    return query, document


def build_objective(config: Config, known: Mapping[str, Any] | None = None) -> Objective:
    """The objective by its name and options, or the sum of several.

    known: what the tower and the data say of settings (`known_settings`): once there are any.
    """
    from dipole.training.combining import build_sum

    seed_step(config.seed, 0)
    options = dict(config.objective_options)
    if config.temperature is not None:
        if "temperature" in options:
            raise InputError(
                f"temperature: found {config.temperature}, and {options['temperature']} in "
                "objective_options; expected one of the two"
            )
        options["temperature"] = config.temperature
    own = completed(config.objective, of_objective(options), known)
    objective = build_sum(config.objective, config.combine, own)
    return around(objective, config.matryoshka, options)
