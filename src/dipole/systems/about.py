"""All that there is to say of one system: `dipole systems show`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dipole.errors import InputError
from dipole.lookup import close_to
from dipole.systems import files, system
from dipole.systems.catalogue import entry_of, objectives, states
from dipole.systems.parity import parity_lines, tolerance
from dipole.training.config import make_config
from dipole.training.kinds import KINDS, Kind

if TYPE_CHECKING:
    from dipole.systems.base import System
    from dipole.training.recipe import Recipe


def about(id: str) -> dict[str, Any]:
    """What a system is, how to run it, what agrees with the authors' code, its verdict and page.

    Raises:
        InputError: no system of this id, or one that is only planned; suggests the nearest. A
            setting of its recipe that no training has.
    """
    entry = entry_of(id)
    own = system(id) if id in files() else None
    losses = sorted(objectives().get(id, []), key=lambda name: name != id)  # its own name first
    if own is None and not losses:
        raise InputError(f"system: found {id!r}, which is planned and not built yet; {_built(id)}")
    if own is not None and own.recipe is not None:
        make_config(data="FILE", **own.recipe.settings)
    (state,) = states(ids=[id])
    return {
        "id": id,
        "group": entry.group,
        "title": entry.title,
        "paper": own.paper if own is not None else _paper(losses[0]),
        "address": entry.paper,
        "what": _what(own, losses),
        "place": own.place if own is not None else "",
        "objectives": losses,
        "wants": _wants(own.recipe) if own is not None and own.recipe is not None else [],
        "run": _run(id, own, losses),
        "settings": _settings(own),
        "parity": parity_lines(id),
        "tolerance": tolerance(),
        "claim": own.claim.sentence if own is not None and own.claim is not None else "",
        "result": state.result,
        "here": state.here,
        "page": state.page,
    }


def recipe_of(id: str) -> Recipe:
    """The recipe of a system; an InputError says how else it is run."""
    found = about(id)
    recipe = system(id).recipe if id in files() else None
    if recipe is None:
        raise InputError(f"yaml: {id} has no recipe; to run it: {'; '.join(found['run'])}")
    return recipe


def _built(id: str) -> str:
    """The nearest systems that are there."""
    close = close_to(id, {*files(), *objectives()})
    return f"did you mean {' or '.join(map(repr, close))}?" if close else "see dipole systems"


def _what(own: System | None, losses: Sequence[str]) -> str:
    """What a system is, as its file says; without one, as its objective does."""
    if own is not None:
        return inspect.cleandoc(sys.modules[files()[own.id]].__doc__ or "")
    from dipole.objectives.contract.registry import objective_class

    return (inspect.getdoc(objective_class(losses[0])) or "").partition("\n\n")[0]


def _paper(loss: str) -> str:
    from dipole.objectives.contract.registry import objective_class

    return objective_class(loss).paper


def _wants(recipe: Recipe) -> list[dict[str, Any]]:
    """The kinds of data: what is in a row, which columns that are or how they are named."""
    wanted: Sequence[Kind] = recipe.settings.get("wants", ())
    return [
        {
            "kind": kind, "holds": KINDS[kind].holds, "columns": list(KINDS[kind].columns),
            "option": KINDS[kind].option,
        }
        for kind in wanted
    ]  # fmt: skip


def _settings(own: System | None) -> Mapping[str, Any]:
    recipe = own.recipe if own is not None else None
    return {} if recipe is None else {k: v for k, v in recipe.settings.items() if k != "wants"}


def _run(id: str, own: System | None, losses: Sequence[str]) -> list[str]:
    """The commands and the import that do it."""
    lines: list[str] = []
    if own is not None and own.recipe is not None:
        wanted: Sequence[Kind] = own.recipe.settings.get("wants", ()) or ("pairs",)
        lines += dict.fromkeys(
            _command(f"--recipe {id}{_beside(own.recipe.settings, kind)}", kind) for kind in wanted
        )
    if own is not None and own.place:
        module, _, name = own.place.partition(":")
        lines.append(f"from {module} import {name}")
    if not lines and losses:
        model = " --encoder lm:FOLDER" if _is_of_answers(losses[0]) else ""
        lines.append(f"dipole train --objective {losses[0]}{model} --data FILE --out RUN")
    return lines or [f"dipole prove {id}"]


def _is_of_answers(loss: str) -> bool:
    """Whether an objective is one of a language model's answers."""
    from dipole.objectives.contract.registry import objective_class
    from dipole.objectives.preferences.answers import Preference

    return issubclass(objective_class(loss), Preference)


def _beside(settings: Mapping[str, Any], kind: Kind) -> str:
    """What a user has to say beside the data: a model to start from, what an encoder needs, the
    trained tower that is locked, a teacher."""
    words = [f"--encoder-option {name}" for name in _encoder_needs(settings)]
    is_of_layers = "matryoshka.layers" in settings.get("objective_options", {})
    if "encoder" not in settings and ("adapter" in settings or is_of_layers):
        words.append("--encoder FOLDER")
    if _needs_teacher(settings, kind):
        words.append("--part teacher:model=FOLDER")
    return "".join(f" {word}" for word in words)


def _encoder_needs(settings: Mapping[str, Any]) -> list[str]:
    """The options of a recipe's encoder that have no default, and the towers that learn nothing."""
    from dipole.encoders.named_towers import NamedTowers
    from dipole.encoders.registry import encoder_class

    if "encoder" not in settings:
        return []
    cls, options = encoder_class(settings["encoder"]), settings.get("encoder_options", {})
    if issubclass(cls, NamedTowers):
        return [f"{name}=FOLDER" for name in settings.get("locked", ()) if name not in options]
    if "from_columns" in vars(cls):
        return []
    return [
        f"{name}=VALUE"
        for name, parameter in inspect.signature(cls.from_inputs).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
        and name not in options
    ]  # fmt: skip


def _needs_teacher(settings: Mapping[str, Any], kind: Kind) -> bool:
    """Whether the objective needs a teacher that neither the recipe nor the data have."""
    from dipole.training.build import build_objective

    if kind == "lists" or {"parts", "mine", "by_kind", "stages"} & settings.keys():
        return False
    config = make_config(data="FILE", **settings)
    return build_objective(config).inputs().get("teacher_scores", False)


def _command(what: str, kind: Kind) -> str:
    """The command that trains on data of a kind."""
    form = KINDS[kind]
    data = "FOLDER" if "folder" in form.option else "FILE"
    if form.option.startswith("--"):
        several = "COLUMN,COLUMN" if form.of == "Bundles" else "COLUMN"
        marks = {"positive": several}
        data += "".join(f" --{name} {marks.get(name, 'COLUMN')}" for name in form.columns)
    return f"dipole train {what} --data {data} --out RUN"
