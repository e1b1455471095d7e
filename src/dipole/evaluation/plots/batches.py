"""What a sampler's batch looks like: where its rows lie, and how alike they are.

`python -m dipole.evaluation.plots.batches FOLDER` draws the pictures of docs/negatives.md, on
planted data: 24 clouds of 15 rows on a sphere, seen from above.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dipole.evaluation.plots.style import COLOURS, GREY, drawing, legend, look, numbers
from dipole.sampling.plans import Plan


def plot_batch(
    path: str | Path,
    places: np.ndarray,
    vectors: np.ndarray,
    batch: np.ndarray,
    *,
    title: str,
    groups: np.ndarray | None = None,
) -> None:
    """Left all rows, the batch's ringed; right the cosines of the batch's rows.

    Shapes: places (n, 2), where a row is drawn; vectors (n, dim), unit; batch (b,), row numbers;
    groups (n,), which decide the colours and the order of the right side.
    """
    places, vectors = numbers("places", places, (2,)), numbers("vectors", vectors, (2,))
    kinds = np.zeros(len(places)) if groups is None else groups
    colour = np.unique(kinds, return_inverse=True)[1]
    ordered = batch[np.argsort(colour[batch], kind="stable")]
    cosines = vectors[ordered] @ vectors[ordered].T
    others = cosines[~np.eye(len(batch), dtype=bool)]
    with drawing(path, height=3.6, columns=2) as (left, right):
        shades = np.array(COLOURS)[colour % len(COLOURS)] if groups is not None else GREY
        left.scatter(*places.T, c=shades, s=9, alpha=0.45, linewidths=0)
        left.scatter(*places[batch].T, s=46, facecolors="none", edgecolors="black", linewidths=1.1)
        left.set(title=title, xticks=[], yticks=[], aspect="equal")
        left.grid(False)
        image = right.imshow(cosines, vmin=-0.2, vmax=1, cmap="Blues")
        right.set(title="cosines in the batch", xticks=[], yticks=[])
        right.grid(False)
        left.figure.colorbar(image, ax=right, shrink=0.8)
        nearest = np.where(np.eye(len(batch), dtype=bool), -np.inf, cosines).max(1).mean()
        right.set_xlabel(f"mean {others.mean():.2f}, hardest of each {nearest:.2f}")


def draw_all(folder: Path) -> list[str]:
    """The pictures of docs/negatives.md; their names."""
    from dipole.sampling.clusters import pseudo_classes
    from dipole.sampling.communities import communities, neighbour_graph
    from dipole.sampling.grouped import GroupsApart, GroupsTogether, OneSource, PerClass
    from dipole.sampling.unique import UniqueBatches

    places, vectors, clouds = planted()
    keys = np.arange(len(places), dtype=np.uint64)[:, None]
    found = pseudo_classes(vectors, 24)
    graph = neighbour_graph(vectors, vectors, skip=1, neighbours=12)
    near = communities(graph, 5)
    fine = pseudo_classes(vectors, 24, largest=15)
    sources = (places[:, 0] > -0.3).astype(int) + (places[:, 0] > 0.5)
    plans: dict[str, tuple[Plan, np.ndarray | None]] = {
        "unique": (UniqueBatches(keys, 24), None),
        "clusters": (GroupsTogether(found, 24), found),
        "neighbours": (GroupsTogether(near, 25), near),
        "apart": (GroupsApart(fine, 24), fine),
        "sources": (OneSource(sources, 24), sources),
        "classes": (PerClass(clouds, 24, per_class=4), clouds),
    }
    for name, (plan, groups) in plans.items():
        batch = plan.epoch(0)[0]
        plot_batch(folder / f"batch-{name}", places, vectors, batch, title=name, groups=groups)
    _plot_centroids(folder / "centroids", places, vectors)
    _plot_propensity(folder / "propensity")
    _plot_progress(folder / "progressive-weights")
    return [f"batch-{name}" for name in plans] + ["centroids", "propensity", "progressive-weights"]


def planted(clouds: int = 24, rows: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(places (n, 2), unit vectors (n, 3), cloud of each row (n,)): known truth for pictures."""
    rng = np.random.default_rng(0)
    centres: list[np.ndarray] = []
    while len(centres) < clouds:
        centre = rng.uniform(-1, 1, 2)
        if all(np.hypot(*(centre - other)) > 0.26 for other in centres):
            centres.append(centre)
    truth = np.repeat(np.arange(clouds), rows)
    places = np.array(centres)[truth] + 0.05 * rng.normal(size=(len(truth), 2))
    lifted = np.column_stack([places, np.full(len(places), 0.3)])
    return places, lifted / np.linalg.norm(lifted, axis=1, keepdims=True), truth


def _plot_centroids(path: Path, places: np.ndarray, vectors: np.ndarray) -> None:
    import torch

    from dipole.sampling.online_kmeans import assign, farthest_first, follow

    rng = np.random.default_rng(1)
    rows = torch.from_numpy(vectors)
    centroids = farthest_first(rows[rng.permutation(len(rows))[:64]], 16)
    first = centroids
    for _ in range(150):
        centroids = follow(centroids, rows[rng.permutation(len(rows))[:64]], 0.05)
    anchor = 100
    nearest, second = assign(rows, centroids)
    with drawing(path, height=4.2) as (axes,):
        axes.scatter(*places.T, s=9, color=GREY, alpha=0.45, linewidths=0)
        for name, points, kind in (("at the start", first, 0), ("150 batches later", centroids, 1)):
            seen = points[:, :2] / points[:, 2:] * 0.3
            axes.scatter(*seen.T.numpy(), s=40, color=COLOURS[kind], marker="x", label=name)
        seen = centroids[:, :2] / centroids[:, 2:] * 0.3
        axes.scatter(*places[anchor], s=60, color="black", label="an anchor")
        for name, which, kind in (
            ("its cluster", nearest, 2), ("its negative", second, 3)
        ):  # fmt: skip
            end = seen[int(which[anchor])].numpy()
            axes.plot(*zip(places[anchor], end, strict=True), color=COLOURS[kind], label=name)
        axes.set(title="centroids", xticks=[], yticks=[], aspect="equal")
        axes.grid(False)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _plot_propensity(path: Path) -> None:
    from dipole.sampling.propensity import negative_weights, positive_weights

    meaning, look_ = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    titles = ("a positive is drawn from here", "a negative from here")
    makers: tuple[Callable[..., np.ndarray], ...] = (positive_weights, negative_weights)
    with drawing(path, height=3.4, columns=2) as both:
        for axes, make, title in zip(both, makers, titles, strict=True):
            weight = make(meaning.reshape(1, -1), look_.reshape(1, -1)).reshape(meaning.shape)
            image = axes.imshow(
                weight / weight.max(), origin="lower", extent=(0, 1, 0, 1), cmap="Blues"
            )
            axes.set(title=title, xlabel="alike in meaning", ylabel="alike in looks")
            axes.grid(False)
        both[0].figure.colorbar(image, ax=both, shrink=0.8, label="weight / largest")


def _plot_progress(path: Path) -> None:
    probability = np.linspace(0.001, 0.999, 200)
    with drawing(path, height=3.2) as (axes,):
        for number, done in enumerate((0.0, 0.25, 0.5, 1.0)):
            weight = (1 - probability) ** (2 * done)
            style = look(number) | {"marker": ""}
            axes.plot(
                probability, weight / weight.mean(), label=f"{done:.0%} of the steps", **style
            )
        axes.set(
            title="progressive weights (gamma 2)",
            xlabel="probability of the positive",
            ylabel="weight of the pair",
        )
        legend(axes, 4)


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")
    place.mkdir(parents=True, exist_ok=True)
    print(*draw_all(place), sep="\n")
