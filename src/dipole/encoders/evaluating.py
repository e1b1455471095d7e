"""A module in eval mode while the module itself stays as it is: for callers in other threads."""

from __future__ import annotations

from collections import OrderedDict
from types import MethodType
from typing import Any, TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)

# Attributes of a part that hold its numbers: shared, also when they are moved or replaced.
_SHARED = ("_parameters", "_buffers")
_HOLDERS = (list, tuple, dict)


def evaluating(module: M) -> M:
    """A twin of a module: the same weights and buffers, now and later, in eval mode.

    Dropout, batch normalisation and whatever else asks `self.training` of a module, foreign ones
    too, asks the twin's. `module.eval()` for the time of a call would take a training in another
    thread with it, and the `train()` of that thread the call. Only the structure is made anew:
    about a millisecond for a transformer of 12 layers.
    """
    twins: dict[int, Any] = {}
    for part in module.modules():
        twins[id(part)] = part.__class__.__new__(part.__class__)
    for part in module.modules():
        own = twins[id(part)].__dict__
        own.update(part.__dict__)
        own["training"] = False
        for name, value in part.__dict__.items():
            kind = type(value)
            if kind is OrderedDict:  # hooks: one that is put on the twin is not on the module
                own[name] = value.copy()
            elif kind is MethodType or (kind in _HOLDERS and value and name not in _SHARED):
                own[name] = _translated(value, twins)
    found: M = twins[id(module)]
    return found


def _translated(value: Any, twins: dict[int, Any]) -> Any:
    """What is, holds or is bound to a part of the module, with the twin's in its place."""
    if isinstance(value, nn.Module):
        return twins.get(id(value), value)
    if isinstance(value, MethodType):
        owner = twins.get(id(value.__self__))
        return value if owner is None else MethodType(value.__func__, owner)
    if type(value) is dict:
        items = list(value.values())
        if any(isinstance(item, nn.Module | MethodType) for item in items):
            return {key: _translated(item, twins) for key, item in value.items()}
    elif type(value) in _HOLDERS and any(isinstance(i, nn.Module | MethodType) for i in value):
        return type(value)(_translated(item, twins) for item in value)
    return value
