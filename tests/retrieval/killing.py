"""Run by test_atomicity.py: changes an index again and again and is killed while it does.

    python killing.py FOLDER TIMES SEED

FOLDER/base is the index to change. Every trial works on a copy, FOLDER/OPERATION-TRIAL, in a
process forked from this one, which has imported everything but used nothing of LanceDB yet. Some
trials are killed at the steps of a write, TIMES of each operation at random moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import lance as _lance
import torch
from words import Words, numbered

from dipole.encoders import loading
from dipole.retrieval import Index, documents, store
from dipole.retrieval import table as lance

# LanceDB warns in a forked child; here nothing of it was used before the fork.
warnings.filterwarnings("ignore", message="lancedb fork support", category=RuntimeWarning)
torch.set_num_threads(1)
loading.load_encoder = Words.load  # type: ignore[assignment]
documents._DOCUMENTS = 16  # several batches, so several commits, in every operation
assert _lance.__name__


def add_a_little(folder: Path) -> None:
    store._SHARE, store._MOST = 9.0, 10**6  # so little that the search indexes wait
    Index.open(folder).add(numbered(90, 93))


OPERATIONS: dict[str, Callable[[Path], Any]] = {
    "create": lambda folder: Index.create(folder, Words(), numbered(0, 90)),
    "add": lambda folder: Index.open(folder).add(numbered(90, 150)),
    "little": add_a_little,
    "replace": lambda folder: Index.open(folder).replace(numbered(60, 120, "new")),
    "delete": lambda folder: Index.open(folder).delete(str(i) for i in range(30, 70)),
}


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(function: Callable[..., Any], after: bool) -> Callable[..., Any]:
    """A function that is killed when it is called, or when it is done."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if not after:
            die()
        function(*args, **kwargs)
        return die()

    return run


# Where a write is killed on purpose: (module, function, whether it is done by then).
Step = tuple[Any, str, bool]
PUBLISHED: list[Step] = [(os, "replace", False), (os, "replace", True)]
INDEXED: list[Step] = [(lance, "update_indexes", False), (lance, "update_indexes", True)]
STEPS: dict[str, list[Step]] = {
    "create": [*INDEXED, (os, "rename", False), (os, "rename", True)],
    "add": [*INDEXED, *PUBLISHED, (lance, "prune", False)],
    "little": PUBLISHED,
    "replace": [*INDEXED, *PUBLISHED],
    "delete": [*INDEXED, *PUBLISHED],
}


def forked(work: Callable[[], Any]) -> int:
    """Do some work in a child; its process id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return child


def trials(root: Path, operation: str, times: int, draw: random.Random) -> None:
    change = OPERATIONS[operation]

    def fresh(name: str) -> Path:
        folder = root / f"{operation}-{name}"
        with (root / f"{operation}.txt").open("a") as file:
            file.write(f"{folder.name}\n")
        if operation != "create":
            shutil.copytree(root / "base", folder)
        return folder

    folder = fresh("whole")
    start = time.perf_counter()
    _, status = os.waitpid(forked(lambda: change(folder)), 0)
    seconds = time.perf_counter() - start
    assert status == 0, status

    for module, name, after in STEPS[operation]:
        folder = fresh(f"{name}-{after}")

        def work(folder: Path = folder, module: Any = module, name: str = name) -> None:
            setattr(module, name, dying(getattr(module, name), after))  # noqa: B023
            change(folder)

        _, status = os.waitpid(forked(work), 0)
        assert os.WIFSIGNALED(status), (operation, name, status)

    killed = 0
    for number in range(times):
        folder = fresh(f"random{number}")
        child = forked(lambda: change(folder))  # noqa: B023
        time.sleep(draw.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)  # a child that is done is still there until we wait
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or status == 0, status
        killed += os.WIFSIGNALED(status)
    print(f"{operation}: {seconds:.3f} s whole, {killed} of {times} killed at random")


if __name__ == "__main__":
    generator = random.Random(int(sys.argv[3]))
    for kind in OPERATIONS:
        trials(Path(sys.argv[1]), kind, int(sys.argv[2]), generator)
