"""The picture of the gradient lens: how the weight of a pair depends on its similarity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.geometry.gradient_lens import Lens
from dipole.evaluation.plots.style import drawing, look, numbers, some, written

# Points of a curve: pairs of about the same similarity are put together.
POINTS = 24


def draw_lens(
    path: str | Path, lenses: Mapping[str, Lens], *, title: str = "Pair weights"
) -> list[Path]:
    """Objectives side by side: who is pulled and who is pushed, over the cosine of the pair.

    Each curve is divided by the mean over all its pulled (pushed) pairs, so 1 is what everybody
    would have if the loss did not care how hard a pair is. Returns the files written.
    """
    some("lenses", lenses)
    pulls: dict[str, tuple[Any, Any]] = {}
    pushes: dict[str, tuple[Any, Any]] = {}
    for name, one in lenses.items():
        off = ~np.eye(len(one.weights), dtype=bool)
        for curves, sign in ((pulls, -1), (pushes, 1)):
            acting = off & (sign * one.weights > 0)
            if acting.any():
                curves[name] = (one.scores[acting], sign * one.weights[acting])
    return draw_pair_weights(path, pulls, pushes, title=title)


def draw_pair_weights(
    path: str | Path,
    pulls: Mapping[str, tuple[Any, Any]],
    pushes: Mapping[str, tuple[Any, Any]],
    *,
    title: str = "Pair weights",
) -> list[Path]:
    """Curves of weight over similarity: name -> (similarities, weights of 0 or more), any order.

    Of many pairs the mean in 24 groups of similar cosine. Returns the files written.
    """
    names = list(dict.fromkeys([*pulls, *pushes]))
    some("curves", dict.fromkeys(names))
    with drawing(path, columns=2) as (left, right):
        for axes, curves in ((left, pulls), (right, pushes)):
            for name, (similarity, weight) in curves.items():
                x, y = numbers(f"similarities of {name}", similarity), numbers(name, weight)
                if len(x) != len(y) or y.min() < 0:
                    raise InputError(f"picture: {name}: expected one weight >= 0 per similarity")
                style = look(names.index(name))
                axes.plot(*grouped(x, y / (y.mean() or 1.0)), label=name, **style)
            axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
            axes.set_xlabel("cosine")
            axes.set_ylim(bottom=0)
        left.set(ylabel="weight / mean weight", title=f"{title}: pull")
        right.set_title("push")
        handles, labels = (right if pushes else left).get_legend_handles_labels()
        left.figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return written(path)


def grouped(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of x and y in groups of equal size, by x."""
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, min(POINTS, len(x)))
    return np.array([x[p].mean() for p in parts]), np.array([y[p].mean() for p in parts])
