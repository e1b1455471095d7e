"""Encoders by name: those made from scratch for some inputs, and those saved in a folder."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dipole.data.options import check_names, check_types, keywords
from dipole.encoders.base import Encoder
from dipole.errors import InputError

# Name -> module:class.method that makes a new one, `method(queries, documents, **options)`: two
# sequences of inputs (the same one twice where there is but one), options by keyword only.
NEW = {
    "static": "static_text:StaticText.from_texts",
    "conv": "conv:ConvImage.from_images",
    "resnet": "resnet:ResNetImage.from_images",
    "vit": "vit:ViTImage.from_images",
    "two-towers": "two_towers:TwoTowers.from_inputs",
}
# The class that a saved folder's config.json names -> its module; it has `load(folder)`.
SAVED = {
    "StaticText": "static_text",
    "TransformerText": "transformer_text",
    "AdaptedText": "adapters",
    "ConvImage": "conv",
    "ResNetImage": "resnet",
    "ViTImage": "vit",
    "TwoTowers": "two_towers",
}


def make_encoder(
    name: str, queries: Sequence[Any], documents: Sequence[Any], **options: Any
) -> Encoder:
    """A new encoder of this name made for these inputs, or the one saved in a folder or hub id.

    Errors: an InputError names an unknown encoder or option and what is close to it.
    """
    if name in NEW:
        module, _, path = NEW[name].partition(":")
        cls, _, method = path.partition(".")
        make: Callable[..., Encoder] = getattr(getattr(_module(module), cls), method)
        check_options(make, options)
        return make(queries, documents, **options)
    if not Path(name).exists() and (close := difflib.get_close_matches(name, NEW, n=1)):
        raise InputError(f"encoder: found '{name}'; expected '{close[0]}', a folder or a hub id")
    if not options:
        from dipole.encoders.loading import load_encoder

        return load_encoder(name)
    from dipole.encoders.heads import make_head
    from dipole.encoders.transformer_text import TransformerText

    head = options.pop("head", None)
    check_options(TransformerText.load, options)
    encoder = TransformerText.load(name, **options)
    if head is not None:
        encoder.head = make_head(encoder.backbone_dim, head)
    return encoder


def saved_class(name: str) -> type[Encoder] | None:
    """The class that reads a folder of this kind, or None."""
    found: type[Encoder] | None = getattr(_module(SAVED[name]), name) if name in SAVED else None
    return found


def check_options(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Every option must be a keyword of the function that takes them, and of its type there."""
    check_names(options, keywords(function), "encoder option")
    check_types(function, options, "encoder option")


def _module(name: str) -> Any:
    return importlib.import_module(f"{__package__}.{name}")
