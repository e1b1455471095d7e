"""The right to be the only process that writes in a folder."""

from __future__ import annotations

import errno
import json
import os
import platform
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from dipole.errors import InputError, RunError
from dipole.showing import say

# The file inside a folder that its only writer holds.
LOCK = ".lock"
# A command in a message is cut here.
_SHOWN = 200
_ATTEMPTS = 20
# What a file system without locks answers.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)


class Lock:
    """`with Lock(file, "runs/first: another training"): ...`: one process at a time.

    The operating system holds the lock, so one whose process is gone, however it ended, is free.
    The file says who holds it; that is for the message alone. A file that was left by another
    machine is taken over with a note: either that process is dead, or this file system does not
    share locks between machines, which nobody can tell from here.

    Args:
        file: the lock file; its folder is made, and removed again if it is still empty then.
        who: begins the message of a refusal.
        wait: wait for the holder to be done instead of refusing.

    Raises:
        RunError: another process (or thread) holds it; names its process, host, start, command.
        InputError: the file cannot be written.
    """

    def __init__(self, file: str | Path, who: str, *, wait: bool = False) -> None:
        self.file = Path(file)
        self.who = who
        self.wait = wait
        self._lock: Any = None
        self._is_folder_ours = False

    def __enter__(self) -> Lock:
        from filelock import FileLock, Timeout

        lock = FileLock(self.file, thread_local=False, fallback_to_soft=False, poll_interval=0.2)
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    self._make_folder()
                    self._take(lock)
                    break
                except FileNotFoundError:  # whoever had it removed the folder meanwhile
                    if attempt == _ATTEMPTS - 1:
                        raise
        except Timeout:
            raise RunError(
                f"{self.who} is at work ({self._holder()}); wait until it is done, or stop it"
            ) from None
        except PermissionError:
            raise InputError(f"{self.file.parent}: not allowed to write there") from None
        except (FileExistsError, NotADirectoryError):
            there = next(path for path in self.file.parents if path.exists())
            raise InputError(f"{there}: is a file; expected a folder") from None
        except OSError as error:
            # Some network file systems know no locks: better to work than to refuse there.
            if error.errno not in _NO_LOCKS:
                raise
            _say(f"{self.file.parent}: this file system has no locks; let one process write there")
            return self
        self._lock = lock
        self._take_over()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            try:
                with suppress(OSError):
                    # Still held, so nobody else's; who has opened it sees that it has no name now.
                    self.file.unlink(missing_ok=True)
            finally:
                self._lock.release()
                self._lock = None
        if self._is_folder_ours:
            with suppress(OSError):  # it is not empty
                self.file.parent.rmdir()

    def _take(self, lock: Any) -> None:
        from filelock import Timeout

        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not self.wait:
                raise
            _say(f"{self.who} is at work ({self._holder()}); waiting")
            lock.acquire()

    def _make_folder(self) -> None:
        folder = self.file.parent
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._is_folder_ours = True

    def _take_over(self) -> None:
        """Write down who has it now, and say so if it seems to be another machine's."""
        before = _read(self.file)
        if before and before.get("host") != platform.node():
            _say(
                f"{self.who} did not end ({_shown(before)}); taken over. If it still runs, stop "
                "one of the two: this file system does not share locks between machines"
            )
        holder = {
            "pid": os.getpid(),
            "host": platform.node(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            "command": _command(),
        }
        with suppress(OSError), self.file.open("r+", encoding="utf-8") as file:
            file.write(json.dumps(holder) + "\n")
            file.truncate()

    def _holder(self) -> str:
        return _shown(_read(self.file))


def _read(file: Path) -> dict[str, Any]:
    """Who wrote himself down, {} if nobody did."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(holder: dict[str, Any]) -> str:
    if not holder:
        return "another process"
    command = " ".join(str(holder.get("command")).split())
    short = command if len(command) <= _SHOWN else f"{command[:_SHOWN]}..."
    return (
        f"process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}: {short}"
    )


def _command() -> str:
    name, *arguments = sys.argv or [""]
    if Path(name).name in ("dipole", "__main__.py"):
        name = "dipole"
    return shlex.join([name or "python", *arguments])


def _say(line: str) -> None:
    say(line, error=True)
