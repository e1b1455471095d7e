"""Encoders by name: those made from scratch for some inputs, and those saved in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dipole.data.options import check_names, check_types, keywords
from dipole.encoders.base import Encoder
from dipole.encoders.own import make
from dipole.encoders.reading import check_reads
from dipole.errors import InputError
from dipole.lookup import close_to, find, is_place, plugins

# Name -> module:class; `from_inputs(queries, documents, **options)` makes a new one.
NEW = {
    "static": "static_text:StaticText",
    "conv": "conv:ConvImage",
    "resnet": "resnet:ResNetImage",
    "vit": "vit:ViTImage",
    "perceptron": "perceptron:PerceptronImage",
    "two-towers": "two_towers:TwoTowers",
    "towers": "named_towers:NamedTowers",
    "layers": "layers_text:LayersText",
}
# The class that a saved folder's config.json names -> module:class; it has `load(folder)`.
SAVED = {
    "StaticText": "static_text:StaticText",
    "TransformerText": "transformer_text:TransformerText",
    "AdaptedText": "adapters:AdaptedText",
    "LayersText": "layers_text:LayersText",
    "ConvImage": "conv:ConvImage",
    "ResNetImage": "resnet:ResNetImage",
    "ViTImage": "vit:ViTImage",
    "PerceptronImage": "perceptron:PerceptronImage",
    "TwoTowers": "two_towers:TwoTowers",
    "NamedTowers": "named_towers:NamedTowers",
}


def make_encoder(
    name: str, queries: Sequence[Any], documents: Sequence[Any], **options: Any
) -> Encoder:
    """A new encoder of this name or class made for these inputs, or the one saved in a folder.

    Errors: an InputError names an unknown encoder or option and what is close to it.
    """
    if is_made(name):
        cls = encoder_class(name)
        for inputs in (queries, documents):
            check_reads(cls, inputs)
        return make(cls, queries, documents, options)
    close = [] if Path(name).exists() else close_to(name, [*NEW, *plugins("encoder")])
    if close:
        raise InputError(f"encoder: found '{name}'; did you mean {' or '.join(map(repr, close))}?")
    if not options:
        from dipole.encoders.loading import load_encoder

        return _reading(load_encoder(name), queries, documents)
    from dipole.encoders.heads import make_head
    from dipole.encoders.transformer_text import TransformerText

    head = options.pop("head", None)
    check_options(TransformerText.load, options)
    encoder = TransformerText.load(name, **options)
    if head is not None:
        encoder.head = make_head(encoder.backbone_dim, head)
    return _reading(encoder, queries, documents)


def _reading(encoder: Encoder, queries: Sequence[Any], documents: Sequence[Any]) -> Encoder:
    """The encoder, or an InputError where it reads nothing of the kind that these inputs are."""
    check_reads(encoder.side("query"), queries)
    check_reads(encoder.side("document"), documents)
    return encoder


def encoder_class(name: str) -> type[Encoder]:
    """The class of an encoder that is made: by name, as `file.py:Class` or as `module:Class`."""
    found: type[Encoder] = find("encoder", name, NEW, base=Encoder, package=__package__)
    return found


def is_made(name: str) -> bool:
    """Whether a name is one of a class, not of a folder or hub id."""
    return name in NEW or is_own(name)


def is_own(name: str) -> bool:
    """Whether a name is one of a class that is not dipole's."""
    if name in NEW or Path(name).exists():
        return False
    return is_place(name) or name in plugins("encoder")


def saved_class(name: str) -> type[Encoder] | None:
    """The class that reads a folder of this kind, or None."""
    if name not in SAVED:
        return None
    found: type[Encoder] = find("encoder", name, SAVED, package=__package__)
    return found


def check_options(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Every option must be a keyword of the function that takes them, and of its type there."""
    check_names(options, keywords(function), "encoder option")
    check_types(function, options, "encoder option")
