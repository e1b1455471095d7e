"""What a claim's baseline can do before its training, where the bench's own number is of other data
or another tower."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from dipole.data.cache import digest
from dipole.files import write_text
from dipole.studies.cells import Cell
from dipole.studies.claim import Claim
from dipole.studies.digest import code_of, named
from dipole.studies.measuring import untrained


def untrained_arms(claim: Claim, cells: Sequence[Cell], root: Path) -> dict[str, dict[str, float]]:
    """Arm -> metric -> mean over the items, of the arms that the primary inequality compares with;
    kept in `root` under names made of all that decides it."""
    found = {}
    for arm in (arm for arm, weight in claim.primary.weights.items() if weight < 0):
        # One of each fold; of fixed items the first seed says it all.
        folds = {cell.fold: cell for cell in reversed(cells) if cell.arm == arm}
        several = [_kept(cell, root) for cell in folds.values()]
        found[arm] = {
            metric: sum(one[metric] for one in several) / len(several) for metric in several[0]
        }
    return found


def _kept(cell: Cell, root: Path) -> Mapping[str, float]:
    name = digest(cell.key, list(cell.measures), code_of(named(cell.measures)))
    path = root / "untrained" / f"{name}.json"
    if not path.exists():
        found = {metric: float(values.mean()) for metric, values in untrained(cell).items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(found) + "\n")
    kept: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return kept
