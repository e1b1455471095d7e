"""Two encoders as one: queries through the first, documents through the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from dipole.encoders.base import SIDES, Encoder
from dipole.encoders.named_towers import NamedTowers
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError


class TwoTowers(NamedTowers):
    """An encoder per role, of any modality each, into one space: `NamedTowers` named after roles.

        z = unit(W_role tower_role(x))    with `dim`;    z = tower_role(x)   without.

    dim: size of the common space, reached by a linear map of each tower; None where both towers
    have one size already.

    Example:
        >>> towers = TwoTowers(text, image, dim=256)  # doctest: +SKIP
        >>> towers.encode(["a red coat"], role="query").shape  # doctest: +SKIP
        (1, 256)
    """

    by_column: ClassVar[bool] = False
    maps_all = True
    query: Encoder
    document: Encoder

    def __init__(self, query: Encoder, document: Encoder, dim: int | None = None) -> None:
        if dim is None and query.dim != document.dim:
            raise InputError(
                f"towers: found vectors of {query.dim} and {document.dim}; "
                "expected one size, or `dim` for a common one"
            )
        super().__init__({"query": query, "document": document}, dim=dim)

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

    def settings(self) -> dict[str, Any]:
        """Those of both towers, and the size of the common space."""
        towers = {role: self.tower(role).settings() for role in SIDES}
        return {"encoder": "TwoTowers", "dim": self.mapped_to} | towers

    def _saved(self) -> dict[str, Any]:
        return {"encoder": "TwoTowers", "dim": self.mapped_to}

    @classmethod
    def _names_in(cls, config: Mapping[str, Any], folder: Path) -> list[str]:
        return list(SIDES)

    @classmethod
    def _of(cls, towers: dict[str, Encoder], config: Mapping[str, Any]) -> Self:
        return cls(towers["query"], towers["document"], config.get("dim"))
