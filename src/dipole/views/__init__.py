"""Views by name: `build_views(["simclr*2"])`; a module is imported when its name is used."""

from __future__ import annotations

import inspect
from typing import Any

from dipole.data.options import check_types
from dipole.errors import InputError
from dipole.lookup import find, nearest
from dipole.views.base import View

# Name -> module:class in this package.
VIEWS = {
    "same": "base:Same",
    "simclr": "image:SimCLR",
    "weak": "image:Weak",
    "strong": "image:Strong",
    "multi-crop": "multi_crop:MultiCrop",
    "word-repetition": "text:WordRepetition",
    "word-deletion": "text:WordDeletion",
    "word-shuffle": "text:WordShuffle",
    "span-deletion": "text:SpanDeletion",
    "token-cutoff": "tokens:TokenCutoff",
    "feature-cutoff": "tokens:FeatureCutoff",
    "position-shuffle": "tokens:PositionShuffle",
    "soft-code": "code:SoftCode",
}

# Parameters that are no setting.
_PLAIN = {"self", "args", "kwargs"}


def view_class(name: str) -> type[View]:
    """The class of a view, by name, as `file.py:Class` or as `module:Class`."""
    found: type[View] = find("view", name, VIEWS, base=View, package=__package__)
    return found


def build_views(names: list[str], **options: Any) -> list[View]:
    """The views of these names; every option goes to the views that have such a setting.

    `"simclr*4"` is four of them. One name alone is drawn twice, unless it gives several
    renderings itself (multi-crop).

    Raises:
        InputError: a name or an option that none has, with the nearest.

    Example:
        >>> len(build_views(["simclr"])), len(build_views(["weak", "strong"]))
        (2, 2)
    """
    counted = [_counted(name) for name in names]
    classes = [view_class(name) for name, _ in counted]
    settings = [set(inspect.signature(cls.__init__).parameters) - _PLAIN for cls in classes]
    for option in options:
        if not any(option in known for known in settings):
            known_ones = sorted(set().union(*settings))
            expected = nearest(option, known_ones) if known_ones else "expected none"
            raise InputError(
                f"view option '{option}': no such setting of {', '.join(names)}; {expected}"
            )
    for cls, known in zip(classes, settings, strict=True):
        own = {name: value for name, value in options.items() if name in known}
        check_types(cls.__init__, own, "view option")
    views = [
        cls(**{k: v for k, v in options.items() if k in known})
        for cls, known, (_, times) in zip(classes, settings, counted, strict=True)
        for _ in range(times or 1)
    ]
    alone = len(counted) == 1 and counted[0][1] is None and views[0].count == 1
    return views * 2 if alone else views


def _counted(name: str) -> tuple[str, int | None]:
    """`"simclr*4"` as a name and how often."""
    base, star, times = name.partition("*")
    if not star:
        return name, None
    if not times.isdigit() or int(times) < 1:
        raise InputError(f"view: found '{name}'; expected NAME or NAME*COUNT, as simclr*4")
    return base, int(times)
