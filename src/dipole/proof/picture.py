"""The picture of a claim: the margin that decides, and every arm with its seeds and interval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dipole.proof.prove import Proof, delta_of
from dipole.studies.claim import VALUE


def draw(proof: Proof, path: Path) -> Path:
    """Above the margin of the primary inequality, seed by seed, beside 0; below the arms on the
    axis of the metric. Without arms (an identity, a bound) the margin alone."""
    from dipole.evaluation.plots.style import drawing

    arms = _arms(proof)
    heights = [1.15, *([0.75 + 0.36 * len(arms)] if arms else [])]
    with drawing(
        path, height=sum(heights) / len(heights), rows=len(heights), ratios=heights,
        endings=("png",),
    ) as (top, *below):  # fmt: skip
        _margin(top, proof)
        for axes in below:
            _rows(axes, arms)
            axes.set(xlabel=f"{proof.primary.inequality.on}; dots: seeds, bar: 95 % interval")
    return path


def _arms(proof: Proof) -> dict[str, np.ndarray]:
    """The primary's metric of every arm; none where numbers with units of their own decide."""
    metric = proof.primary.inequality.on
    if metric == VALUE:
        return {}
    return {name: found[metric] for name, found in proof.outcome.items() if metric in found}


def _margin(axes: Any, proof: Proof) -> None:
    from dipole.evaluation.plots.style import COLOURS, GREY

    primary = proof.primary
    least, delta = primary.inequality.least, delta_of(proof.claim) or primary.inequality.within
    margins = primary.inequality.left_side(proof.outcome).mean(axis=1) - least
    if delta:
        axes.axvspan(-delta, delta, color=GREY, alpha=0.15, linewidth=0)
    axes.axvline(0, color="black", linewidth=1)
    if primary.low == primary.low:
        ends = [primary.low - least, primary.high - least]
        axes.plot(ends, [0, 0], color=COLOURS[0], linewidth=2.5, alpha=0.55)
    axes.plot([primary.value - least], [0], "|", color=COLOURS[0], ms=16, mew=2.5)
    axes.plot(margins, [0] * len(margins), "o", color=COLOURS[4], ms=4)
    axes.set_yticks([0], ["margin"])
    axes.set_ylim(0.6, -0.6)
    axes.grid(axis="y", visible=False)
    bar = "all seeds" if primary.inequality.every else f"{100 * primary.level:.1f} % interval"
    grey = f"; grey: within {delta:g} of 0" if delta else ""
    axes.set(title=primary.inequality.says, xlabel=f"dots: seeds, bar: {bar}{grey}")


def _rows(axes: Any, tables: Mapping[str, np.ndarray]) -> None:
    from dipole.evaluation.plots.style import COLOURS
    from dipole.evaluation.statistics.over_seeds import nested_interval

    for place, values in enumerate(tables.values()):
        interval = nested_interval(values)
        if interval.low == interval.low:
            ends = [interval.low, interval.high]
            axes.plot(ends, [place, place], color=COLOURS[0], linewidth=2.5, alpha=0.55)
        axes.plot([interval.value], [place], "|", color=COLOURS[0], ms=16, mew=2.5)
        axes.plot(interval.per_seed, [place] * len(values), "o", color=COLOURS[4], ms=4)
    axes.set_yticks(range(len(tables)), list(tables))
    axes.set_ylim(len(tables) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
