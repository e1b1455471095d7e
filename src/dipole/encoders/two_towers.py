"""Two encoders as one: queries through the first, documents through the second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory
from dipole.data.same import exact_key
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.folder import read_json, read_weights, require, write_json, write_weights
from dipole.encoders.own import save_encoder
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError

ROLES: tuple[Role, Role] = ("query", "document")


class Stored:
    """Vectors of inputs by their content, in place of a tower that does not change."""

    def __init__(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        self.keys, self.vectors = keys, vectors

    @classmethod
    def of(
        cls, tower: Encoder, inputs: Sequence[Any], role: Role, *, show_progress: bool = False
    ) -> Stored:
        """Every different input encoded once, in an order that does not depend on theirs."""
        keys, first = np.unique(_keys(inputs), return_index=True)
        different = [inputs[int(i)] for i in first]
        return cls(keys, tower.encode(different, role, show_progress=show_progress))

    def __call__(self, inputs: Sequence[Any]) -> Tensor:
        """(n, dim)."""
        keys = _keys(inputs)
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        if (self.keys[places] != keys).any():
            raise InputError("a locked tower: found an input that was not encoded before training")
        return torch.from_numpy(self.vectors[places])


class TwoTowers(Encoder):
    """An encoder per role, of any modality each, into one space.

        z = unit(W_role tower_role(x))    with `dim`;    z = tower_role(x)   without.

    dim: size of the common space, reached by a linear map of each tower; None where both towers
    have one size already. Whatever trains, measures or searches sees one encoder; the role is in
    the names of its features.

    Example:
        >>> towers = TwoTowers(text, image, dim=256)  # doctest: +SKIP
        >>> towers.encode(["a red coat"], role="query").shape  # doctest: +SKIP
        (1, 256)
    """

    def __init__(self, query: Encoder, document: Encoder, dim: int | None = None) -> None:
        super().__init__()
        if dim is not None:
            check_memory(
                whole_number(dim, "TwoTowers: dim") * (query.dim + document.dim), "TwoTowers: dim"
            )
        if dim is None and query.dim != document.dim:
            raise InputError(
                f"towers: found vectors of {query.dim} and {document.dim}; "
                "expected one size, or `dim` for a common one"
            )
        self.query, self.document = query, document
        self.dim = dim or query.dim
        self.maps = nn.ModuleDict()
        if dim is not None:
            self.maps.update({r: nn.Linear(self.tower(r).dim, dim, bias=False) for r in ROLES})
        self.dtype = "auto" if "auto" in (query.dtype, document.dtype) else query.dtype
        # Of a tower that is locked: what it would say.
        self.stored: dict[Role, Stored] = {}
        # A pretrained tower must not be trained at the pace of one from scratch.
        slower = min((query, document), key=lambda t: t.training_defaults["learning_rate"])
        self.training_defaults = slower.training_defaults  # type: ignore[misc]
        self.rate_factors = {
            f"{role}.{name}": factor
            for role in ROLES
            for name, factor in getattr(self.tower(role), "rate_factors", {}).items()
        }

    @classmethod
    def from_inputs(
        cls,
        queries: Sequence[Any],
        documents: Sequence[Any],
        *,
        query: str = "static",
        document: str = "static",
        dim: int | None = None,
        query_options: dict[str, Any] | None = None,
        document_options: dict[str, Any] | None = None,
    ) -> TwoTowers:
        """Towers by name, folder or hub id, each made for its side of the examples."""
        first = make_encoder(query, queries, queries, **(query_options or {}))
        second = make_encoder(document, documents, documents, **(document_options or {}))
        return cls(first, second, dim)

    def side(self, role: Role) -> Encoder:
        """The role's tower."""
        return self.tower(role).side(role)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """As the role's tower does."""
        self.tower(role).check(inputs, role)

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """The features of the role's tower, each name behind the role."""
        if role in self.stored:
            return {f"{role}.stored": self.stored[role](inputs)}
        return _marked(role, self.tower(role).prepare(inputs, role))

    def keyed(self, features: Features, keys: Tensor) -> Features:
        """As the tower whose features these are has it; what is stored draws nothing."""
        role, _, name = next(iter(features)).partition(".")
        if name == "stored":
            return features
        own = {name.partition(".")[2]: tensor for name, tensor in features.items()}
        return _marked(role, self.tower(role).keyed(own, keys))

    def forward(self, features: Features) -> Tensor:
        """Vectors of the tower whose features these are, (n, dim)."""
        role, _, _ = next(iter(features)).partition(".")
        own = {name.partition(".")[2]: tensor for name, tensor in features.items()}
        vectors: Tensor = own["stored"] if "stored" in own else self.tower(role)(own)
        if self.maps:
            vectors = F.normalize(self.maps[role](vectors), dim=-1)
        return vectors

    def batches(
        self, inputs: Sequence[Any], role: Role, token_budget: int
    ) -> Iterator[tuple[np.ndarray, Features]]:
        """As the role's tower makes them."""
        for indices, features in self.tower(role).batches(inputs, role, token_budget):
            yield indices, _marked(role, features)

    def default_budget(self) -> int:
        """What both towers can take."""
        return min(self.query.default_budget(), self.document.default_budget())

    def settings(self) -> dict[str, Any]:
        """Those of both towers, and the size of the common space."""
        return {
            "encoder": "TwoTowers",
            "dim": self.dim if self.maps else None,
            "query": self.query.settings(),
            "document": self.document.settings(),
        }

    def weights(self) -> dict[str, Tensor]:
        """Those that the towers keep, and the maps."""
        maps = {f"maps.{name}": tensor for name, tensor in self.maps.state_dict().items()}
        return maps | {
            f"{role}.{name}": tensor
            for role in ROLES
            for name, tensor in self.tower(role).weights().items()
        }

    def save(self, folder: str | Path) -> None:
        """FOLDER/query and FOLDER/document as each tower saves itself, config.json, the maps."""
        folder = Path(folder)
        for role in ROLES:
            (folder / role).mkdir(parents=True, exist_ok=True)
            save_encoder(self.tower(role), folder / role)
        if self.maps:
            write_weights(folder / "maps.safetensors", dict(self.maps.state_dict()))
        dim = self.dim if self.maps else None
        write_json(folder / "config.json", {"encoder": "TwoTowers", "dim": dim})

    @classmethod
    def load(cls, folder: str | Path) -> TwoTowers:
        """What `save` wrote."""
        from dipole.encoders.loading import load_encoder

        folder = Path(folder)
        dim = read_json(require(folder, "config.json")).get("dim")
        towers = cls(load_encoder(folder / "query"), load_encoder(folder / "document"), dim)
        if dim is not None:
            path = require(folder, "maps.safetensors")
            try:
                towers.maps.load_state_dict(read_weights(path))
            except RuntimeError as error:
                raise InputError(f"{path}: {str(error).splitlines()[-1].strip()}") from None
        return towers

    def tower(self, role: str) -> Encoder:
        """One of the two."""
        return self.query if role == "query" else self.document


def _keys(inputs: Sequence[Any]) -> np.ndarray:
    return np.fromiter(map(exact_key, inputs), np.uint64, len(inputs))


def _marked(role: str, features: Features) -> Features:
    return {f"{role}.{name}": tensor for name, tensor in features.items()}
