"""Using representations: an index on disk, hybrid search, fusion of rankings; paraphrases."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.retrieval.corpus import read_corpus
    from dipole.retrieval.documents import Document
    from dipole.retrieval.fusion import reciprocal_rank_fusion, weighted_fusion
    from dipole.retrieval.hits import Hit
    from dipole.retrieval.index import Index
    from dipole.retrieval.similar_pairs import communities, paraphrases
    from dipole.retrieval.weighing import weigh

# Public name -> the module that defines it; loaded where it is first used.
_NAMES = {
    "Document": "dipole.retrieval.documents",
    "Hit": "dipole.retrieval.hits",
    "Index": "dipole.retrieval.index",
    "communities": "dipole.retrieval.similar_pairs",
    "paraphrases": "dipole.retrieval.similar_pairs",
    "read_corpus": "dipole.retrieval.corpus",
    "reciprocal_rank_fusion": "dipole.retrieval.fusion",
    "weigh": "dipole.retrieval.weighing",
    "weighted_fusion": "dipole.retrieval.fusion",
}

__all__ = [
    "Document",
    "Hit",
    "Index",
    "communities",
    "paraphrases",
    "read_corpus",
    "reciprocal_rank_fusion",
    "weigh",
    "weighted_fusion",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'dipole.retrieval' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
