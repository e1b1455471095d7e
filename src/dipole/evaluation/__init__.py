"""Measuring: retrieval and STS, every number with its interval, systems compared in pairs.

Names are loaded where they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.evaluation.encoding import encode_function
    from dipole.evaluation.geometry.report import draw_geometry, geometry_json, print_geometry
    from dipole.evaluation.geometry.whole import Geometry, evaluate_geometry, measure_geometry
    from dipole.evaluation.mteb import mteb_model
    from dipole.evaluation.report import print_report, report_json, write_per_item
    from dipole.evaluation.result import Result, compare
    from dipole.evaluation.statistics.corrections import benjamini_hochberg, corrected, holm
    from dipole.evaluation.statistics.intervals import (
        Interval,
        PairedTest,
        bootstrap_interval,
        paired_test,
    )
    from dipole.evaluation.statistics.over_seeds import (
        NestedInterval,
        NestedTest,
        nested_interval,
        nested_test,
    )
    from dipole.evaluation.statistics.standings import Standing, leaderboard
    from dipole.evaluation.stored_vectors import StoredVectors, load_vectors
    from dipole.evaluation.tasks.bitext import evaluate_bitext
    from dipole.evaluation.tasks.clustering import clusters, evaluate_clustering
    from dipole.evaluation.tasks.duplicates import duplicate_precision, evaluate_duplicates
    from dipole.evaluation.tasks.evaluating import evaluate
    from dipole.evaluation.tasks.few_shot import evaluate_few_shot, few_shot_accuracy
    from dipole.evaluation.tasks.neighbours import evaluate_knn, knn
    from dipole.evaluation.tasks.pair_classification import evaluate_pair_classification
    from dipole.evaluation.tasks.probe import evaluate_probe, linear_probe
    from dipole.evaluation.tasks.registry import TASKS, Task, pixels, swapped
    from dipole.evaluation.tasks.reranking import evaluate_reranking
    from dipole.evaluation.tasks.retrieval import (
        answerable,
        evaluate_bm25,
        evaluate_retrieval,
        evaluate_run,
    )
    from dipole.evaluation.tasks.sts import evaluate_sts
    from dipole.evaluation.tasks.triplets import evaluate_triplets
    from dipole.evaluation.tasks.zero_shot import class_vectors, evaluate_zero_shot

_NAMES = {
    "Geometry": "geometry.whole",
    "Interval": "statistics.intervals",
    "NestedInterval": "statistics.over_seeds",
    "NestedTest": "statistics.over_seeds",
    "PairedTest": "statistics.intervals",
    "Standing": "statistics.standings",
    "Result": "result",
    "StoredVectors": "stored_vectors",
    "TASKS": "tasks.registry",
    "Task": "tasks.registry",
    "answerable": "tasks.retrieval",
    "benjamini_hochberg": "statistics.corrections",
    "bootstrap_interval": "statistics.intervals",
    "class_vectors": "tasks.zero_shot",
    "clusters": "tasks.clustering",
    "compare": "result",
    "corrected": "statistics.corrections",
    "draw_geometry": "geometry.report",
    "duplicate_precision": "tasks.duplicates",
    "encode_function": "encoding",
    "evaluate": "tasks.evaluating",
    "evaluate_bitext": "tasks.bitext",
    "evaluate_bm25": "tasks.retrieval",
    "evaluate_clustering": "tasks.clustering",
    "evaluate_duplicates": "tasks.duplicates",
    "evaluate_few_shot": "tasks.few_shot",
    "evaluate_geometry": "geometry.whole",
    "evaluate_knn": "tasks.neighbours",
    "evaluate_pair_classification": "tasks.pair_classification",
    "evaluate_probe": "tasks.probe",
    "evaluate_reranking": "tasks.reranking",
    "evaluate_retrieval": "tasks.searching",
    "evaluate_run": "tasks.retrieval",
    "evaluate_sts": "tasks.sts",
    "evaluate_triplets": "tasks.triplets",
    "evaluate_zero_shot": "tasks.zero_shot",
    "few_shot_accuracy": "tasks.few_shot",
    "geometry_json": "geometry.report",
    "holm": "statistics.corrections",
    "knn": "tasks.neighbours",
    "leaderboard": "statistics.standings",
    "linear_probe": "tasks.probe",
    "load_vectors": "stored_vectors",
    "measure_geometry": "geometry.whole",
    "mteb_model": "mteb",
    "nested_interval": "statistics.over_seeds",
    "nested_test": "statistics.over_seeds",
    "paired_test": "statistics.intervals",
    "pixels": "tasks.registry",
    "print_geometry": "geometry.report",
    "print_report": "report",
    "report_json": "report",
    "swapped": "tasks.registry",
    "write_per_item": "report",
}

__all__ = [
    "TASKS",
    "Geometry",
    "Interval",
    "NestedInterval",
    "NestedTest",
    "PairedTest",
    "Result",
    "Standing",
    "StoredVectors",
    "Task",
    "answerable",
    "benjamini_hochberg",
    "bootstrap_interval",
    "class_vectors",
    "clusters",
    "compare",
    "corrected",
    "draw_geometry",
    "duplicate_precision",
    "encode_function",
    "evaluate",
    "evaluate_bitext",
    "evaluate_bm25",
    "evaluate_clustering",
    "evaluate_duplicates",
    "evaluate_few_shot",
    "evaluate_geometry",
    "evaluate_knn",
    "evaluate_pair_classification",
    "evaluate_probe",
    "evaluate_reranking",
    "evaluate_retrieval",
    "evaluate_run",
    "evaluate_sts",
    "evaluate_triplets",
    "evaluate_zero_shot",
    "few_shot_accuracy",
    "geometry_json",
    "holm",
    "knn",
    "leaderboard",
    "linear_probe",
    "load_vectors",
    "measure_geometry",
    "mteb_model",
    "nested_interval",
    "nested_test",
    "paired_test",
    "pixels",
    "print_geometry",
    "print_report",
    "report_json",
    "swapped",
    "write_per_item",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"dipole.evaluation.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'dipole.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
