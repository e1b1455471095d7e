"""What a run logged: its metrics.jsonl as a list of records, and as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.tables import Shown, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Records that are shown from the beginning and from the end.
_ENDS = 5


class History(Shown, list[dict[str, Any]]):
    """A dict for every line of metrics.jsonl: `step`, and what was logged there.

    Every `log_every` steps `loss`, `learning_rate`, `gradient_norm` and `examples_per_second`;
    after a validation `validation/MEASURE`; of a run of several stages `stage`.
    `pandas.DataFrame(run.history)` is a data frame.
    """

    def _table(self) -> Table:
        names = list(dict.fromkeys(name for record in self for name in record))
        shown: list[dict[str, Any]] = list(self)
        if len(shown) > 2 * _ENDS:
            shown = [*shown[:_ENDS], dict.fromkeys(names, "..."), *shown[-_ENDS:]]
        rows = [[_number(record.get(name)) for name in names] for record in shown]
        return Table(f"History of {len(self)} records", rows, names)


def read_history(path: Path) -> History:
    """The records of a metrics.jsonl; a last line that is cut is left out."""
    found = History()
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break
    return found


def plot_history(history: History, measure: str | None, best_step: int | None) -> Figure:
    """Loss, validation measure and learning rate over the steps, a panel each."""
    from dipole.evaluation.plots.history import history_figure

    found: Figure = history_figure(history, measure, best_step)
    return found


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
