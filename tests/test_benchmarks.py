"""The benchmark's machinery at a size that takes no time; no figure of time is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.cases import CASES, DIPOLE, REFERENCE
from benchmarks.report import HEAD, section
from benchmarks.rows import cosine, table
from benchmarks.session import OUT_OF_MEMORY, Limits, Row, explain, foretell, run_session

LIMITS = Limits(seconds=60, memory=2**33, threads=1)


def test_two_implementations_are_measured_and_agree() -> None:
    rows = run_session(CASES[0], 64, 16, LIMITS, [], only=(DIPOLE, REFERENCE))
    assert [row.implementation for row in rows] == [DIPOLE, REFERENCE]
    assert all(row.reason is None and row.seconds and row.growth is not None for row in rows)
    ours, plain = rows
    assert ours.loss == pytest.approx(plain.loss, rel=1e-4)
    lines = section(CASES[0], rows).splitlines()
    lines = [line for line in lines if line.startswith("| 64 |")]
    assert len(lines) == 2
    assert all(line.count("|") == len(HEAD) + 1 for line in lines)


def test_a_row_without_figures_says_why() -> None:
    row = Row("infonce", REFERENCE, 64, 16, reason="out of patience")
    (line,) = (line for line in section(CASES[0], [row]).splitlines() if "patience" in line)
    assert line.count("|") == len(HEAD) + 1


def test_an_allocation_that_failed_is_named_by_its_size() -> None:
    found = explain("can't allocate memory: you tried to allocate 34000000000 bytes.", 10**10)
    assert found.startswith(OUT_OF_MEMORY)
    assert "34.0 GB" in found


def test_a_size_that_takes_too_long_is_foretold() -> None:
    before = [Row("infonce", REFERENCE, 1024, 16, seconds=[10.0])]
    later = Row("infonce", REFERENCE, 4096, 16)
    assert foretell(later, before, LIMITS) == "about 160 s, judged by n = 1,024"
    assert foretell(Row("infonce", DIPOLE, 4096, 16), before, LIMITS) is None


def test_a_table_of_rows_says_ratios_and_reasons() -> None:
    found = {"seconds": 2.0, "loss": 0.5}
    rows = [
        ("8: sentence-transformers", found),
        ("8: dipole", found | {"seconds": 1.0}),
        ("16: sentence-transformers", {"reason": "no such package"}),
        ("16: dipole", found),
    ]
    lines = table(rows, "seconds", {"loss": lambda row: f"{row['loss']:.2f}"}).splitlines()
    assert lines[0] == "|  | seconds | ratio | loss |"
    assert lines[3] == "| 8: dipole | 1.0 | 0.50 | 0.50 |"
    assert lines[4] == "| 16: sentence-transformers | no such package |  |  |"
    assert lines[5] == "| 16: dipole | 2.0 | - | 0.50 |"


def test_the_cosine_of_two_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", [[1.0, 0.0], [0.0, 2.0]])
    np.save(tmp_path / "b.npy", [[3.0, 0.0], [1.0, 1.0]])
    found = cosine(tmp_path / "a.npy", tmp_path / "b.npy")
    assert found == pytest.approx((1 + 0.5**0.5) / 2)
    assert np.isnan(cosine(tmp_path / "a.npy", tmp_path / "none.npy"))
