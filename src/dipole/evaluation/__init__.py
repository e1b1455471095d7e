"""Measuring: retrieval and STS, every number with its interval, systems compared in pairs.

Names are loaded where they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.evaluation.bitext import evaluate_bitext
    from dipole.evaluation.clustering import clusters, evaluate_clustering
    from dipole.evaluation.corrections import benjamini_hochberg, corrected, holm
    from dipole.evaluation.duplicates import duplicate_precision, evaluate_duplicates
    from dipole.evaluation.encoding import encode_function
    from dipole.evaluation.few_shot import evaluate_few_shot, few_shot_accuracy
    from dipole.evaluation.geometry import Geometry, evaluate_geometry, measure_geometry
    from dipole.evaluation.geometry_report import draw_geometry, geometry_json, print_geometry
    from dipole.evaluation.mteb import mteb_model
    from dipole.evaluation.neighbours import evaluate_knn, knn
    from dipole.evaluation.nested import NestedInterval, NestedTest, nested_interval, nested_test
    from dipole.evaluation.pair_classification import evaluate_pair_classification
    from dipole.evaluation.probe import evaluate_probe, linear_probe
    from dipole.evaluation.report import print_report, report_json, write_per_item
    from dipole.evaluation.reranking import evaluate_reranking
    from dipole.evaluation.result import Result, compare
    from dipole.evaluation.retrieval import (
        answerable,
        evaluate_bm25,
        evaluate_retrieval,
        evaluate_run,
    )
    from dipole.evaluation.standings import Place, leaderboard
    from dipole.evaluation.statistics import Interval, PairedTest, bootstrap_interval, paired_test
    from dipole.evaluation.stored import Stored, load_vectors
    from dipole.evaluation.sts import evaluate_sts
    from dipole.evaluation.tasks import TASKS, Task, pixels, swapped
    from dipole.evaluation.zero_shot import class_vectors, evaluate_zero_shot

_NAMES = {
    "Geometry": "geometry",
    "Interval": "statistics",
    "NestedInterval": "nested",
    "NestedTest": "nested",
    "PairedTest": "statistics",
    "Place": "standings",
    "Result": "result",
    "Stored": "stored",
    "TASKS": "tasks",
    "Task": "tasks",
    "answerable": "retrieval",
    "benjamini_hochberg": "corrections",
    "bootstrap_interval": "statistics",
    "class_vectors": "zero_shot",
    "clusters": "clustering",
    "compare": "result",
    "corrected": "corrections",
    "draw_geometry": "geometry_report",
    "duplicate_precision": "duplicates",
    "encode_function": "encoding",
    "evaluate_bitext": "bitext",
    "evaluate_bm25": "retrieval",
    "evaluate_clustering": "clustering",
    "evaluate_duplicates": "duplicates",
    "evaluate_few_shot": "few_shot",
    "evaluate_geometry": "geometry",
    "evaluate_knn": "neighbours",
    "evaluate_pair_classification": "pair_classification",
    "evaluate_probe": "probe",
    "evaluate_reranking": "reranking",
    "evaluate_retrieval": "retrieval",
    "evaluate_run": "retrieval",
    "evaluate_sts": "sts",
    "evaluate_zero_shot": "zero_shot",
    "few_shot_accuracy": "few_shot",
    "geometry_json": "geometry_report",
    "holm": "corrections",
    "knn": "neighbours",
    "leaderboard": "standings",
    "linear_probe": "probe",
    "load_vectors": "stored",
    "measure_geometry": "geometry",
    "mteb_model": "mteb",
    "nested_interval": "nested",
    "nested_test": "nested",
    "paired_test": "statistics",
    "pixels": "tasks",
    "print_geometry": "geometry_report",
    "print_report": "report",
    "report_json": "report",
    "swapped": "tasks",
    "write_per_item": "report",
}

__all__ = [
    "TASKS",
    "Geometry",
    "Interval",
    "NestedInterval",
    "NestedTest",
    "PairedTest",
    "Place",
    "Result",
    "Stored",
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
