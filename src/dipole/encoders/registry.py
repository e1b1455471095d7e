"""Encoders by name: made for some inputs, or loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dipole.data.options import check_names, check_types, keywords
from dipole.encoders.base import Encoder
from dipole.encoders.hub import locate
from dipole.encoders.loading import CLIP, kind_of, load_encoder
from dipole.encoders.names import NEW, PREFIXES, has_prefix, prefixed, saved_class
from dipole.encoders.own import arguments
from dipole.encoders.reading import check_reads
from dipole.errors import InputError
from dipole.lookup import close_to, find, is_place, plugins


def make_encoder(
    name: str, queries: Sequence[Any], documents: Sequence[Any], **options: Any
) -> Encoder:
    """A new encoder of this name or class made for these inputs, or the one saved in a folder.

    Errors: an InputError names an unknown encoder or option and what is close to it; a prefix
    (`colbert:`) without a folder.
    """
    if is_made(name):
        cls = encoder_class(name)
        for inputs in (queries, documents):
            check_reads(cls, inputs)
        return make(cls, queries, documents, options)
    if (known := prefixed(name)) is not None:
        cls, source = known
        check_options(cls.load, options)
        return _reading(cls.load(source, **options), queries, documents)
    if (bare := name.removesuffix(":")) in PREFIXES and not Path(name).exists():
        raise InputError(f"encoder: found '{name}'; expected {bare}:FOLDER, or a run or hub id")
    close = [] if Path(name).exists() else close_to(name, [*NEW, *plugins("encoder")])
    if close:
        raise InputError(f"encoder: found '{name}'; did you mean {' or '.join(map(repr, close))}?")
    if not options:
        return _reading(load_encoder(name), queries, documents)
    from dipole.encoders.heads import make_head
    from dipole.encoders.transformer_text import TransformerText

    kind = kind_of(locate(name))
    if kind == CLIP:
        raise InputError(
            f"encoder option '{next(iter(options))}': {name} holds two towers, which take none; "
            f"expected --encoder towers --encoder-option image=image:{name}"
        )
    saved = saved_class(kind) if kind else None
    if saved is not None and saved is not TransformerText:
        check_options(saved.load, options)
        return _reading(saved.load(locate(name), **options), queries, documents)
    head = options.pop("head", None)
    check_options(TransformerText.load, options)
    encoder = TransformerText.load(name, **options)
    if head is not None:
        encoder.head = make_head(encoder.backbone_dim, head)
    return _reading(encoder, queries, documents)


def make(
    cls: type[Encoder], queries: Sequence[Any], documents: Sequence[Any], options: dict[str, Any]
) -> Encoder:
    """A new encoder of this class for these inputs; options are checked against its arguments."""
    if cls.by_column:
        return cls.from_columns({"query": queries, "document": documents}, options)
    known = options_of(cls)
    check_names(options, known, "encoder option")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in options:
            raise InputError(
                f"encoder option '{name}': missing; expected --encoder-option {name}=VALUE"
            )
    check_types(cls.from_inputs if _reads_inputs(cls) else cls.__init__, options, "encoder option")
    return cls.from_inputs(queries, documents, **options)


def options_of(cls: type[Encoder]) -> dict[str, inspect.Parameter]:
    """The options that a new encoder of this class may be given, by name."""
    if not _reads_inputs(cls):
        return arguments(cls)
    parameters = inspect.signature(cls.from_inputs).parameters
    return {n: p for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def _reads_inputs(cls: type[Encoder]) -> bool:
    """Whether it has a `from_inputs` of its own."""
    own, plain = cls.from_inputs, Encoder.from_inputs
    return own.__func__ is not plain.__func__  # type: ignore[attr-defined]


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
    if name in NEW or has_prefix(name) or Path(name).exists():
        return False
    return is_place(name) or name in plugins("encoder")


def check_options(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Every option must be a keyword of the function that takes them, and of its type there."""
    check_names(options, keywords(function), "encoder option")
    check_types(function, options, "encoder option")
