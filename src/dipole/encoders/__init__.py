"""Towers: inputs -> vectors. Names are loaded where they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder, fingerprint
    from dipole.encoders.conv import ConvImage
    from dipole.encoders.cross_text import CrossText
    from dipole.encoders.distilling import distill
    from dipole.encoders.encoding import encode_file
    from dipole.encoders.loading import load_encoder
    from dipole.encoders.multi_vector_text import MultiVectorText
    from dipole.encoders.named_towers import NamedTowers
    from dipole.encoders.pretrained_image import PretrainedImage
    from dipole.encoders.resnet import ResNetImage
    from dipole.encoders.sparse_text import SparseText
    from dipole.encoders.static_text import StaticText
    from dipole.encoders.transformer_text import TransformerText
    from dipole.encoders.trust import trusting_code
    from dipole.encoders.two_towers import TwoTowers
    from dipole.encoders.vit import ViTImage

# Public name -> the module that defines it.
_NAMES = {
    "ConvImage": "dipole.encoders.conv",
    "CrossText": "dipole.encoders.cross_text",
    "Encoder": "dipole.encoders.base",
    "distill": "dipole.encoders.distilling",
    "encode_file": "dipole.encoders.encoding",
    "MultiVectorText": "dipole.encoders.multi_vector_text",
    "NamedTowers": "dipole.encoders.named_towers",
    "PretrainedImage": "dipole.encoders.pretrained_image",
    "ResNetImage": "dipole.encoders.resnet",
    "ViTImage": "dipole.encoders.vit",
    "fingerprint": "dipole.encoders.base",
    "load_encoder": "dipole.encoders.loading",
    "SparseText": "dipole.encoders.sparse_text",
    "StaticText": "dipole.encoders.static_text",
    "TransformerText": "dipole.encoders.transformer_text",
    "TwoTowers": "dipole.encoders.two_towers",
    "trusting_code": "dipole.encoders.trust",
}

__all__ = [
    "ConvImage",
    "CrossText",
    "Encoder",
    "MultiVectorText",
    "NamedTowers",
    "PretrainedImage",
    "ResNetImage",
    "SparseText",
    "StaticText",
    "TransformerText",
    "TwoTowers",
    "ViTImage",
    "distill",
    "encode_file",
    "fingerprint",
    "load_encoder",
    "trusting_code",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'dipole.encoders' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
