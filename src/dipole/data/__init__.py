"""Typed examples with stable ids, the readers that make them, and the named data sets.

Names are loaded where they are first used: importing this package imports no reader and no Arrow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.data.bundles import Bundles
    from dipole.data.examples import (
        Column,
        Examples,
        Inputs,
        Labeled,
        Pairs,
        Ranked,
        Scored,
        Skipped,
        Texts,
        Triplets,
    )
    from dipole.data.loading import (
        load_bundles,
        load_inputs,
        load_labeled,
        load_pairs,
        load_ranked,
        load_retrieval,
        load_scored,
    )
    from dipole.data.named import data_sets
    from dipole.data.preference_plans import load_preferences
    from dipole.data.preferences import Preferences
    from dipole.data.retrieval import RetrievalData
    from dipole.data.same import content_key
    from dipole.data.trec import read_qrels, read_run, write_qrels, write_run

_NAMES = {
    "Bundles": "bundles",
    "Column": "examples",
    "Examples": "examples",
    "Inputs": "examples",
    "Labeled": "examples",
    "Pairs": "examples",
    "Preferences": "preferences",
    "Ranked": "examples",
    "RetrievalData": "retrieval",
    "Scored": "examples",
    "Skipped": "examples",
    "Texts": "examples",
    "Triplets": "examples",
    "content_key": "same",
    "data_sets": "named",
    "load_bundles": "loading",
    "load_inputs": "loading",
    "load_labeled": "loading",
    "load_pairs": "loading",
    "load_preferences": "preference_plans",
    "load_ranked": "loading",
    "load_retrieval": "loading",
    "load_scored": "loading",
    "read_qrels": "trec",
    "read_run": "trec",
    "write_qrels": "trec",
    "write_run": "trec",
}

__all__ = [
    "Bundles",
    "Column",
    "Examples",
    "Inputs",
    "Labeled",
    "Pairs",
    "Preferences",
    "Ranked",
    "RetrievalData",
    "Scored",
    "Skipped",
    "Texts",
    "Triplets",
    "content_key",
    "data_sets",
    "load_bundles",
    "load_inputs",
    "load_labeled",
    "load_pairs",
    "load_preferences",
    "load_ranked",
    "load_retrieval",
    "load_scored",
    "read_qrels",
    "read_run",
    "write_qrels",
    "write_run",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"dipole.data.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'dipole.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
