"""Which kind of examples a training wants, and that none of the columns it was given is ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dipole.data import Bundles, Examples, Preferences
from dipole.data.memory import in_memory
from dipole.errors import InputError
from dipole.lookup import is_place
from dipole.training.kinds import KINDS, check_kind, numbers_of

if TYPE_CHECKING:
    from dipole.data import Ranked, Triplets
    from dipole.training.config import Config

# Settings that name a column.
COLUMNS = ("anchor", "positive", "negative", "score", "label")
# What the loaders call those columns.
_OPTIONS = {
    "--input": "--anchor", "--first": "--anchor", "--second": "--positive", "--query": "--anchor",
    "--candidates": "--positive", "--relevance": "--score", "--prompt": "--anchor",
    "--chosen": "--positive", "--rejected": "--negative", "--rating": "--score",
}  # fmt: skip
# One of these is what an objective takes that has a use for listed negatives.
OF_NEGATIVES = frozenset({"negative", "candidates", "logits"})
# What a training has for an objective beside scores and classes, without a teacher or lists.
_ALWAYS = {"anchor", "positive", "views", "rows", "ids"}


def are_one_thing(view: Sequence[str], inputs: Mapping[str, bool]) -> bool:
    """Whether views of the sides of pairs are views of one thing, of either side any number: for an
    objective that takes `views` alone."""
    are_of_sides = any(name.startswith(("anchor=", "positive=")) for name in view)
    return are_of_sides and "views" in inputs and "anchor" not in inputs


def of_sides(view: Sequence[str], *, several: bool = False) -> tuple[dict[str, str], list[str]]:
    """The views of sides of pairs, by side, and those of examples without a partner.

    several: a side may have more than one, of which the last is given.

    >>> of_sides(["anchor=word-deletion", "positive=soft-code"])
    ({'anchor': 'word-deletion', 'positive': 'soft-code'}, [])
    """
    sides: dict[str, str] = {}
    plain: list[str] = []
    for name in view:
        side, _, own = name.partition("=")
        if own and side not in ("anchor", "positive") and not is_place(name):
            raise InputError(f"view: found '{name}'; expected anchor=VIEW or positive=VIEW")
        if not own or side not in ("anchor", "positive"):
            plain.append(name)
        elif side in sides and not several:
            raise InputError(f"view: found two for the {side}; expected one of a side")
        else:
            sides[side] = own
    if sides and plain:
        raise InputError(
            f"view: found {plain[0]} beside {next(iter(sides))}=...; expected a side for each, or "
            "for none"
        )
    return sides, plain


def view_columns(view: Sequence[str]) -> list[str]:
    """The names of the columns that views may make beside those of the data: of sides, and of
    inputs without a partner from the third on."""
    sides, plain = of_sides(view, several=True)
    times = [name.partition("*")[2] for name in plain]
    count = sum(int(n) if n.isdigit() else 1 for n in times)
    return [f"{side}_view" for side in sides] + [f"view_{i}" for i in range(2, count)]


def load_examples(
    config: Config, source: Any, split: str, inputs: Mapping[str, bool] | None = None
) -> Examples:
    """The kind of examples that the settings speak of, or that the objective (its `inputs`) takes.

    Graded pairs or labelled inputs if such a column is named, or if the data are such and the
    objective takes scores or classes; inputs without a partner if there are views, or if the
    objective takes nothing beside them; lists if it needs them; otherwise pairs or triplets.

    Raises:
        InputError: columns that the objective does not take, or that have to be named.
    """
    from dipole.data.columns import ColumnsError

    if inputs is not None:
        check_columns(config, inputs)
    if (held := in_memory(source, split)) is not None:
        source = held
    if isinstance(source, Examples):
        check_no_columns(config)
        return source
    try:
        return _load(config, source, split, inputs or {})
    except InputError as error:
        hint = _hint(error.kind, config) if isinstance(error, ColumnsError) else ""
        raise type(error)(in_options(str(error)) + hint) from None


def in_options(message: str) -> str:
    """A message of the loaders with the options that a training has.

    >>> in_options("expected one (or name it: --input)")
    'expected one (or name it: --anchor)'
    """
    return re.sub(r"(?<=[ (])--[a-z]+\b", lambda o: _OPTIONS.get(o[0], o[0]), message)


def _load(config: Config, source: Any, split: str, inputs: Mapping[str, bool]) -> Examples:
    from dipole.data import (
        load_bundles,
        load_inputs,
        load_labeled,
        load_pairs,
        load_preferences,
        load_ranked,
        load_scored,
    )
    from dipole.data.columns import ColumnsError
    from dipole.data.named import NAMED

    only = config.wants[0] if len(config.wants) == 1 else None  # then nothing is found out
    rows: dict[str, Any] = {"split": split, "on_bad_row": config.on_bad_row}
    inputs_too = rows | {"seed": config.split_seed, "resize": config.resize}
    sized = rows | {"resize": config.resize}
    scored = {"first": config.anchor, "second": config.positive, "score": config.score, **sized}
    labelled = {"input": config.anchor, "label": config.label, **inputs_too}
    labelled["numbers"] = "numbers" in inputs
    if only == "preferences" or (only is None and takes_answers(inputs)):
        if config.resize is not None:
            raise InputError("resize: found preferences, which are texts; expected no --resize")
        if len(config.negative or ()) > 1:
            raise InputError("negative: found several columns; expected one, of rejected answers")
        return load_preferences(
            source,
            prompt=config.anchor,
            chosen=config.positive,
            rejected=config.negative[0] if config.negative else None,
            rating=config.score or config.label,
            **rows,
        )
    if config.label is not None or only in ("labelled", "labelled-images", "numbered"):
        return load_labeled(source, **labelled)
    if only == "modalities":
        others = [name.strip() for name in (config.positive or "").split(",") if name.strip()]
        return load_bundles(source, first=config.anchor, others=others, **sized)
    _, views = of_sides(config.view, several=are_one_thing(config.view, inputs))
    is_alone = bool(views) or takes_anchors_alone(inputs) or _is_labelled(source)
    is_one_sided = config.positive is None and is_alone
    if only in ("texts", "images") or (only is None and is_one_sided):
        return load_inputs(source, input=config.anchor, **inputs_too)
    if only == "lists" or (only is None and _wants_lists(config, inputs)):
        if config.resize is not None:
            raise InputError("resize: found lists of texts; expected images, or no --resize")
        lists: dict[str, Any] = {
            "query": config.anchor,
            "candidates": config.positive,
            "relevance": config.score,
        }
        try:
            return load_ranked(source, **lists, **rows)
        except ColumnsError:
            if only is not None or not _makes_lists(config):
                raise
    if only == "graded" or (only is None and (config.score is not None or inputs.get("scores"))):
        return load_scored(source, **scored)
    if only is None and "lists" in config.by_kind and config.positive is None:
        with suppress(ColumnsError):
            return load_ranked(source, query=config.anchor, **rows)
    is_open = only is None and not (config.positive or config.negative)
    if is_open and "logits" in inputs and not (isinstance(source, str) and source in NAMED):
        with suppress(ColumnsError):
            found = load_ranked(source, query=config.anchor, **rows)
            # Of columns pos and neg the scores are a teacher's: no grades, without one.
            if found.columns or "teacher_scores" in inputs:
                return found
    try:
        return load_pairs(
            source,
            anchor=config.anchor,
            positive=config.positive,
            negative=config.negative,
            seed=config.split_seed,
            **sized,
        )
    except ColumnsError as error:
        if only is not None:
            raise
        if config.negative is None and error.kind == "scored" and "scores" in inputs:
            return load_scored(source, **scored)
        plain = config.negative is None and config.positive is None
        if plain and error.kind == "texts" and "texts" in config.wants:
            return load_inputs(source, input=config.anchor, **inputs_too)
        if plain and error.kind == "labelled" and "labels" in inputs:
            return load_labeled(source, **labelled)
        raise


def check_columns(config: Config, inputs: Mapping[str, bool]) -> None:
    """No column that was named is ignored: by another that was named, by the kind of data that is
    wanted, or by the objective."""
    if config.wants:
        known = {name for kind in config.wants for name in KINDS[kind].columns}
        for name in COLUMNS:
            if getattr(config, name) and name not in known:
                raise InputError(
                    f"{name}: found {getattr(config, name)!r}, and {' or '.join(config.wants)} "
                    f"(--wants) have no {name}; expected none, or other --wants"
                )
    if takes_answers(inputs):
        if config.view:
            raise InputError("view: found one for preferences, which are read as they are")
        return
    for one, others, why in (
        ("label", ("positive", "negative", "score"), "labelled inputs have no partner"),
        ("score", ("negative",), "graded pairs have no negatives beside them"),
        ("view", ("negative", "score"), "views are made of inputs without a partner"),
    ):
        for other in others:
            several = are_one_thing(config.view, inputs)
            plain = of_sides(config.view, several=several)[1]
            is_there = plain if one == "view" else getattr(config, one)
            if is_there and getattr(config, other):
                raise InputError(
                    f"{other}: found beside --{one}, and {why}; expected one of the two"
                )
    lists = _wants_lists(config, inputs)
    if config.negative and lists:
        raise InputError(
            f"negative: {config.objective} takes lists of candidates, its negatives among them; "
            "expected no --negative"
        )
    if config.score is not None and "scores" not in inputs and not lists:
        raise InputError(
            f"score: {config.objective} takes no scores; expected an objective that does, "
            f"{objectives_taking('scores')}, or no --score"
        )
    if config.negative and not OF_NEGATIVES & inputs.keys():
        raise InputError(
            f"negative: {config.objective} takes no hard negatives; expected an objective that "
            f"does, {objectives_taking('negative')}, or no --negative"
        )
    taken = {"labels", "numbers"} & inputs.keys()
    if config.label is not None and not taken and config.sampler != "classes":
        raise InputError(
            f"label: {config.objective} takes no classes; expected an objective that does, "
            f"{objectives_taking('labels')}, or --sampler classes, or no --label"
        )


def check_no_columns(config: Config, *more: str) -> None:
    """Examples that were made already have no columns to name, and none of `more` settings."""
    for name in (*COLUMNS, *more):
        if getattr(config, name) != type(config).model_fields[name].default:
            raise InputError(
                f"{name}: found {getattr(config, name)!r} for examples, which are read already; "
                f"expected no {name}"
            )


def check_examples(config: Config, inputs: Mapping[str, bool], examples: Examples) -> None:
    """The examples are of a kind that is wanted, have what the objective needs, and no scores that
    it would leave out."""
    check_kind(config.wants, examples)
    if takes_answers(inputs) != isinstance(examples, Preferences):
        found = f"{type(examples).__name__} ({examples.origin})"
        if takes_answers(inputs):
            raise InputError(
                f"data: found {found}; {config.objective} needs preferences (columns prompt, "
                "chosen and rejected, or prompt, response and score)"
            )
        raise InputError(
            f"data: found {found}; {config.objective} takes vectors, and not answers of a "
            "language model; expected an objective that does, as dpo"
        )
    if isinstance(examples, Preferences):
        return  # what the objective makes of them is checked with it
    fields, found = examples.FIELDS, f"{type(examples).__name__} ({examples.origin})"
    needed = {name for name, must in inputs.items() if must}
    given = given_by_parts(config)
    teaches = bool(given & {"teacher_scores", "teacher_anchor"})
    are_lists = "logits" in inputs and "negatives" in fields  # `own_lists` makes them
    missing = ""
    if "scores" in needed and "score" not in fields and "scores" not in given:
        missing = "scores; expected graded pairs (--score COLUMN)"
    elif "labels" in needed and "label" not in fields and "labels" not in given:
        missing = "classes; expected labelled inputs (--label COLUMN)"
    elif "numbers" in needed and not is_numbered(examples):
        missing = "labels that are numbers (--label COLUMN)"
    elif "relevance" in needed and not are_lists and "relevance" not in {*fields, *given}:
        missing = (
            "the relevance of candidates; expected lists (columns query, candidates and relevance, "
            "or query, pos and neg)"
        )
    elif "teacher_scores" in needed and "relevance" not in fields and not teaches:
        missing = "a teacher's scores; expected --part teacher:model=MODEL, or lists with scores"
    elif any(n.startswith("teacher_") and n not in {*given, "teacher_scores"} for n in needed):
        missing = (
            "a teacher's vectors; expected --part teacher (kind=ema, frozen or self; model=MODEL)"
        )
    elif "negative" in needed and "negatives" not in fields:
        missing = "hard negatives; expected triplets (--negative COLUMN)"
    elif "logits" in needed and not {"negatives", "candidates", "score"} & {*fields}:
        missing = (
            "others beside each positive, or scores; expected triplets (--negative COLUMN, "
            "dipole mine), lists, or graded pairs (--score COLUMN)"
        )
    if isinstance(examples, Bundles) and "views" not in inputs and len(fields) > 2:
        raise InputError(
            f"data: found {found}, {len(fields)} that belong together, and {config.objective} "
            "takes two; expected an objective that takes any number, as gram, modalities"
        )
    if missing:
        raise InputError(f"data: found {found}; {config.objective} needs {missing}")
    if "score" in fields and "scores" not in inputs:
        raise InputError(
            f"data: found {found}; {config.objective} takes no scores, and not every pair belongs "
            f"together; expected an objective that does, {objectives_taking('scores')}, or pairs"
        )


def is_numbered(examples: Examples) -> bool:
    """Whether every label is a number."""
    return "label" in examples.FIELDS and numbers_of(examples.column("label")) is not None


def unused(inputs: Mapping[str, bool], examples: Examples) -> str:
    """What the data have and the objective leaves out, though nobody named it; "" for nothing."""
    if "negatives" in examples.FIELDS and not OF_NEGATIVES & inputs.keys():
        return "the objective takes no hard negatives: those of the data are not used"
    return ""


def objectives_taking(name: str, *more: str) -> str:
    """The objectives that take this input and otherwise what every training has, or `more`."""
    from dipole.objectives.contract.base import forward_inputs
    from dipole.objectives.contract.registry import OBJECTIVES, objective_class

    found = []
    for objective in OBJECTIVES:
        inputs = forward_inputs(objective_class(objective).forward)
        if name in inputs and {n for n, must in inputs.items() if must} <= _ALWAYS | {name, *more}:
            found.append(objective)
    return ", ".join(found)


def takes_answers(inputs: Mapping[str, bool]) -> bool:
    """Whether an objective is given log-probabilities of answers."""
    return not {"logps", "mean_logps", "token_logps"}.isdisjoint(inputs)


def takes_anchors_alone(inputs: Mapping[str, bool]) -> bool:
    """Whether an objective compares an input with nothing beside it, as `next-token` does.

    >>> takes_anchors_alone({"anchor_logps": True, "anchor_foreseen": True})
    True
    """
    return bool(inputs) and all(name.partition("_")[0] == "anchor" for name in inputs)


def _wants_lists(config: Config, inputs: Mapping[str, bool]) -> bool:
    return wants_lists(inputs) and "teacher_anchor" not in given_by_parts(config)


def _makes_lists(config: Config) -> bool:
    """Whether pairs will do: lists are mined, or are of the batch and scored there."""
    mines = config.mine.get("source", "encoder") != "none" if config.mine else False
    return mines or "teacher_columns" in given_by_parts(config)


def wants_lists(inputs: Mapping[str, bool]) -> bool:
    """Whether an objective compares an anchor's candidates and knows no positive beside them."""
    from dipole.training.parts.lists import takes_lists

    return takes_lists(inputs) and "positive" not in inputs


def own_lists(config: Config, inputs: Mapping[str, bool], examples: Examples) -> Examples:
    """Triplets as lists, the positive and then its negatives: where a teacher that reads pairs
    scores lists, once each and not a whole batch for every anchor; and for objectives of logits."""
    from dipole.data import Triplets

    teaches = "teacher_columns" in given_by_parts(config) and wants_lists(inputs)
    if not isinstance(examples, Triplets) or not (teaches or "logits" in inputs):
        return examples
    return as_lists(examples)


def as_lists(examples: Triplets) -> Ranked:
    """Triplets as lists, the positive first, of relevance 1 and 0."""
    from dipole.data import Ranked

    rows = examples.take(range(len(examples)))
    lists = [[p, *n] for p, n in zip(rows["positive"], rows["negatives"], strict=True)]
    worth = [[1.0, *[0.0] * (len(row) - 1)] for row in lists]
    columns = {"query": rows["anchor"], "candidates": lists, "relevance": worth}
    return Ranked.from_columns(columns, ids=rows["id"], origin=examples.origin)


def given_by_parts(config: Config) -> set[str]:
    """The names of what the parts that the settings name may give."""
    if not config.parts:
        return set()
    from dipole.training.parts.naming import made
    from dipole.training.parts.order import given

    return given(made(config.parts))


def _hint(kind: str, config: Config) -> str:
    """What else would settle what kind of data it is."""
    if kind == "scored":
        return f". {config.objective} takes no scores; these do: {objectives_taking('scores')}"
    if kind == "labelled":
        return (
            f". {config.objective} takes no classes; these do: {objectives_taking('labels')}; or "
            "--view trains on texts alone"
        )
    return ""


def _is_labelled(source: Any) -> bool:
    """Whether a data set has classes, or images, and no pairs."""
    if not isinstance(source, str):
        return False
    from dipole.data.images import is_image_source
    from dipole.data.named import NAMED

    if source in NAMED:
        return NAMED[source].kind == "labeled"
    return is_image_source(source)
