"""Writes `dipole/training/keywords.py` from the settings: `python -m dipole.training.document`."""

from __future__ import annotations

from pathlib import Path

from dipole.training.config import Config

# Arguments of `fit` by themselves.
_OWN = ("data", "encoder", "objective", "validation")


def keywords() -> str:
    """The settings as a type of keyword arguments: `fit(ouut=3)` is an error to a type checker."""
    annotations = {name: str(text) for name, text in Config.__annotations__.items()}
    fields = [(name, annotations[name]) for name in Config.model_fields]
    shared = [f"    {name}: {text}" for name, text in fields if name not in _OWN]
    own = [f"    {name}: {text}" for name, text in fields if name in _OWN]
    return "\n".join([
        '"""The settings of a training as keyword arguments, for type checkers.',
        "",
        "Written by `python -m dipole.training.document`; do not edit.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Callable",
        "from typing import Any, Literal, TypedDict",
        "",
        "from dipole.training.config import Tracker",
        "from dipole.training.kinds import Kind",
        "from dipole.training.schedule import Schedule",
        "",
        "",
        "class FitSettings(TypedDict, total=False):",
        '    """What `fit` takes beside its own arguments."""',
        "",
        *shared,
        "",
        "",
        "class RecipeSettings(FitSettings, total=False):",
        '    """What a recipe may say."""',
        "",
        *own,
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    Path(__file__).with_name("keywords.py").write_text(keywords(), encoding="utf-8")
