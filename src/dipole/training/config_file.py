"""Settings as a file: a recipe in yaml, and RUN/config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dipole.errors import InputError
from dipole.files import write_text
from dipole.training.config import Config
from dipole.training.formats import FORMAT, check_format
from dipole.training.yaml_loading import load_yaml


def read_config(path: str | Path) -> dict[str, Any]:
    """The settings a recipe file (yaml) holds."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a recipe in yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}; expected a recipe in yaml") from None
    try:
        settings = load_yaml(text)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f", line {line + 1}" if line is not None else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise InputError(f"{path}{where}: {problem}; expected a recipe in yaml") from None
    if not isinstance(settings, dict):
        found = {"NoneType": "nothing", "list": "a list"}.get(type(settings).__name__, "text")
        raise InputError(f"{path}: found {found}; expected lines of `setting: value`")
    return check_format(settings, path)


def write_config(config: Config, path: Path) -> None:
    """Write the settings that differ from nothing: all of them, in the order of `Config`."""
    write_text(path, yaml.safe_dump({"format": FORMAT} | config.model_dump(), sort_keys=False))
