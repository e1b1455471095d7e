"""A log is never silent for long, and short work says nothing."""

import pytest

from dipole import progress
from dipole.progress import Pace, counting, reporting


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_at_every_tenth(clock):
    pace = Pace()
    assert [done for done in range(1, 41) if pace.is_due(done, 40)] == list(range(4, 41, 4))


def test_a_line_after_thirty_seconds_without_one(clock):
    pace = Pace()
    due = []
    for second in range(1, 100):
        clock[0] = float(second)
        if pace.is_due(second, 100_000):
            due.append(second)
    assert due == [30, 60, 90]


def test_of_unknown_length_by_time_alone(clock):
    pace = Pace()
    assert not pace.is_due(10**9, None)
    clock[0] = 31.0
    assert pace.is_due(10**9 + 1, None)


def test_short_work_leaves_no_line_in_a_log(capsys, clock):
    with counting("encoding", 100) as count:
        for _ in range(100):
            count(1)
    assert capsys.readouterr().err == ""


def test_long_work_is_told_thing_by_thing(capsys, clock):
    with reporting() as report:
        clock[0] = 6.0
        for done in (500, 1000):
            report("encoding", done, 1000)
        clock[0] = 40.0
        report("mining", 1, 10_000)
        report("reading", 7, None)
    clock[0] = 100.0
    assert capsys.readouterr().err.splitlines() == [
        "encoding 500 of 1,000", "encoding 1,000 of 1,000"
    ]  # fmt: skip


def test_hidden_it_says_nothing(capsys, clock):
    with reporting(shown=False) as report:
        clock[0] = 100.0
        report("encoding", 1, 1)
    assert capsys.readouterr().err == ""
