"""Whether an encoder of one's own comes back as it was saved, asked before it is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dipole.encoders.base import Encoder
from dipole.encoders.loading import load_encoder
from dipole.encoders.own import is_of_a_session, is_ours, save_encoder
from dipole.errors import InputError, note
from dipole.files import scratch
from dipole.lookup import place_of


def check_saves(encoder: Encoder, folder: Path) -> None:
    """Save an encoder that is not dipole's and load it again, before time is spent on training it.

    Raises:
        InputError: it cannot be saved or loaded, or another one comes back; says what differs.
    """
    own = [m for m in encoder.modules() if isinstance(m, Encoder) and not is_ours(type(m))]
    if not own:
        return
    name = type(own[0]).__name__
    if is_of_a_session(place_of(type(own[0]))):
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
