"""One process at a time, named to the others."""

import errno
import json
import os
import subprocess
import sys

import filelock
import pytest

from dipole.errors import InputError, RunError
from dipole.lock import LOCK, Lock

# Says when it holds the lock, and keeps it until its standard input ends.
HOLDER = """
import sys
from dipole.lock import Lock
with Lock(sys.argv[1], "run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of `run`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run" / LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_refused_and_told_who_has_it(holder, tmp_path):
    with pytest.raises(RunError) as error, Lock(tmp_path / "run" / LOCK, "run: a training"):
        pass
    text = str(error.value)
    assert text.startswith(f"run: a training is at work (process {holder.pid} on ")
    assert "python" in text or "-c" in text  # its command
    assert "\n" not in text
    assert "wait until it is done, or stop it" in text


def test_the_lock_of_a_killed_process_is_free(holder, tmp_path, capfd):
    holder.kill()
    holder.wait()
    assert (tmp_path / "run" / LOCK).exists()  # it could not clean up
    with Lock(tmp_path / "run" / LOCK, "run"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == os.getpid()
    assert capfd.readouterr().err == ""


def test_one_can_wait(holder, tmp_path, capfd, monkeypatch):
    take = filelock.FileLock.acquire

    def acquire(lock, timeout=None, **options):
        if timeout is None:  # now it waits: only then the holder leaves
            holder.stdin.close()
        return take(lock, timeout, **options)

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with Lock(tmp_path / "run" / LOCK, "run: a training", wait=True):
        assert "run: a training is at work (process" in capfd.readouterr().err


def test_another_machine_s_file_is_taken_over_with_a_word(tmp_path, capfd):
    (tmp_path / LOCK).write_text(json.dumps({"pid": 1, "host": "elsewhere", "command": "x\ny"}))
    with Lock(tmp_path / LOCK, "run: a training"):
        pass
    said = capfd.readouterr().err
    assert said.startswith("run: a training did not end (process 1 on elsewhere")
    assert said.count("\n") == 1


def test_nothing_is_left_behind(tmp_path):
    with Lock(tmp_path / "run" / LOCK, "run"):
        assert (tmp_path / "run" / LOCK).exists()
    assert list(tmp_path.iterdir()) == []
    with Lock(tmp_path / "run" / LOCK, "run"):
        (tmp_path / "run" / "result").write_text("x")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["result"]


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "run").write_text("x")
    with (
        pytest.raises(InputError, match="is a file; expected a folder"),
        Lock(tmp_path / "run" / LOCK, "run"),
    ):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capfd):
    def none(*_, **__):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", none)
    with Lock(tmp_path / "run" / LOCK, "run"):
        pass
    assert "has no locks" in capfd.readouterr().err
