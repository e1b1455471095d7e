"""Pictures of trainings and comparisons: curves, a leaderboard, paired seeds, pair weights."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.plots.style import (
    COLOURS,
    GREY,
    drawing,
    legend,
    logarithmic,
    look,
    note,
    numbers,
    some,
    written,
)


def draw_curves(
    path: str | Path,
    curves: Mapping[str, Any],
    *,
    steps: Sequence[float] | None = None,
    title: str = "",
    x: str = "step",
    y: str = "loss",
    log: bool = False,
) -> list[Path]:
    """Training curves: name -> (steps,) or (seeds, steps); the line is the mean of the seeds.

    The band goes from the lowest to the highest seed: with two to five of them that is all that is
    known. log: a logarithmic y axis. Returns the files written.
    """
    some("curves", curves)
    banded = False
    with drawing(path) as (axes,):
        for number, (name, values) in enumerate(curves.items()):
            table = np.atleast_2d(numbers(name, values, (1, 2)))
            at = np.arange(1, table.shape[1] + 1) if steps is None else numbers("steps", steps)
            if len(at) != table.shape[1]:
                raise InputError(
                    f"picture: {name} has {table.shape[1]} points, steps {len(at)}; "
                    "expected as many"
                )
            every = max(1, len(at) // 12)
            axes.plot(at, table.mean(0), label=name, markevery=every, **look(number))
            if len(table) > 1:
                banded = True
                colour = look(number)["color"]
                axes.fill_between(at, table.min(0), table.max(0), color=colour, alpha=0.18, lw=0)
        if log:
            logarithmic(axes.yaxis)
        axes.set(xlabel=x, ylabel=y, title=title)
        legend(axes, len(curves))
        if banded:
            note(axes, "band: lowest to highest seed")
    return written(path)


def draw_leaderboard(
    path: str | Path,
    systems: Mapping[str, Sequence[float]],
    *,
    tied: Collection[str] = (),
    title: str = "",
    x: str = "score",
    level: float = 0.95,
) -> list[Path]:
    """Systems with intervals, the first on top: name -> (value, low, high); nan: no interval.

    tied: those that cannot be told from the best, drawn in colour. Returns the files written.
    """
    some("systems", systems)
    with drawing(path, height=1.1 + 0.36 * len(systems)) as (axes,):
        for row, (name, interval) in enumerate(systems.items()):
            value, low, high = (float(number) for number in tuple(interval)[:3])
            numbers(name, [value])
            colour = COLOURS[0] if name in tied else GREY
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([low, high], [row, row], color=colour, linewidth=2.5, alpha=0.55)
            filled = colour if name in tied or not tied else "white"
            axes.plot(value, row, "o", color=colour, markerfacecolor=filled, markersize=7)
        axes.set_yticks(range(len(systems)), list(systems))
        axes.set_ylim(len(systems) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=x, title=title)
        text = f"bars: {level * 100:g} % intervals"
        note(axes, text + "; filled: not separable from the best" if tied else text)
    return written(path)


def draw_paired(
    path: str | Path,
    baseline: Sequence[float],
    treatment: Sequence[float],
    *,
    names: tuple[str, str] = ("baseline", "treatment"),
    difference: Sequence[float] | None = None,
    title: str = "",
    y: str = "score",
) -> list[Path]:
    """Two arms seed by seed, joined by a line; beside them the difference and its interval.

    difference: (value, low, high) of treatment minus baseline, as `nested_test` gives it; nan ends
    are not drawn. Returns the files written.
    """
    a, b = numbers("baseline", baseline), numbers("treatment", treatment)
    if len(a) != len(b):
        raise InputError(f"picture: {len(a)} and {len(b)} seeds; expected pairs")
    with drawing(path, height=3.6, columns=2 if difference is not None else 1) as (left, *right):
        for first, second in zip(a, b, strict=True):
            left.plot([0, 1], [first, second], color=GREY, linewidth=1.2, zorder=1)
        for at, arm in enumerate((a, b)):
            marker = look(at)["marker"]
            left.scatter([at] * len(arm), arm, s=45, color=COLOURS[at], marker=marker, zorder=2)
            left.hlines(arm.mean(), at - 0.12, at + 0.12, color=COLOURS[at], linewidth=3)
        left.set_xticks([0, 1], list(names))
        left.set(xlim=(-0.4, 1.4), ylabel=y, title=title)
        left.grid(axis="x", visible=False)
        note(left, f"{len(a)} seed{'s'[: len(a) > 1]}; bar: mean")
        for axes in right:
            value, low, high = (float(number) for number in tuple(difference or ())[:3])
            axes.axhline(0, color=GREY, linewidth=1, linestyle="--")
            if math.isfinite(low) and math.isfinite(high):
                axes.errorbar(
                    0, value, [[value - low], [high - value]], color=COLOURS[2], capsize=6, lw=2.5
                )
            axes.plot(0, value, "D", color=COLOURS[2], markersize=8)
            axes.set_xticks([0], [f"{names[1]} minus {names[0]}"])
            axes.set(xlim=(-1, 1), ylabel="difference")
            axes.grid(axis="x", visible=False)
            note(axes, "95 % interval; dashed: no difference")
    return written(path)
