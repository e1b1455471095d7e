"""Pictures of embeddings: similarities, the plane of alignment and uniformity, spectrum, map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import InputError, optional
from dipole.evaluation.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    drawing,
    legend,
    logarithmic,
    look,
    note,
    numbers,
    some,
    written,
)

BINS = 60
# More points than this are a cloud; a sample of them shows the same.
MAP_POINTS = 5000


def draw_similarities(
    path: str | Path,
    groups: Mapping[str, Any],
    *,
    threshold: float | None = None,
    title: str = "",
    x: str = "cosine",
) -> list[Path]:
    """Histograms of similarities, one per group (positive, random, ...), each of area 1.

    threshold: a vertical line. Returns the files written.
    """
    some("groups", groups)
    arrays = {name: numbers(name, values) for name, values in groups.items()}
    low = min(a.min() for a in arrays.values())
    high = max(a.max() for a in arrays.values())
    edges = np.linspace(low, high if high > low else low + 1e-3, BINS + 1)
    with drawing(path) as (axes,):
        for number, (name, values) in enumerate(arrays.items()):
            colour = look(number)["color"]
            density = np.histogram(values, edges, density=True)[0]
            axes.stairs(density, edges, fill=True, color=colour, alpha=0.25)
            dashes = look(number * len(COLOURS))["linestyle"]
            label = f"{name} ({len(values):,})"
            axes.stairs(density, edges, color=colour, linewidth=1.8, linestyle=dashes, label=label)
        if threshold is not None:
            axes.axvline(threshold, color="black", linewidth=1.2, linestyle="-.")
            label = f" threshold {threshold:.3f}"
            axes.annotate(
                label, (threshold, 1.0), xycoords=("data", "axes fraction"), va="top", fontsize=9
            )
        axes.set(xlabel=x, ylabel="density", title=title)
        axes.legend()
    return written(path)


def draw_alignment_uniformity(
    path: str | Path,
    points: Mapping[str, Sequence[float]],
    *,
    floor: float | None = None,
    title: str = "Alignment and uniformity",
    quality: Mapping[str, float] | None = None,
    quality_name: str = "quality",
) -> list[Path]:
    """The plane of Wang and Isola: name -> (alignment, uniformity); good is at the lower left.

    floor: the uniformity that no encoder goes below. quality: name -> a number (an accuracy), shown
    as colour. Returns the files written.
    """
    some("points", points)
    places = {name: numbers(name, place) for name, place in points.items()}
    for name, place in places.items():
        if len(place) != 2:
            raise InputError(f"picture: {name} has {len(place)} numbers; expected 2")
    with drawing(path, height=4.6) as (axes,):
        x, y = np.array(list(places.values())).T
        if quality is not None:
            missing = [name for name in places if name not in quality]
            if missing:
                raise InputError(f"picture: no {quality_name} of {missing[0]}; expected a number")
            shade = numbers(quality_name, [quality[name] for name in places])
            drawn = axes.scatter(x, y, c=shade, cmap="cividis", s=60, edgecolors="black", lw=0.6)
            axes.figure.colorbar(drawn, ax=axes, label=quality_name)
        else:
            axes.scatter(x, y, color=COLOURS[0], s=60)
        for name, (here, there) in places.items():
            axes.annotate(name, (here, there), (6, 5), textcoords="offset points", fontsize=9)
        if floor is not None:
            axes.axhline(floor, color=GREY, linewidth=1.2, linestyle="--")
            axes.annotate(
                f"floor {floor:.2f}", (1.0, floor), (0, 3), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", color=GREY, fontsize=9,
            )  # fmt: skip
        axes.margins(0.15)
        axes.set(
            xlabel="alignment (lower: positives closer)",
            ylabel="uniformity (lower: more spread)",
            title=title,
        )
    return written(path)


def draw_spectrum(
    path: str | Path,
    spectra: Mapping[str, Any],
    *,
    ranks: Mapping[str, float] | None = None,
    title: str = "Spectrum",
) -> list[Path]:
    """Singular values, largest first, over their number, divided by the largest; log scale.

    ranks: name -> effective rank, put into the legend. Returns the files written.
    """
    some("spectra", spectra)
    with drawing(path) as (axes,):
        for number, (name, values) in enumerate(spectra.items()):
            ordered = np.sort(numbers(name, values))[::-1]
            if ordered[0] <= 0 or ordered[-1] < 0:
                raise InputError(f"picture: spectrum of {name}: expected numbers of 0 or more")
            shown = ordered / ordered[0]
            # What rounding leaves of a zero would stretch the axis without end.
            shown = shown[shown > 1e-7]
            rank = "" if ranks is None or name not in ranks else f" (rank {ranks[name]:.1f})"
            every = max(1, len(shown) // 12)
            at = np.arange(1, len(shown) + 1)
            axes.plot(at, shown, label=name + rank, markevery=every, **look(number))
        logarithmic(axes.yaxis)
        axes.set(xlabel="dimension", ylabel="singular value / largest", title=title)
        legend(axes, len(spectra) + (ranks is not None))
    return written(path)


def draw_map(
    path: str | Path,
    vectors: Any,
    labels: Sequence[Any] | None = None,
    *,
    method: str = "pca",
    title: str = "",
    seed: int = 0,
) -> list[Path]:
    """A map of vectors (n, d) in two dimensions, coloured by label.

    method: `pca` shows the two directions of most variance, and how much of it they hold; `umap`
    shows neighbourhoods (the extra `umap`), whose distances and sizes mean little. Of more than
    5,000 vectors a sample is drawn. Labels beyond the 13 most frequent are grey.
    Returns the files written.
    """
    table = numbers("vectors", vectors, (2,))
    if len(table) < 3 or table.shape[1] < 2:
        raise InputError(f"picture: vectors are {table.shape}; expected at least 3 of 2 numbers")
    if labels is not None and len(labels) != len(table):
        raise InputError(f"picture: {len(labels)} labels of {len(table)} vectors; expected as many")
    if not np.ptp(table, axis=0).any():
        raise InputError("picture: all vectors are the same; expected some that differ")
    chosen = np.arange(len(table))
    if len(table) > MAP_POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(table), MAP_POINTS, False))
    points, names = flattened(table[chosen], method, seed)
    named = None if labels is None else [str(labels[i]) for i in chosen.tolist()]
    with drawing(path, height=5.0) as (axes,):
        size = float(np.clip(15000 / len(points), 6, 40))
        if named is None:
            axes.scatter(*points.T, s=size, color=COLOURS[0], alpha=0.7, lw=0)
        else:
            kinds, counts = np.unique(named, return_counts=True)
            frequent = kinds[np.argsort(-counts, kind="stable")][: 2 * len(COLOURS) - 1].tolist()
            rest = ~np.isin(named, frequent)
            if rest.any():
                label = f"{len(kinds) - len(frequent)} others"
                axes.scatter(*points[rest].T, s=size, color=GREY, alpha=0.4, lw=0, label=label)
            for number, kind in enumerate(sorted(frequent)):
                here = np.array([name == kind for name in named])
                style = look(number)
                hollow = number >= len(COLOURS)  # the colours come a second time, as outlines
                axes.scatter(
                    *points[here].T, s=size, marker=MARKERS[number % len(MARKERS)],
                    facecolors="none" if hollow else style["color"], edgecolors=style["color"],
                    lw=0.8 if hollow else 0, alpha=0.75, label=kind,
                )  # fmt: skip
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.8)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel=names[0], ylabel=names[1], title=title)
        if method == "umap":
            axes.set_xticks([])
            axes.set_yticks([])
        if len(table) > MAP_POINTS:
            note(axes, f"{MAP_POINTS:,} of {len(table):,} points")
    return written(path)


def flattened(
    vectors: np.ndarray, method: str = "pca", seed: int = 0
) -> tuple[np.ndarray, list[str]]:
    """The points (n, 2) of `draw_map` and what its axes show."""
    if method == "pca":
        centred = vectors - vectors.mean(0)
        u, s, _ = np.linalg.svd(centred, full_matrices=False)
        share = s**2 / (s**2).sum()
        return (u * s)[:, :2], [f"direction {i + 1} ({share[i]:.0%} of variance)" for i in (0, 1)]
    if method == "umap":
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own libraries, about one thread and a seed
            umap = optional("umap", "umap")
            size = min(15, len(vectors) - 1)
            # Its spectral start needs more points than dimensions.
            start = "spectral" if len(vectors) > 10 else "random"
            reducer = umap.UMAP(n_neighbors=size, random_state=seed, init=start)
            return np.asarray(reducer.fit_transform(vectors)), ["UMAP 1", "UMAP 2"]
    raise InputError(f"map: method {method!r}; expected pca or umap")
