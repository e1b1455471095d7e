"""Towers: inputs -> vectors. Names are loaded where they are first used."""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> the module that defines it.
_NAMES = {
    "ConvImage": "dipole.encoders.conv",
    "Encoder": "dipole.encoders.base",
    "NamedTowers": "dipole.encoders.named_towers",
    "ResNetImage": "dipole.encoders.resnet",
    "ViTImage": "dipole.encoders.vit",
    "fingerprint": "dipole.encoders.base",
    "load_encoder": "dipole.encoders.loading",
    "StaticText": "dipole.encoders.static_text",
    "TransformerText": "dipole.encoders.transformer_text",
    "TwoTowers": "dipole.encoders.two_towers",
    "trusting_code": "dipole.encoders.trust",
}

__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'dipole.encoders' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
