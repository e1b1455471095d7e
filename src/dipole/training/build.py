"""From settings to the parts of a run: examples, encoder, objective."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.data import Examples
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.training.batches import ENCODED
from dipole.training.config import Config
from dipole.training.seeding import seed_step

if TYPE_CHECKING:
    from dipole.objectives.base import Objective

STATIC = "static"


def load_examples(config: Config, source: str, split: str) -> Examples:
    """Pairs or triplets; graded pairs or labelled texts if such a column is named."""
    from dipole.data import load_labeled, load_pairs, load_scored

    if config.label is not None:
        return load_labeled(
            source,
            input=config.anchor,
            label=config.label,
            split=split,
            on_bad_row=config.on_bad_row,
        )
    if config.score is not None:
        return load_scored(
            source,
            first=config.anchor,
            second=config.positive,
            score=config.score,
            split=split,
            on_bad_row=config.on_bad_row,
        )
    return load_pairs(
        source,
        anchor=config.anchor,
        positive=config.positive,
        negative=config.negative,
        split=split,
        on_bad_row=config.on_bad_row,
        seed=config.split_seed,
    )


def load_validation(config: Config, examples: Examples) -> tuple[Examples, Examples | None]:
    """(training, validation) examples: a fraction held out, a file, or another split."""
    from dipole.training.validation import hold_out

    if config.validation is None:
        return examples, None
    try:
        fraction = float(config.validation)
    except ValueError:
        if Path(config.validation).exists():
            return examples, load_examples(config, config.validation, config.split)
        if Path(config.data).is_file():
            raise InputError(
                f"validation: {config.validation!r}; {config.data} is a file and has no splits; "
                "expected a file or a fraction between 0 and 1"
            ) from None
        return examples, load_examples(config, config.data, config.validation)
    if not 0 < fraction < 1:
        raise InputError(
            f"validation: {fraction}; expected a fraction between 0 and 1, a file or a split"
        )
    return hold_out(examples, fraction)


def build_encoder(config: Config, examples: Examples) -> Encoder:
    """A bag of words made for the examples, or the saved encoder; drawn from the run's seed."""
    from dipole.encoders.heads import ProjectionHead
    from dipole.encoders.loading import load_encoder

    seed_step(config.seed, 0)
    options = dict(config.encoder_options)
    if config.encoder == STATIC:
        from dipole.encoders.static_text import StaticText

        texts = [examples.column(field) for field in examples.FIELDS if field in ENCODED]
        queries, documents = texts[0], texts[-1] if len(texts) < 3 else texts[1]
        _check_options(StaticText.from_texts, options)
        return StaticText.from_texts(queries, documents, **options)
    if not options:
        return load_encoder(config.encoder)
    from dipole.encoders.transformer_text import TransformerText

    head = options.pop("head", None)
    _check_options(TransformerText.load, options)
    encoder = TransformerText.load(config.encoder, **options)
    if head is not None:
        size = {"out": head} if isinstance(head, int) else dict(head)
        encoder.head = ProjectionHead(encoder.backbone_dim, **size)
    return encoder


def build_objective(config: Config) -> Objective:
    """The objective by its name and options."""
    from dipole.objectives import build_objective

    seed_step(config.seed, 0)
    options = dict(config.objective_options)
    if config.temperature is not None:
        options["temperature"] = config.temperature
    return build_objective(config.objective, **options)


def _check_options(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Every option must be a keyword of the function that takes them."""
    known = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            expected = close[0] if close else "one of " + ", ".join(known)
            raise InputError(f"encoder option {name!r}: no such setting; expected {expected}")
