"""Encoders of one's own: made of inputs, saved with the name of their class, found again by it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from dipole.data.options import check_names, check_types
from dipole.encoders.folder import (
    contents,
    read_json,
    read_weights,
    require,
    write_json,
    write_weights,
)
from dipole.encoders.trust import code_is_trusted
from dipole.errors import InputError, note
from dipole.files import scratch
from dipole.lookup import find, is_loaded, place_of, plugins

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

CONFIG, WEIGHTS = "config.json", "model.safetensors"
# The key of config.json that names the class.
CLASS = "class"
# Classes written inside a function, which no name finds: by their place, once they are saved.
_inside: dict[str, type[Encoder]] = {}


def arguments(cls: type) -> dict[str, inspect.Parameter]:
    """The arguments of a class's constructor by name; of one without a constructor none."""
    found = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p for p in found if p.kind in named and p.name != "self"}


def arguments_of(encoder: Encoder) -> dict[str, Any]:
    """The arguments an encoder was made with, from its attributes of these names."""
    cls = type(encoder)
    for name in arguments(cls):
        if not hasattr(encoder, name):
            raise InputError(
                f"{cls.__name__}: found no attribute '{name}', an argument of its constructor; "
                f"expected self.{name} = {name}, or settings() of its own"
            )
    return {"encoder": cls.__name__} | {name: getattr(encoder, name) for name in arguments(cls)}


def make(
    cls: type[Encoder], queries: Sequence[Any], documents: Sequence[Any], options: dict[str, Any]
) -> Encoder:
    """A new encoder of this class for these inputs; options are checked against its arguments."""
    if "from_columns" in vars(cls):  # whose options are names of its own
        found: Encoder = vars(cls)["from_columns"].__func__(
            cls, {"query": queries, "document": documents}, options
        )
        return found
    if cls.from_inputs.__func__ is _base().from_inputs.__func__:  # type: ignore[attr-defined]
        function: Callable[..., Any] = cls.__init__
        known = arguments(cls)
    else:
        function = cls.from_inputs
        parameters = inspect.signature(function).parameters
        known = {n: p for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    check_names(options, known, "encoder option")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in options:
            raise InputError(
                f"encoder option '{name}': missing; expected --encoder-option {name}=VALUE"
            )
    check_types(function, options, "encoder option")
    return cls.from_inputs(queries, documents, **options)


def write_encoder(encoder: Encoder, folder: str | Path) -> None:
    """config.json with the settings and the class, model.safetensors with the weights."""
    settings = encoder.settings()
    try:
        json.dumps(settings)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{type(encoder).__name__}: settings are no json ({error}); expected numbers, texts, "
            "lists and dicts"
        ) from None
    write_json(Path(folder) / CONFIG, settings)
    write_weights(Path(folder) / WEIGHTS, encoder.weights())
    name_class(encoder, folder)


def read_encoder(cls: type[Encoder], folder: str | Path) -> Any:
    """What `write_encoder` wrote, by the constructor and `load_state_dict`."""
    folder = Path(folder)
    config = dict(read_json(require(folder, CONFIG)))
    config.pop(CLASS, None)
    if "encoder" not in arguments(cls):
        config.pop("encoder", None)
    weights = read_weights(require(folder, WEIGHTS))
    try:
        encoder = cls(**config)
        encoder.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError, LookupError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{folder}: not a saved {cls.__name__} ({reason}); it holds {contents(folder)}"
        ) from None
    return encoder.eval()


def save_encoder(encoder: Encoder, folder: str | Path) -> None:
    """Save an encoder so that `load_encoder` finds its class, however it saves itself."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    encoder.save(folder)
    name_class(encoder, folder)


def name_class(encoder: Encoder, folder: str | Path) -> None:
    """Write into config.json which class reads the folder, if it is none of dipole's."""
    cls, path = type(encoder), Path(folder) / CONFIG
    if is_ours(cls):
        return
    config = read_json(path) if path.is_file() else {}
    place = place_of(cls)
    if "<locals>" in place:
        _inside[place] = cls
    if isinstance(config, dict) and config.get(CLASS) != place:
        write_json(path, {CLASS: place} | config | {CLASS: place})


def is_ours(cls: type[Encoder]) -> bool:
    """Whether a class is one of dipole's, which config.json names by "encoder"."""
    return cls.__module__.startswith("dipole.encoders.")


def class_at(place: str, named_by: Path) -> type[Encoder]:
    """The class that a folder names. Code that was not loaded yet runs only if it is trusted."""
    if place in _inside:
        return _inside[place]
    installed = {f"{point.module}:{point.attr}" for point in plugins("encoder").values()}
    is_known = place.startswith("dipole.") or place in installed or is_loaded(place)
    if not is_known and not code_is_trusted():
        raise InputError(
            f"{named_by}: its class is {place}, code that is not dipole's; expected --trust-code "
            "(load_encoder(..., trust_code=True)), if you trust whoever wrote it"
        )
    try:
        found: type[Encoder] = find("class", place, {}, base=_base())
    except InputError as error:
        name = place.rpartition(":")[2].rpartition(".")[2]
        if _is_of_a_session(place):
            raise InputError(
                f"{named_by}: its class {name} was written in a session or in a function; expected "
                f"{name}.load(folder), or a model trained with the class in a file"
            ) from None
        raise InputError(f"{named_by}: {error}") from None
    return found


def check_saves(encoder: Encoder, folder: Path) -> None:
    """Save an encoder that is not dipole's and load it again, before time is spent on training it.

    Raises:
        InputError: it cannot be saved or loaded, or another one comes back; says what differs.
    """
    from dipole.encoders.loading import load_encoder

    own = [m for m in encoder.modules() if isinstance(m, _base()) and not is_ours(type(m))]
    if not own:
        return
    name = type(own[0]).__name__
    if _is_of_a_session(place_of(type(own[0]))):
        note(
            f"encoder: {name} is written in a session or in a function: another process can load "
            f"the model only as {name}.load(folder); a class in a file is found by itself"
        )
    with scratch(folder) as place, torch.random.fork_rng(devices=[]):
        try:
            save_encoder(encoder, place)
            again = load_encoder(place)
        except Exception as error:
            said = " ".join(str(error).replace(f"{place}/", "").replace(str(place), name).split())
            raise InputError(
                f"encoder: {name} cannot be saved and loaded again: {said or type(error).__name__}"
            ) from error
    for what, before, after in (
        ("setting", encoder.settings(), again.settings()),
        ("weight", encoder.weights(), again.weights()),
    ):
        if (other := _differing(before, after)) is not None:
            raise InputError(
                f"encoder: {name} is saved, and loaded again its {what} '{other}' is another; "
                "expected save and load to keep it"
            )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
            is_same = one.shape == other.shape and torch.equal(one.cpu(), other.cpu())
        else:
            is_same = json.dumps(one) == json.dumps(other)
        if not is_same:
            return name
    return None


def _is_of_a_session(place: str) -> bool:
    return place.startswith("__main__:") or "<locals>" in place


def _base() -> type[Encoder]:
    from dipole.encoders.base import Encoder

    return Encoder
