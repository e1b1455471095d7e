"""Answers as a file that is written batch by batch and can be gone on with."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from dipole.encoders.base import fingerprint
from dipole.errors import InputError, note
from dipole.files import write_text
from dipole.language.decoding.generate import Task, task_of
from dipole.lock import Lock
from dipole.lookup import place_of
from dipole.progress import counting


def generate_to_file(
    model: Any, prompts: Any, out: str | Path, *, show_progress: bool = False, **settings: Any
) -> int:
    """Write the answers of `generate` to a file of jsonl, a line each; how many they are.

    Until it is whole they lie beside it in `.NAME.generating`, every batch as soon as it is
    answered. A generation that was stopped goes on there, and ends with the same file, if its
    model, prompts and settings are the same; if not, it says so and begins anew.

    Args:
        model, prompts, settings: as `generate` takes them.
        out: the file, which is new.

    Raises:
        InputError: `out` is there already, or cannot be there; what `generate` raises.
        RunError: another process is writing it.

    Example:
        >>> generate_to_file("FOLDER", "prompts.jsonl", "answers.jsonl")  # doctest: +SKIP
    """
    out = Path(out)
    if not out.parent.is_dir():
        raise InputError(f"{out}: no folder {out.parent}; expected one that exists")
    with Lock(out.with_name(f".{out.name}.lock"), f"{out}: another generation"):
        if out.exists():
            raise InputError(f"{out}: exists; expected the name of a new file")
        task = task_of(model, prompts, **settings)
        working = out.with_name(f".{out.name}.generating")
        found = _answers(task, working, show_progress)
        lines = [json.dumps(found[place], ensure_ascii=False) for place in range(len(task))]
        write_text(out, "".join(f"{line}\n" for line in lines))
        working.unlink()
    return len(task)


def _answers(task: Task, working: Path, show_progress: bool) -> dict[int, dict[str, Any]]:
    """Every answer by its place: those that `working` has, and the rest."""
    asked = _digest(task)  # its first line
    before = _read(working)
    if before and before[0] != {"asked": asked}:
        note(f"{working}: a generation by another model or of other prompts was stopped there")
        before = []
    found: dict[int, dict[str, Any]] = {}
    for line in before[1:]:
        found |= {int(place): answer for place, answer in line.items()}
    if found:
        note(f"going on after {len(found):,} of {len(task):,} answers")
    # A line that a kill cut is written again.
    write_text(working, "".join(_line(line) for line in before or [{"asked": asked}]))
    with (
        working.open("a", encoding="utf-8", newline="\n") as file,
        counting("answers", len(task), show_progress) as advance,
    ):
        advance(len(found))
        for batch in task.batches(max(0, len(before) - 1)):
            new = {place: answer.to_json() for place, answer in batch.items()}
            file.write(_line(new))
            file.flush()
            os.fsync(file.fileno())
            found |= new
            advance(len(new))
    return found


def _read(working: Path) -> list[dict[str, Any]]:
    """The whole lines of a file that may end in the middle of one."""
    if not working.exists():
        return []
    found = []
    for line in working.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            found.append(json.loads(line))
        except ValueError:  # damaged: what follows is answered again
            break
    return found


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _digest(task: Task) -> str:
    """Of all that an answer depends on."""
    asked = {
        "model": fingerprint(task.model),
        "prompts": [list(prompt) for prompt in task.prompts],
        "method": [place_of(type(task.method)), task.method.settings()],
        "rest": [task.max_new_tokens, task.samples, task.batch_size, task.seed, task.precision],
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
