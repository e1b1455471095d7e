"""One member of a study at one seed: what decides it, and the folder that is named after that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dipole
from dipole.data.cache import cache_folder, digest
from dipole.errors import InputError
from dipole.studies.data import is_fold
from dipole.studies.digest import code_of, named
from dipole.training.config import make_config

if TYPE_CHECKING:
    from dipole.data import Examples

# Raised by one when what a folder holds, or how it is measured, changes.
FORMAT = 3
# Metrics of every arm that say what its training took: MB of the process, seconds.
COSTS = ("peak memory", "seconds")
# Settings that say how a run is watched; they decide no weight.
_WATCHED = ("log_every", "checkpoint_every", "track")


@dataclass(frozen=True)
class Cell:
    """One training and what is measured of it.

    settings: those of `dipole train`, without seed and budget; budget: `{"max_steps": n}` or
    `{"epochs": x}`, None where the speed is not known yet; measures: names or `module:function`
    (see measures.py); test: what is measured on (see data.py); fold: of data that come in folds.
    """

    arm: str
    seed: int
    settings: Mapping[str, Any]
    measures: tuple[str, ...]
    budget: Mapping[str, Any] | None = None
    test: str | None = None
    quick: bool = False
    keep_model: bool = False
    fold: int | None = None

    @property
    def is_of_fold(self) -> bool:
        """Whether it is measured on items that cells of other seeds are not."""
        return self.fold is not None or is_fold(self.test)

    def folder(self, root: Path) -> Path:
        """Where the cell lies: cells that train the same share it, whatever study they are of."""
        return root / f"{_readable(self.settings.get('objective', 'run'))}-{self.key}"

    @property
    def key(self) -> str:
        """A short name for all that decides the weights.

        Settings, seed, budget, the rows, dipole's version and the code of what the settings name
        (objective, parts, views, a data function): an objective that is mended is trained again,
        one whose docstring is mended is not.
        """
        settings = {k: v for k, v in sorted(self.settings.items()) if k not in _WATCHED}
        return digest(
            FORMAT, dipole.__version__, settings, self.seed, self.budget, self.quick,
            _rows(str(self.settings.get("data", "")), self.test), self._code(),
            *_others(self.settings), *([] if self.fold is None else [["fold", self.fold]]),
        )  # fmt: skip

    def run_settings(self) -> dict[str, Any]:
        """What `fit` is given."""
        return {**self.settings, **(self.budget or {}), "seed": self.seed}

    def fit_settings(self, train: Examples) -> dict[str, Any]:
        """The same for examples that are loaded: their columns and their split are read."""
        from dipole.training.examples import COLUMNS

        read = (*COLUMNS, "split", "split_seed")
        given = {name: v for name, v in self.run_settings().items() if name not in read}
        return given | {"data": train}

    def check(self) -> None:
        """Raise InputError for settings that no run can have."""
        from dipole.training.build import build_objective
        from dipole.training.examples import check_columns
        from dipole.training.towers import inputs_of

        config = make_config(**self.run_settings())
        check_columns(config, inputs_of(build_objective(config)))

    def _code(self) -> str:
        return code_of(named(_texts({"objective": "infonce", **self.settings})))

    def to_json(self) -> str:
        """What a worker reads."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Cell:
        """The cell `to_json` wrote."""
        read = json.loads(text)
        return cls(**read | {"measures": tuple(read["measures"])})


@dataclass
class Cost:
    """What a training took; cpu_seconds: of all its threads."""

    seconds: float
    steps: int
    examples: int
    examples_per_second: float
    peak_mb: float
    cpu_seconds: float


def default_root() -> Path:
    """Where claims keep their runs: claims that share a baseline train it once."""
    return cache_folder() / "runs"


def _readable(name: object) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in str(name)[:80])


def _others(settings: Mapping[str, Any]) -> list[Any]:
    """What tells whether the other files and folders that settings name are the same: a model to
    start from, a teacher, more data. Nothing where there are none; code is in the digest."""
    if parts := settings.get("parts"):
        from dipole.training.parts.naming import read

        several = parts if isinstance(parts, list) else [parts]
        settings = {**settings, "parts": [list(read(part)) for part in several]}
    named = [
        (name, value)
        for name, given in sorted(settings.items())
        if name != "data"
        for value in _texts(given)
        if "/" in value and Path(value).expanduser().exists()
    ]
    return [[name, value, _state(Path(value).expanduser())] for name, value in named]


def _texts(value: Any) -> Iterator[str]:
    """All texts of a setting, those of its parts too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in (*value, *value.values()):
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _state(path: Path) -> list[Any]:
    """Size and time of change of a file, or of every file in a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _rows(data: str, test: str | None) -> list[Any]:
    """What tells whether the rows are the same: files by size and time of change."""
    found: list[Any] = []
    for source in (data, test):
        path = Path(source).expanduser() if source else None
        if path is not None and path.is_file():
            found.append([str(source), path.stat().st_size, path.stat().st_mtime_ns])
        elif path is not None and path.is_dir():
            found.append([str(source), _state(path)])
        else:
            found.append(source)
    if not data:
        raise InputError("data: missing; expected a file, a name or module:function")
    return found
