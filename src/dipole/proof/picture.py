"""The picture of a claim: every arm's seeds and interval."""

from __future__ import annotations

from pathlib import Path

from dipole.proof.prove import Proof
from dipole.studies.claim import VALUE


def draw(proof: Proof, path: Path) -> Path | None:
    """Arms on the axis of the metric: a dot per seed, a bar for the interval; None without arms."""
    from dipole.evaluation.plots.style import COLOURS, drawing
    from dipole.evaluation.statistics.over_seeds import nested_interval

    metric = proof.primary.inequality.on
    tables = {name: found[metric] for name, found in proof.outcome.items() if metric in found}
    if metric == VALUE:  # each number has a unit of its own: those that are compared
        tables = {name: tables[name] for name in proof.primary.inequality.weights}
    if not tables:
        return None
    height = 1.0 + 0.42 * len(tables)
    with drawing(path, height=height, endings=("png",)) as (axes,):
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
        unit = "" if metric == VALUE else f"{metric}; "
        axes.set(xlabel=f"{unit}dots: seeds, bar: 95 % interval")
    return path
