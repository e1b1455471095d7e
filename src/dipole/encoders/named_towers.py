"""Several encoders as one, each with a name: one per modality or column, into one space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.data.inputs import described, modality, whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import SIDES, Encoder, Features, Role
from dipole.encoders.folder import read_json, read_weights, require, write_json, write_weights
from dipole.encoders.loading import load_encoder
from dipole.encoders.once import Stored
from dipole.encoders.own import save_encoder
from dipole.encoders.registry import encoder_class, is_made, make_encoder, options_of
from dipole.errors import InputError

# What a tower is made of where only its inputs are known.
DEFAULTS = {"text": "static", "image": "conv"}


class NamedTowers(Encoder):
    """Encoders by name, of any modality each, into one space.

        z = unit(W_name tower_name(x))  for towers with a map,    z = tower_name(x)  for the others.

    sides: which tower takes the anchors ("query"), all that is looked for ("document"), or a column
    of that name; inputs that its tower cannot take go to the one that can. `encode` takes the name
    of a tower as the role, too.
    dim: size of the common space, which towers of other sizes reach by a linear map; None: the
    smallest of theirs.

    Whatever trains, measures or searches sees one encoder; the tower is in the names of its
    features.

    Example:
        >>> towers = NamedTowers({"image": image, "text": text}, dim=256)  # doctest: +SKIP
        >>> towers.encode(["a red coat"], role="text").shape  # doctest: +SKIP
        (1, 256)
    """

    by_column: ClassVar[bool] = True
    # Whether `dim` means a map for towers of that size, too.
    maps_all = False

    def __init__(
        self,
        towers: Mapping[str, Encoder],
        sides: Mapping[str, str] | None = None,
        dim: int | None = None,
    ) -> None:
        super().__init__()
        self.names = tuple(towers)
        for name, tower in towers.items():
            if not name.isidentifier() or hasattr(self, name):
                raise InputError(f"tower: found the name {name!r}; expected a word, as image")
            self.add_module(name, tower)
        self.sides = dict(sides or {})
        self.roles = tuple(dict.fromkeys([*SIDES, *self.sides, *self.names]))
        sizes = [tower.dim for tower in towers.values()]
        if dim is not None:
            check_memory(whole_number(dim, f"{self._kind}: dim") * sum(sizes), f"{self._kind}: dim")
        self.dim, self.mapped_to = dim or min(sizes), dim
        every = self.maps_all and dim is not None
        mapped = [n for n in self.names if every or self.tower(n).dim != self.dim]
        self.maps = nn.ModuleDict(
            {name: nn.Linear(self.tower(name).dim, self.dim, bias=False) for name in mapped}
        )
        shown = [tower.shows for tower in towers.values()]
        self.shows = tuple(output for output in shown[0] if all(output in one for one in shown))
        kinds = [tower.dtype for tower in towers.values()]
        self.dtype = "auto" if "auto" in kinds else kinds[0]
        # Of a tower that is locked: what it would say.
        self.stored: dict[str, Stored] = {}
        # A pretrained tower must not be trained at the pace of one from scratch.
        slower = min(towers.values(), key=lambda t: t.training_defaults["learning_rate"])
        self.training_defaults = slower.training_defaults  # type: ignore[misc]
        self.rate_factors = {
            f"{name}.{own}": factor
            for name in self.names
            for own, factor in getattr(self.tower(name), "rate_factors", {}).items()
        }

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Sequence[Any]],
        options: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> Self:
        """Towers for columns of inputs, by the role or name of each (`names`: of the column a role
        is read from).

        options: NAME=ENCODER, NAME_options={...}, dim. A column goes to the tower of its name, else
        to that of its modality (`text`, `image`), which is made by default.

        Raises:
            InputError: a column without a tower, a tower without a column.
        """
        given = {k: v for k, v in options.items() if k != "dim" and not k.endswith("_options")}
        for name, value in options.items():
            wrong = name in given and not isinstance(value, str)
            if wrong or (name.endswith("_options") and not isinstance(value, dict)):
                raise InputError(
                    f"encoder option '{name}': found {described(value)}; expected "
                    f"{'a name or folder' if wrong else 'settings of that tower'}"
                )
        kinds = {role: modality(column[0]) for role, column in columns.items() if len(column)}
        known = {*given, *(k.removesuffix("_options") for k in options if k.endswith("_options"))}
        sides: dict[str, str] = {}
        for role in columns:
            wanted = [role, (names or {}).get(role, ""), kinds.get(role, "")]
            found = next((name for name in wanted if name in known), None)
            if found is None and kinds.get(role) in DEFAULTS:
                found = kinds[role]
            if found is None:
                raise InputError(
                    f"encoder: found no tower for {wanted[1] or role} ("
                    f"{described(columns[role][0])}); expected --encoder-option "
                    f"{wanted[1] or role}=ENCODER"
                )
            sides[role] = found
        idle = [name for name in known if name not in sides.values()]
        if idle:
            raise InputError(
                f"encoder option '{idle[0]}': found no column of that name or modality; columns are"
                f" {', '.join((names or {}).get(role, role) for role in columns)}"
            )
        towers: dict[str, Encoder] = {}
        specs = {n: given.get(n) or DEFAULTS.get(n, "") for n in dict.fromkeys(sides.values())}
        made = {name: encoder_class(spec) for name, spec in specs.items() if is_made(spec)}
        # Loaded ones first, those that take the size of another last.
        asks_size = {name for name, tower in made.items() if tower.beside(1) != tower.beside(None)}
        for name in sorted(specs, key=lambda n: (n in made, n in asks_size)):
            own = dict(options.get(f"{name}_options") or {})
            if name in made:
                is_free = bool(towers) and options.get("dim") is None
                beside = made[name].beside(next(iter(towers.values())).dim if is_free else None)
                takes = options_of(made[name])
                own = {key: value for key, value in beside.items() if key in takes} | own
            mine = [columns[role] for role, tower in sides.items() if tower == name]
            rest = mine[0] if len(mine) == 1 else list(chain(*mine[1:]))
            towers[name] = make_encoder(specs[name], mine[0], rest, **own)
        dim = options.get("dim")
        if dim is None:  # of a model that was trained before: it may be locked
            kept = {tower.dim for name, tower in towers.items() if name not in made}
            dim = kept.pop() if len(kept) == 1 else None
        return cls({name: towers[name] for name in specs}, sides, dim)

    def tower(self, name: str) -> Encoder:
        """One of them."""
        found = getattr(self, name)
        assert isinstance(found, Encoder)
        return found

    def side(self, role: Role) -> Encoder:
        """The tower of this name; in another role inputs find the one that takes them."""
        return self.tower(role).side(_side(role)) if role in self.names else self

    def name_of(self, role: Role, inputs: Sequence[Any] = ()) -> str:
        """The tower of a role; where the first input is none of its modality, the one that is."""
        if role in self.names:
            return role
        first = list(inputs[:1]) if len(inputs) else []
        own = self.sides.get(role)
        if own is not None and (not first or _takes(self.tower(own), first)):
            return own
        able = [name for name in self.names if first and _takes(self.tower(name), first)]
        if len(able) == 1:
            return able[0]
        if own is not None:
            return own
        raise InputError(
            f"encode: role is {role!r}; expected the name of a tower: {', '.join(self.names)}"
        )

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """As the role's tower does."""
        if len(inputs):
            self.tower(self.name_of(role, inputs)).check(inputs, _side(role))

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """The features of the role's tower, each name behind the tower's."""
        name = self.name_of(role, inputs)
        if name in self.stored:
            return {f"{name}.stored": self.stored[name](inputs)}
        return _marked(name, self.tower(name).prepare(inputs, _side(role)))

    def keyed(self, features: Features, keys: Tensor) -> Features:
        """As the tower whose features these are has it; what is stored draws nothing."""
        name, own = _apart(features)
        return features if "stored" in own else _marked(name, self.tower(name).keyed(own, keys))

    def forward(self, features: Features) -> Tensor:
        """Vectors of the tower whose features these are, (n, dim)."""
        name, own = _apart(features)
        return self._mapped(name, own["stored"] if "stored" in own else self.tower(name)(own))

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Those of the tower whose features these are; tokens through its map, if it has one."""
        name, own = _apart(features)
        found = self.tower(name).outputs(own, names)
        if name in self.maps:
            found["tokens"] = self.maps[name](found["tokens"])
        return found | {"vectors": self._mapped(name, found["vectors"])}

    def _mapped(self, name: str, vectors: Tensor) -> Tensor:
        if name not in self.maps:
            return vectors
        return F.normalize(self.maps[name](vectors), dim=-1)

    def batches(
        self, inputs: Sequence[Any], role: Role, token_budget: int
    ) -> Iterator[tuple[np.ndarray, Features]]:
        """As the role's tower makes them."""
        if not len(inputs):
            return
        name = self.name_of(role, inputs)
        for indices, features in self.tower(name).batches(inputs, _side(role), token_budget):
            yield indices, _marked(name, features)

    def default_budget(self) -> int:
        """What all towers can take."""
        return min(self.tower(name).default_budget() for name in self.names)

    def settings(self) -> dict[str, Any]:
        """Those of all towers, who takes what, and the size of the common space."""
        towers = {name: self.tower(name).settings() for name in self.names}
        return {
            "encoder": self._kind,
            "dim": self.mapped_to,
            "sides": self.sides,
            "towers": towers,
        }

    def weights(self) -> dict[str, Tensor]:
        """Those that the towers keep, and the maps."""
        maps = {f"maps.{name}": tensor for name, tensor in self.maps.state_dict().items()}
        return maps | {
            f"{name}.{own}": tensor
            for name in self.names
            for own, tensor in self.tower(name).weights().items()
        }

    def save(self, folder: str | Path) -> None:
        """FOLDER/NAME as each tower saves itself, config.json, the maps."""
        folder = Path(folder)
        for name in self.names:
            (folder / name).mkdir(parents=True, exist_ok=True)
            save_encoder(self.tower(name), folder / name)
        if self.maps:
            write_weights(folder / "maps.safetensors", dict(self.maps.state_dict()))
        write_json(folder / "config.json", self._saved())

    def _saved(self) -> dict[str, Any]:
        return {
            "encoder": self._kind,
            "dim": self.mapped_to,
            "towers": list(self.names),
            "sides": self.sides,
        }

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What `save` wrote."""
        folder = Path(folder)
        config = read_json(require(folder, "config.json"))
        names = cls._names_in(config, folder)
        towers = cls._of({name: load_encoder(folder / name) for name in names}, config)
        if towers.maps:
            path = require(folder, "maps.safetensors")
            try:
                towers.maps.load_state_dict(read_weights(path))
            except RuntimeError as error:
                raise InputError(f"{path}: {str(error).splitlines()[-1].strip()}") from None
        return towers

    @classmethod
    def _names_in(cls, config: Mapping[str, Any], folder: Path) -> list[str]:
        names = config.get("towers")
        if not isinstance(names, list) or not names:
            raise InputError(f"{folder / 'config.json'}: found no towers; expected their names")
        return [str(name) for name in names]

    @classmethod
    def _of(cls, towers: dict[str, Encoder], config: Mapping[str, Any]) -> Self:
        return cls(towers, config.get("sides"), config.get("dim"))

    @property
    def _kind(self) -> str:
        return type(self).__name__


def _takes(tower: Encoder, inputs: Sequence[Any]) -> bool:
    try:
        tower.check(inputs, "document")
    except InputError:
        return False
    return True


def _side(role: Role) -> Role:
    """A role as a single tower knows it."""
    return role if role in SIDES else "document"


def _marked(name: str, features: Features) -> Features:
    return {f"{name}.{own}": tensor for own, tensor in features.items()}


def _apart(features: Features) -> tuple[str, Features]:
    """The tower's name and its own features."""
    name = next(iter(features)).partition(".")[0]
    return name, {own.partition(".")[2]: tensor for own, tensor in features.items()}
