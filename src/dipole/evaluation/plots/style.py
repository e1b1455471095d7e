"""The one style of all pictures, and where they are written: PNG and SVG, without a screen.

A picture is a function of plain numbers and a path: `plots_results` draws trainings and
comparisons, `plots_spaces` draws embeddings. Needs matplotlib (the extra `plots`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import InputError, optional
from dipole.files import replaced

# Okabe and Ito's colours, which every kind of colour vision tells apart (their yellow is too pale
# for lines on white). Lines also differ by their marker, and after the seventh by their dashes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":")
GREY = "#767676"
ENDINGS = ("png", "svg")
# Inches; 7 inches are 700 pixels in a README, where 10 points are then 14 pixels.
WIDTH = 7.0
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.hashsalt": "dipole",  # the same picture is the same file
}


@contextmanager
def drawing(
    path: str | Path,
    *,
    height: float = 4.0,
    columns: int = 1,
    rows: int = 1,
    ratios: Sequence[float] | None = None,
    endings: Sequence[str] = ENDINGS,
) -> Iterator[list[Any]]:
    """The axes of a new picture, row by row; leaving the block writes it.

    height: of a row, the mean where `ratios` has how high each is beside the others.

    `path` may end in .png or .svg or neither: all `endings` are written. Text of the caller may
    hold dollar signs; it is no mathematics.

    Raises InputError where the folder does not exist, and says which extra has matplotlib.
    """
    files = written(path, endings)
    if not files[0].parent.is_dir():
        raise InputError(f"picture {path}: no folder {files[0].parent}; expected one that exists")
    with sketch(height=height, columns=columns, rows=rows, ratios=ratios) as (figure, axes):
        yield axes
        for file in files:
            with replaced(file) as new:
                figure.savefig(new, metadata={"Date": None} if file.suffix == ".svg" else None)


@contextmanager
def sketch(
    *,
    height: float = 4.0,
    columns: int = 1,
    rows: int = 1,
    ratios: Sequence[float] | None = None,
    together: bool = False,
) -> Iterator[tuple[Any, list[Any]]]:
    """A new figure and its axes, which are in the style while the block lasts.

    The figure is of no window and no global state; a notebook shows it as a picture. together: all
    panels have one x axis.
    """
    matplotlib = optional("matplotlib", "plots")
    backend = optional("matplotlib.backends.backend_agg", "plots")
    figures = optional("matplotlib.figure", "plots")

    class Picture(figures.Figure):  # type: ignore[name-defined]
        def _repr_png_(self) -> bytes:
            file = BytesIO()
            self.savefig(file, format="png", dpi=100, facecolor="white")
            return file.getvalue()

    with matplotlib.rc_context({**STYLE, "text.parse_math": False}):
        figure = Picture(figsize=(WIDTH, height * rows), layout="constrained")
        backend.FigureCanvasAgg(figure)
        made = figure.subplots(rows, columns, squeeze=False, height_ratios=ratios, sharex=together)
        yield figure, list(made.flat)


def written(path: str | Path, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """The files of a picture."""
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".png", ".svg") else path
    return [stem.with_name(f"{stem.name}.{ending}") for ending in endings]


def look(number: int) -> dict[str, Any]:
    """Colour, marker and dashes of the line with this number."""
    kind = number % len(COLOURS)
    dashes = DASHES[number // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[kind], "marker": MARKERS[kind], "linestyle": dashes}


def legend(axes: Any, entries: int) -> None:
    """Inside where few, beside the picture where many."""
    if entries > 5:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    elif entries > 1:
        axes.legend()


def note(axes: Any, text: str) -> None:
    """Small print below the picture, at the right."""
    axes.annotate(
        text, (1.0, 0.0), (0, -36), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="top", fontsize=8, color=GREY,
    )  # fmt: skip


def logarithmic(axis: Any) -> None:
    """A logarithmic axis whose ticks are plain numbers: 0.01, 1, 100."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def numbers(name: str, values: Any, dimensions: tuple[int, ...] = (1,)) -> np.ndarray:
    """Values as float64, or an InputError that says which picture's input was bad."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in dimensions or array.size == 0:
        expected = " or ".join(f"{d}-d" for d in dimensions)
        raise InputError(f"picture: {name} has shape {array.shape}; expected numbers, {expected}")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InputError(f"picture: {name} has {bad} values that are not finite")
    return array


def some(name: str, given: Mapping[str, Any]) -> None:
    """Raise InputError where there is nothing to draw."""
    if not given:
        raise InputError(f"picture: no {name}; expected at least one")
