"""Views by name: `build_views(["simclr", "simclr"])`; a module is imported when its name is used."""

from __future__ import annotations

import difflib
import importlib
import inspect
from typing import Any

from dipole.errors import InputError
from dipole.views.base import View

# Name -> module:class in this package; "module:class" of anyone's is a name too.
VIEWS = {"same": "base:Same"}


def view_class(name: str) -> type[View]:
    """The class of a view, by name or as `module:class`."""
    if ":" not in name and name not in VIEWS:
        close = difflib.get_close_matches(name, VIEWS, n=1) or ["one of " + ", ".join(VIEWS)]
        raise InputError(f"view: found '{name}'; expected {close[0]}")
    module, _, attribute = VIEWS.get(name, name).partition(":")
    try:
        place = f"{__package__}.{module}" if name in VIEWS else module
        found: type[View] = getattr(importlib.import_module(place), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"view: found '{name}'; expected module:class ({error})") from error
    return found


def build_views(names: list[str], **options: Any) -> list[View]:
    """One view per name; every option goes to the views that have such a setting."""
    classes = [view_class(name) for name in names]
    settings = [set(inspect.signature(cls.__init__).parameters) for cls in classes]
    for option in options:
        if not any(option in known for known in settings):
            expected = ", ".join(sorted(set().union(*settings) - {"self", "args", "kwargs"}))
            raise InputError(
                f"view option '{option}': no such setting of {', '.join(names)}; "
                f"expected one of {expected or 'none: it has no settings'}"
            )
    return [
        cls(**{k: v for k, v in options.items() if k in known})
        for cls, known in zip(classes, settings, strict=True)
    ]
