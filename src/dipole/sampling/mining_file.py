"""Mined triplets as a file that is written block by block and can be gone on with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dipole.errors import InputError
from dipole.sampling.mining import Counts, Miner
from dipole.sampling.searching import Said


def mine_to_file(
    make: Callable[[Path], Miner], out: Path, settings: dict[str, Any], said: Said | None = None
) -> Counts:
    """Write what `make(folder)` mines to `out`, one json object a line:

        {"id", "query", "pos": [text], "neg": [texts], "pos_scores": [x], "neg_scores": [...]}

    `load_pairs` reads it as triplets, `load_ranked` as lists with the judge's scores. Until it is
    whole, lines and vectors lie beside it in `.NAME.mining`; a mining that was stopped goes on
    there if its `settings` (anything json) are the same, and begins anew if not.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"{out}: found no place for a file; expected one in a folder that exists")
    folder = working_folder(out)
    lines, state = folder / "lines.jsonl", folder / "state.json"
    asked = json.dumps(settings, sort_keys=True)
    if _read(folder / "settings.json") != asked:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "settings.json").write_text(asked, encoding="utf-8")
    miner = make(folder)
    blocks = miner.blocks()
    done, size = 0, 0
    if (found := _read(state)) is not None:
        before = json.loads(found)
        done, size, miner.counts = before["blocks"], before["bytes"], Counts(**before["counts"])
    with lines.open("ab") as file:
        file.truncate(size)  # a block that a kill cut
        for number, rows in enumerate(blocks[done:], start=done + 1):
            for row in miner.mine(rows):
                file.write(json.dumps(_line(row), ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            _write(state, {"blocks": number, "bytes": file.tell(), "counts": asdict(miner.counts)})
            if said is not None:
                said("mining", int(rows[-1]) + 1, len(miner.examples))
    lines.replace(out)
    shutil.rmtree(folder)
    return miner.counts


def working_folder(out: Path) -> Path:
    """Where an unfinished mining lies."""
    return out.with_name(f".{out.name}.mining")


def _line(row: dict[str, Any]) -> dict[str, Any]:
    positive, *negatives = row["scores"]
    return {
        "id": row["id"],
        "query": row["anchor"],
        "pos": [row["positive"]],
        "neg": row["negatives"],
        "pos_scores": [positive],
        "neg_scores": negatives,
    }


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _write(path: Path, value: dict[str, Any]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)
