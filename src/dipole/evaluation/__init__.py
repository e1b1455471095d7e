"""Measuring: retrieval and STS, every number with its interval, systems compared in pairs.

Names are loaded where they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.evaluation.report import print_report, report_json, write_per_item
    from dipole.evaluation.result import Result, compare
    from dipole.evaluation.retrieval import answerable, evaluate_retrieval, evaluate_run
    from dipole.evaluation.statistics import (
        Interval,
        PairedTest,
        bootstrap_interval,
        paired_test,
    )
    from dipole.evaluation.sts import evaluate_sts

_NAMES = {
    "Interval": "statistics",
    "PairedTest": "statistics",
    "Result": "result",
    "answerable": "retrieval",
    "bootstrap_interval": "statistics",
    "compare": "result",
    "evaluate_retrieval": "retrieval",
    "evaluate_run": "retrieval",
    "evaluate_sts": "sts",
    "paired_test": "statistics",
    "print_report": "report",
    "report_json": "report",
    "write_per_item": "report",
}

__all__ = [
    "Interval",
    "PairedTest",
    "Result",
    "answerable",
    "bootstrap_interval",
    "compare",
    "evaluate_retrieval",
    "evaluate_run",
    "evaluate_sts",
    "paired_test",
    "print_report",
    "report_json",
    "write_per_item",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"dipole.evaluation.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'dipole.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
