"""Recipes: the settings of a method, by the name of a system, from a yaml file, or in Python."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dipole.errors import InputError
from dipole.lookup import find, is_place, nearest, plugins
from dipole.training.around import of_around
from dipole.training.config import Config, make_config
from dipole.training.config_file import read_config

if TYPE_CHECKING:
    from typing import Unpack

    from dipole.training.keywords import RecipeSettings

# Where the recipes that come with dipole are: a room above this one, so looked up by its name.
_SYSTEMS = "dipole.systems"
# Options, and the setting whose they are.
_OPTIONS = {
    name: name.removesuffix("_options") for name in Config.model_fields if name.endswith("_options")
} | {"mine": ""}
# How long a training is: the one that is given replaces both.
LENGTH = ("epochs", "max_steps")


class Recipe:
    """Settings of a training that make a method, without the data: `dipole train --recipe NAME`.

    Settings are those of `dipole train` and of `dipole.fit`; `wants` says which kinds of data the
    method is for. They are checked when a training is made of them.

    Example:
        >>> Recipe(wants=["pairs"], objective="dcl", temperature=0.1).settings["objective"]
        'dcl'
    """

    def __init__(self, **settings: Unpack[RecipeSettings]) -> None:
        self.settings: dict[str, Any] = dict(settings)

    def __repr__(self) -> str:
        return f"Recipe({', '.join(f'{k}={v!r}' for k, v in self.settings.items())})"

    def __or__(self, other: dict[str, Any]) -> Recipe:
        """The recipe with other settings, as an arm of a claim has them.

        Options (`objective_options` ...) are replaced as a whole; `fit(recipe=)` adds to them.
        """
        return Recipe(**(self.settings | other))

    def yaml(self) -> str:
        """The recipe as a file for `--recipe`.

        Example:
            >>> print(Recipe(objective="dcl", temperature=0.1).yaml(), end="")
            objective: dcl
            temperature: 0.1
        """
        return "".join(
            yaml.safe_dump(
                {name: value}, sort_keys=False, allow_unicode=True,
                default_flow_style=None if isinstance(value, list | dict) else False,
            )
            for name, value in self.settings.items()
        )  # fmt: skip


def over(recipe: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a recipe, overridden by those given, in its stages and kinds of data too;
    options of the recipe's own encoder, objective ... are added to its, one by one.

    >>> over({"objective": "dcl", "objective_options": {"weighted": True}},
    ...      {"objective_options": {"sigma": 0.5}})["objective_options"]
    {'weighted': True, 'sigma': 0.5}
    """
    found = {**given, **_kept(recipe, given)}
    if recipe.get("stages") and "stages" not in given:
        found["stages"] = [_in_stage(stage, given) for stage in recipe["stages"]]
        is_of_stages = "mine" not in recipe and any("mine" in stage for stage in recipe["stages"])
        if is_of_stages and "source" not in given.get("mine", {"source": ""}):
            del found["mine"]  # options of what the stages mine, where they belong
    if recipe.get("by_kind") and "by_kind" not in given:
        found["by_kind"] = _by_kind(recipe["by_kind"], given) if "objective" not in given else {}
        options = given.get("objective_options", {})
        of_kinds = [own for own in recipe["by_kind"].values() if isinstance(own, dict)]
        known = {key for own in of_kinds for key in own.get("objective_options", {})}
        if "objective" not in given and options and options.keys() <= known:
            del found["objective_options"]  # they are where they belong
    return found


def _kept(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What still holds of a recipe or of a stage beside what is given."""
    gone = {*given, *(LENGTH if given.keys() & set(LENGTH) else ())}
    found = {name: value for name, value in own.items() if name not in gone}
    for options, whose in _OPTIONS.items():
        if whose in given:  # another's, but for what stands around any objective
            found.pop(options, None)
            if outer := of_around(own.get(options, {})):
                found[options] = {**outer, **given.get(options, {})}
        elif options in own and options in given:
            before = own[options]
            if options == "mine" and "source" in given[options].keys() & before.keys():
                # What another source is told is its own.
                before = before if before["source"] == given[options]["source"] else {}
            found[options] = {**before, **given[options]}
    if "temperature" in given and "objective_options" in found:
        found["objective_options"] = {
            key: value
            for key, value in found["objective_options"].items()
            if key.rpartition(".")[2] != "temperature" or of_around({key: value})
        }
    return found


def _in_stage(stage: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage still says itself: its data in any case."""
    return _kept(stage, given) | ({"data": stage["data"]} if "data" in stage else {})


def _by_kind(by_kind: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by kind of data, with those that are given in the place of those that a kind
    has; an option of the objective where a kind has one of this name."""
    found: dict[str, Any] = {}
    for kind, own in by_kind.items():
        if not isinstance(own, dict):
            found[kind] = own
            continue
        found[kind] = {key: given.get(key, value) for key, value in own.items()}
        if options := own.get("objective_options"):
            named = given.get("objective_options", {})
            found[kind]["objective_options"] = {k: named.get(k, v) for k, v in options.items()}
    return found


def read_recipe(recipe: str | Path | Recipe) -> dict[str, Any]:
    """The settings of a recipe: the name of a system, a yaml file, `file.py:NAME`, or an object.

    Raises:
        InputError: no system and no file of this name; suggests the nearest.

    Example:
        >>> read_recipe("dcl")["objective"]
        'dcl'
    """
    if isinstance(recipe, Recipe):
        return dict(recipe.settings)
    if not isinstance(recipe, str | Path):
        raise InputError(f"recipe: found {recipe!r}; expected a name, a yaml file or a Recipe")
    path = Path(recipe)
    if not path.is_file() and (is_place(str(recipe)) or str(recipe) in plugins("recipe")):
        found: Recipe = find("recipe", str(recipe), {}, instance=Recipe)
        return dict(found.settings)
    if path.suffix == ".py":
        raise InputError(f"recipe: found '{recipe}'; expected {recipe}:NAME, a Recipe in it")
    if path.is_file() or path.suffix:
        settings = read_config(path)
        try:
            make_config(**{"data": "FILE", **settings})
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return settings
    systems = importlib.import_module(_SYSTEMS)
    known: dict[str, Recipe] = systems.recipes()
    if str(recipe) not in known:
        if why := systems.without_recipe(str(recipe)):
            raise InputError(f"recipe: found {str(recipe)!r}, {why}")
        others = "a yaml file or file.py:NAME"
        raise InputError(f"recipe: found no {str(recipe)!r}; {nearest(str(recipe), known, others)}")
    return dict(known[str(recipe)].settings)
