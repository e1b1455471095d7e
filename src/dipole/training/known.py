"""Settings of an objective that the tower and the data know: dimensions, classes, their counts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from dipole.data import Examples
from dipole.encoders.base import Encoder

# In the place of a value, of a setting that need not be given: as the tower or the data have it.
ASKED = "data"
# Where an objective is only asked which inputs it takes.
_NOTHING: dict[str, Any] = {"dim": 1, "classes": 1, "counts": [1.0]}


def known_settings(encoder: Encoder, examples: Examples) -> dict[str, Any]:
    """dim: of the vectors in training; classes and counts: of the data's classes, in the order of
    the part `classes`, where there are any."""
    head = getattr(encoder, "head", None)
    found: dict[str, Any] = {"dim": int(getattr(head, "out", encoder.dim))}
    if "label" in examples.FIELDS:
        counts = np.unique(class_numbers(examples), return_counts=True)[1]
        found |= {"classes": len(counts), "counts": [float(count) for count in counts]}
    return found


def class_numbers(examples: Examples) -> np.ndarray:
    """What a batch has as `labels` of every example, (n,) int64."""
    from dipole.training.batches import class_ids

    return class_ids(list(examples.column("label"))).numpy()


def completed(
    objective: str, options: Mapping[str, Any], known: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The options of an objective, or a sum, with the settings `dim`, `classes` and `counts` that
    nobody gave; one whose default is None is left to that, unless it was given as "data".

    >>> completed("dse", {}, {"dim": 8})
    {'dim': 8}
    """
    from dipole.objectives.contract.registry import OBJECTIVES, objective_class
    from dipole.training.combining import read_inputs, read_sum

    found = dict(options)
    names = [read_inputs(term)[0] for _, term in read_sum(objective)]
    for name in names:
        if name not in OBJECTIVES and ":" not in name:
            continue  # said where it is built
        takes = inspect.signature(objective_class(name)).parameters
        for key in _NOTHING.keys() & takes.keys():
            whole = key if len(names) == 1 else f"{name}.{key}"
            default, given = takes[key].default, found.get(whole, found.get(key))
            is_asked = given == ASKED or (given is None and default is not None)
            if not is_asked:
                continue
            if known is not None and key in known:
                found[whole] = known[key]
            elif default is inspect.Parameter.empty or given == ASKED:
                found[whole] = _NOTHING[key]
    return found
