"""Mined triplets as a file that is written block by block and can be gone on with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dipole.data.fingerprint import fingerprint
from dipole.errors import InputError
from dipole.files import sweep, write_text
from dipole.lock import Lock
from dipole.sampling.mining import Counts, Miner
from dipole.sampling.searching import Said
from dipole.showing import say

SETTINGS, STATE, LINES = "settings.json", "state.json", "lines.jsonl"


def mine_to_file(
    make: Callable[[Path], Miner], out: Path, settings: dict[str, Any], said: Said | None = None
) -> Counts:
    """Write what `make(folder)` mines to `out`, one json object a line:

        {"id", "query", "pos": [text], "neg": [texts], "pos_scores": [x], "neg_scores": [...]}

    `load_pairs` reads it as triplets, `load_ranked` as lists with the judge's scores. Until it is
    whole, lines and vectors lie beside it in `.NAME.mining`; a mining that was stopped goes on
    there if its `settings` (anything json), its examples and its pool are the same. If not, it
    says so and begins anew.

    Raises:
        InputError: `out` is there already, or cannot be there.
        RunError: another process is mining into it.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"{out}: found no place for a file; expected one in a folder that exists")
    with Lock(out.with_name(f".{out.name}.lock"), f"{out}: another mining"):
        if out.exists():
            raise InputError(f"{out}: exists; expected the name of a new file")
        counts = _mine(make, out, json.dumps(settings, sort_keys=True), said)
        shutil.rmtree(working_folder(out))
    return counts


def _mine(make: Callable[[Path], Miner], out: Path, asked: str, said: Said | None) -> Counts:
    folder = working_folder(out)
    before = _read(folder / SETTINGS)
    if before != asked:
        if before is not None:
            _say(f"{folder}: a mining with other settings or models was stopped there")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_text(folder / SETTINGS, asked)
    sweep(folder)
    miner = make(folder)
    blocks, lines = miner.blocks(), folder / LINES
    state = _state(folder, made_of := _made_of(miner))
    done, size = state.get("blocks", 0), state.get("bytes", 0)
    if done:
        miner.counts = Counts(**state["counts"])
    with lines.open("ab") as file:
        file.truncate(size)  # a block that a kill cut
        for number, rows in enumerate(blocks[done:], start=done + 1):
            for row in miner.mine(rows):
                file.write(json.dumps(_line(row), ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            found = {"blocks": number, "bytes": file.tell(), "counts": asdict(miner.counts)}
            write_text(folder / STATE, json.dumps(found | {"made_of": made_of}))
            if said is not None:
                said("mining", int(rows[-1]) + 1, len(miner.examples))
    lines.replace(out)
    return miner.counts


def _made_of(miner: Miner) -> list[str]:
    """The contents that lines are made of: of other ones they would be others."""
    return [fingerprint(miner.examples)["digest"], miner.pool.digest()]


def _state(folder: Path, made_of: list[str]) -> dict[str, Any]:
    """Where a mining of these contents was stopped; {}: at its beginning."""
    try:
        state: dict[str, Any] = json.loads(_read(folder / STATE) or "{}")
        size = (folder / LINES).stat().st_size
    except (OSError, ValueError):  # damaged, or the lines are where they should be already
        return {}
    if state and state["made_of"] != made_of:
        _say(f"{folder}: the data have changed since a mining was stopped there")
        return {}
    return state if state.get("bytes", 0) <= size else {}


def working_folder(out: Path) -> Path:
    """Where an unfinished mining lies."""
    return out.with_name(f".{out.name}.mining")


def _line(row: dict[str, Any]) -> dict[str, Any]:
    positive, *negatives = row["scores"]
    return {
        "id": row["id"],
        "query": _plain(row["anchor"]),
        "pos": [_plain(row["positive"])],
        "neg": [_plain(value) for value in row["negatives"]],
        "pos_scores": [positive],
        "neg_scores": negatives,
    }


def _plain(value: Any) -> Any:
    """A text, or an array as lists of numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _say(what: str) -> None:
    say(f"{what}; beginning anew", error=True)
