"""Encoders of one's own: saved as their arguments and weights, with the name of their class."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.encoders.folder import (
    contents,
    read_json,
    read_weights,
    require,
    write_json,
    write_weights,
)
from dipole.errors import InputError
from dipole.lookup import place_of

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

CONFIG, WEIGHTS = "config.json", "model.safetensors"
# The key of config.json that names the class.
CLASS = "class"
# Classes written inside a function, which no name finds: by their place, once they are saved.
INSIDE: dict[str, type[Encoder]] = {}


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
        INSIDE[place] = cls
    if isinstance(config, dict) and config.get(CLASS) != place:
        write_json(path, {CLASS: place} | config | {CLASS: place})


def is_ours(cls: type[Encoder]) -> bool:
    """Whether a class is one of dipole's, which say themselves how config.json names them."""
    return cls.__module__.startswith(("dipole.encoders.", "dipole.language."))


def is_of_a_session(place: str) -> bool:
    """Whether a class was written in a session or a function, where no other process finds it."""
    return place.startswith("__main__:") or "<locals>" in place
