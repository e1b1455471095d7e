"""A picture of what views make of some images: the way to see whether a policy is sensible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dipole.errors import InputError, optional
from dipole.files import replaced
from dipole.views.base import Features, View


def contact_sheet(
    features: Features, views: Sequence[View], path: str | Path, *, seed: int = 0
) -> None:
    """Draw every image, with the boxes of its views, and its views beside it; a row per image.

    Args:
        features: as an image tower's `prepare` gives them; a dozen images fill a page.
        views: as `build_views` gives them.
        path: of the picture; its suffix says the format (png, svg, pdf).
        seed: of torch's generator, which is left as it was.

    Example:
        >>> contact_sheet(features, build_views(["simclr*4"]), "views.png")  # doctest: +SKIP
    """
    optional("matplotlib", "plots")
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    if any(view.on != "features" for view in views) or "image" not in features:
        raise InputError("contact_sheet: found views or features of texts; expected images")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        drawn: list[Features] = []
        for view in views:
            made = view(features)
            drawn += made if isinstance(made, list) else [made]
    rows, columns = len(features["image"]), 1 + len(drawn)
    figure = Figure(figsize=(columns, rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        _show(grid[row][0], features["image"][row])
        for number, made in enumerate(drawn):
            colour = f"C{number % 10}"
            _show(grid[row][1 + number], made["image"][row])
            for spine in grid[row][1 + number].spines.values():
                spine.set(color=colour, linewidth=1.5)
            if "boxes" in made:
                # An image is drawn with centres at whole numbers.
                x0, y0, x1, y1 = (made["boxes"][row] - 0.5).tolist()
                box = Rectangle(
                    (x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1
                )
                grid[row][0].add_patch(box)
    grid[0][0].set_title("image", fontsize=7)
    for number in range(len(drawn)):
        grid[0][1 + number].set_title(f"view {number}", fontsize=7)
    with replaced(path) as new:
        figure.savefig(new, dpi=150)


def _show(axes: Any, image: torch.Tensor) -> None:
    """One image, (channels, h, w), without ticks."""
    pixels = image.permute(1, 2, 0).cpu().numpy()
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
