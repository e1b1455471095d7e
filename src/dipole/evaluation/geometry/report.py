"""The report of `geometry`: a JSON object, a table, pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.evaluation.geometry.space import uniformity_floor
from dipole.evaluation.geometry.whole import READINGS, Geometry

if TYPE_CHECKING:
    from rich.console import Console


def geometry_json(found: Sequence[Geometry], **about: Any) -> dict[str, Any]:
    """Everything the table shows, and `about` in front; a number that does not exist is None."""
    return {
        **about,
        "task": "geometry",
        "systems": {
            one.system: {
                "vectors": one.n,
                "dim": one.dim,
                "numbers": {k: v if math.isfinite(v) else None for k, v in one.numbers.items()},
                "readings": one.readings,
                "notes": list(one.notes),
            }
            for one in found
        },
    }


def print_geometry(report: dict[str, Any], console: Console, title: str = "") -> None:
    """Print a `geometry_json` as a table: one column per system, and how to read the numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    systems = report["systems"]
    table = Table(title=Text(title) if title else None, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("measure", no_wrap=True)
    shown = {name: Path(name).name or name for name in systems}
    if len(set(shown.values())) < len(shown):
        shown = {name: name for name in systems}
    for name in systems:
        table.add_column(Text(shown[name]), justify="right", no_wrap=True)
    table.add_column("reading")
    measures: dict[str, str] = {}
    for one in systems.values():
        measures |= one["readings"]
    for measure in sorted(measures, key=list(READINGS).index):
        values = [one["numbers"].get(measure) for one in systems.values()]
        cells = ["n/a" if v is None else f"{v:.3f}" for v in values]
        table.add_row(*map(Text, (measure, *cells)), Text(measures[measure]))
    console.print(table)
    for name, one in systems.items():
        size = f"{one['vectors']:,} vectors of {one['dim']}"
        console.print(Text(f"{shown[name]}: {size}"), soft_wrap=True)
        for line in one["notes"]:
            console.print(Text(f"note: {shown[name]}: {line}"), soft_wrap=True)
    if any(None in one["numbers"].values() for one in systems.values()):
        console.print(Text("n/a: not defined here (one dimension, norms or counts all alike)"))


def draw_geometry(folder: str | Path, found: Sequence[Geometry]) -> list[Path]:
    """Pictures into a folder: similarities of each system, all spectra, alignment and uniformity.

    Returns the files written (PNG and SVG).
    """
    from dipole.evaluation.plots.spaces import (
        draw_alignment_uniformity,
        draw_similarities,
        draw_spectrum,
    )

    folder = Path(folder)
    files = []
    for number, one in enumerate(found):
        name = "similarities" if len(found) == 1 else f"similarities-{number + 1}"
        at = None if one.threshold is None else one.threshold.value
        files += draw_similarities(
            folder / name, one.similarities, threshold=at, title=f"Similarities: {one.system}"
        )
    files += draw_spectrum(
        folder / "spectrum",
        {one.system: one.singular for one in found},
        ranks={one.system: one["effective rank"] for one in found},
        title="Spectrum of the unit vectors",
    )
    points = {
        one.system: (one["alignment"], one["uniformity"]) for one in found
        if "alignment" in one.numbers
    }  # fmt: skip
    if points:
        floor = max(uniformity_floor(one.dim) for one in found)
        files += draw_alignment_uniformity(folder / "alignment-uniformity", points, floor=floor)
    return files
