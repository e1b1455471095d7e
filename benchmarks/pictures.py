"""Two pictures of a run: time beside plain torch, and memory with its slope."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.cases import BOUND, CASES, DIPOLE, REFERENCE, Case
from benchmarks.report import median
from benchmarks.session import Row

# Okabe and Ito's colours, which every kind of colour vision tells apart; each with its own marker.
OURS, PLAIN, GREY = "#0072B2", "#000000", "#999999"
PEERS = (("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"))
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.dpi": 130,
}


def draw(rows: list[Row], folder: Path, d: int) -> list[str]:
    """Pictures (png) of both; the names without their endings."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    cases = [case for case in CASES if any(row.objective == case.key for row in rows)]
    names = []
    with pyplot.rc_context(STYLE):
        for name, panel in (("time-ratio", time_panel), ("peak-memory", memory_panel)):
            columns = min(4, len(cases))
            lines = -(-len(cases) // columns)
            figure, axes = pyplot.subplots(
                lines,
                columns,
                figsize=(3.4 * columns, 4.4 * lines),
                squeeze=False,
                layout="constrained",
            )
            for axis in axes.flat[len(cases) :]:
                axis.set_visible(False)
            for axis, case in zip(axes.flat, cases, strict=False):
                here = [row for row in rows if row.objective == case.key and row.d == d]
                panel(axis, case, here)
                finish(axis, case, sorted({row.n for row in here}))
            figure.suptitle(TITLES[name].format(d=d), x=0.01, ha="left", fontsize=12)
            title = f"objectives-{name}"
            figure.savefig(folder / f"{title}.png")
            pyplot.close(figure)
            names.append(title)
    return names


TITLES = {
    "time-ratio": "Time of a step divided by plain torch's, d = {d} (lower is faster)",
    "peak-memory": "Growth of peak memory in a step, d = {d} (dotted: slopes 1 and 2)",
}


def time_panel(axis: Any, case: Case, rows: list[Row]) -> None:
    """Time ratio over n."""
    reference = {row.n: median(row) for row in rows if row.implementation == REFERENCE}
    for name, look in looks(case):
        points = [
            (row.n, row.median / base)
            for row in rows
            if row.implementation == name and row.seconds and (base := reference.get(row.n))
        ]
        curve(axis, name, points, look)
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    shown = [
        t for t in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20) if low <= t <= high
    ]
    axis.set_yticks(shown, [f"{t:g}" for t in shown])
    axis.set_yticks([], minor=True)
    axis.set_ylabel("time / plain torch")


def memory_panel(axis: Any, case: Case, rows: list[Row]) -> None:
    """Megabytes over n."""
    for name, look in looks(case):
        points = [
            (row.n, row.growth / 1e6)
            for row in rows
            if row.implementation == name and row.growth and row.reason is None
        ]
        if not name.startswith(BOUND):
            curve(axis, name, points, look)
    axis.set_yscale("log")
    axis.set_ylabel("MB")
    axis.yaxis.set_major_formatter("{x:,g}")
    axis.yaxis.set_minor_formatter("")
    limits = axis.get_ylim()
    sizes = sorted({row.n for row in rows})
    for name, slope in ((DIPOLE, 1), (REFERENCE, 2)):
        last = [r for r in rows if r.implementation == name and r.growth and r.reason is None]
        if not last:
            continue
        at, height = last[-1].n, (last[-1].growth or 0) / 1e6
        line = [height * (n / at) ** slope for n in (sizes[0], sizes[-1])]
        axis.plot([sizes[0], sizes[-1]], line, color=GREY, linestyle=":", linewidth=1, zorder=0)
    axis.set_ylim(limits)


def curve(axis: Any, name: str, points: list[tuple[int, float]], look: dict[str, Any]) -> None:
    """A line; without any figure the legend says so."""
    if points:
        axis.plot(*zip(*points, strict=True), label=name, **look)
    else:
        axis.plot([], [], label=f"{name} (no figures)", **look)


def looks(case: Case) -> list[tuple[str, dict[str, Any]]]:
    """How each implementation is drawn."""
    peers = iter(PEERS)
    found: list[tuple[str, dict[str, Any]]] = []
    for one in case.implementations:
        line = "--" if "bf16" in one.name else ":" if one.name.endswith(" mm") else "-"
        if one.name.startswith(DIPOLE):
            look = {"color": OURS, "marker": "o", "linewidth": 2.2, "zorder": 5}
        elif one.name == REFERENCE:
            look = {"color": PLAIN, "marker": "x", "linewidth": 1.4}
        elif one.name.startswith(BOUND):
            look = {"color": GREY, "marker": ".", "linewidth": 1.2}
        else:
            colour, marker = next(peers)
            look = {"color": colour, "marker": marker, "linewidth": 1.4}
        found.append((one.name, {**look, "linestyle": line, "markersize": 4.5}))
    return found


def finish(axis: Any, case: Case, sizes: list[int]) -> None:
    """What both kinds of panel share."""
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axis.tick_params(axis="x", labelrotation=30)
    axis.set_xlabel("n")
    axis.set_title(case.title, loc="left")
    axis.grid(True, alpha=0.25, linewidth=0.6)
    axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.28))
