"""The picture of one training: loss, validation and learning rate, a panel each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dipole.errors import InputError
from dipole.evaluation.plots.style import GREY, look, sketch

# More points than this have no marker each.
_MARKED = 40


def history_figure(
    history: Sequence[Mapping[str, Any]], measure: str | None = None, best_step: int | None = None
) -> Any:
    """A matplotlib figure of the records of metrics.jsonl.

    measure: the one whose best value decides the model; best_step: where it was. Without a
    validation its panel is left out. Where a stage ends there is a dotted line.

    Raises InputError: there is nothing to draw yet.
    """
    panels = [("loss", "loss"), ("learning_rate", "learning rate")]
    if measure is not None and any(f"validation/{measure}" in record for record in history):
        panels.insert(1, (f"validation/{measure}", f"validation {measure}"))
    if not any("loss" in record for record in history):
        raise InputError("history: found no logged step; expected a run that has had some")
    with sketch(height=1.9, rows=len(panels), together=True) as (figure, axes):
        for number, (place, (name, title)) in enumerate(zip(axes, panels, strict=True)):
            points = [(r["step"], r[name]) for r in history if r.get(name) is not None]
            style = look(number) | {"linestyle": "-"}
            if len(points) > _MARKED:
                style["marker"] = ""
            place.plot(*zip(*points, strict=True), **style)
            place.set_title(title)
            for end in _ends_of_stages(history):
                place.axvline(end, color=GREY, linewidth=1, linestyle=":")
        if len(panels) == 3 and best_step is not None:
            values = {r["step"]: r[panels[1][0]] for r in history if panels[1][0] in r}
            if best_step in values:
                best = values[best_step]
                axes[1].scatter([best_step], [best], s=90, color="black", marker="*", zorder=3)
                axes[1].set_title(f"{panels[1][1]}: best {best:.4f} at step {best_step}")
        axes[-1].set_xlabel("step")
        axes[-1].set_ylim(bottom=0)
        axes[-1].ticklabel_format(axis="y", style="sci", scilimits=(-3, 3))
    return figure


def _ends_of_stages(history: Sequence[Mapping[str, Any]]) -> list[int]:
    """The last step of every stage but the last."""
    ends: dict[Any, int] = {}
    for record in history:
        ends[record.get("stage")] = max(ends.get(record.get("stage"), 0), record["step"])
    return sorted(ends.values())[:-1]
