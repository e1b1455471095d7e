"""RUN/held-out.jsonl: the pairs that a fraction of the data held out, for `dipole evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

from dipole.data import Examples, Pairs, Triplets
from dipole.files import write_text
from dipole.training.config import Config

HELD = "held-out.jsonl"


def held_out(config: Config, held: Examples | None) -> str | None:
    """The lines of the file: pairs of texts under the names of their columns; None where no
    fraction was held out, or nothing that BM25 could rank."""
    if not isinstance(held, Pairs | Triplets) or not _is_fraction(config.validation):
        return None
    columns = {name: held.column(name) for name in ("anchor", "positive")}
    if not all(isinstance(column[0], str) for column in columns.values()):
        return None
    names = [held.columns.get(name, name) for name in columns]
    rows = zip(*columns.values(), strict=True)
    return "".join(
        json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
    )


def write_held(folder: Path, lines: str | None) -> None:
    """Write the file into a run's folder, if there is something to write."""
    if lines is not None:
        write_text(folder / HELD, lines)


def _is_fraction(value: str | None) -> bool:
    try:
        return value is not None and 0 < float(value) < 1
    except ValueError:
        return False
