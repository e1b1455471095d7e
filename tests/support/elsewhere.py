"""A machine whose tensors are all on a GPU, pretended on the CPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_OURS = f"{os.sep}dipole{os.sep}"
# What these make belongs to draws, and stays on the CPU with them.
_ON_CPU = (os.path.join("views", "image.py"), os.path.join("views", "mixup.py"))
_NAMES = ("arange", "empty", "eye", "full", "linspace", "ones", "tensor", "zeros")
_FACTORIES = frozenset(getattr(torch, name) for name in _NAMES)


class Elsewhere(TorchFunctionMode):
    """Tensors that are made without a `device` have no values: on the device `meta`.

    With a GPU they would be on the CPU, away from all others. Here those others are on the CPU, so
    that their values can be looked at, and to meet one of these is the same mistake. Random numbers
    are left out: they are drawn on the CPU, to be the same on every device. So is what a library
    makes by itself.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        place = sys._getframe(1).f_code.co_filename
        is_ours = _OURS in place and not place.endswith(_ON_CPU)
        if is_ours and func in _FACTORIES and kwargs.get("device") is None:
            kwargs = kwargs | {"device": "meta"}
        return func(*args, **kwargs)
