"""What a study trains and measures on: (training, test) examples of a name, file or function.

A name, a file or a function (`file.py:function` of (split, quick)) is what `dipole train --data`
takes.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from dipole.data import Examples
from dipole.data.functions import is_function, takes_quick
from dipole.data.memory import in_memory
from dipole.errors import InputError
from dipole.training.build import build_objective, load_examples
from dipole.training.config import Config

# Rows that a quick run takes.
QUICK_TRAIN, QUICK_TEST = 300, 120
HELD_OUT = 0.2
_FOLD = re.compile(r"([1-9]\d*)/([1-9]\d*)")


def load_study_data(
    config: Config, test: str | None = None, *, quick: bool = False, fold: int | None = None
) -> tuple[Examples, Examples]:
    """(training, test) examples.

    test: a split of the data set (default "test"), or for a file (a folder without splits) another
        file or the fraction that is held out (default 0.2); `3/10`: the third of ten folds. By
        content, so a text is never on both sides.
    fold: which part of data that come in folds is the test.
    """
    from dipole.data.parted import has_splits
    from dipole.training.splitting import fold as fold_of
    from dipole.training.splitting import hold_out
    from dipole.training.towers import inputs_of

    source = config.data
    inputs = inputs_of(build_objective(config))

    def load(place: str, split: str) -> Examples:
        made = in_memory(
            place, split, quick=quick, fold=fold
        )  # a function knows what its quick data are
        return load_examples(config, place if made is None else made, split, inputs)

    train = load(source, config.split)
    if part := _FOLD.fullmatch(test or ""):
        train, held = fold_of(train, int(part[1]) - 1, int(part[2]))
    elif test is not None and (Path(test).is_file() or is_function(test)):
        held = load(test, config.split if has_splits(test) else "all")
    elif not has_splits(source) or (test is not None and _fraction(test)):
        fraction = _fraction(test or str(HELD_OUT)) or _no_test(test)
        train, held = hold_out(train, fraction, "test")
    else:
        held = load(source, test or "test")
    if not quick or takes_quick(source):
        return train, held
    return _head(train, QUICK_TRAIN), _head(held, QUICK_TEST)


def is_fold(test: str | None) -> bool:
    """Whether a test is a fold, so that other folds are other items.

    >>> is_fold("3/10"), is_fold("0.2")
    (True, False)
    """
    return _FOLD.fullmatch(test or "") is not None


def _fraction(text: str) -> float:
    """The fraction a text says, or 0."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 < value < 1 else 0.0


def _no_test(test: str | None) -> float:
    raise InputError(
        f"test: {test!r}; expected a file, a fraction between 0 and 1 to hold out, or a fold, 3/10"
    )


def _head(examples: Examples, rows: int) -> Examples:
    return examples.select(np.arange(min(rows, len(examples))))
