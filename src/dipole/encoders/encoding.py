"""Vectors of a file of inputs, written to a file: block by block, gone on with after a kill."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data import Inputs, Labeled
from dipole.data.fingerprint import fingerprint as data_fingerprint
from dipole.data.inputs import whole_number
from dipole.data.rows import shown
from dipole.encoders.base import Encoder, Role, fingerprint
from dipole.encoders.precision import bfloat16_is_faster
from dipole.encoders.quantizing import VectorPrecision, quantize
from dipole.encoders.vector_files import Block, check_format, write_header, write_vectors
from dipole.encoders.workers import copies, encode_with
from dipole.errors import InputError, note
from dipole.files import replaced, sweep, write_text
from dipole.lock import Lock
from dipole.progress import reporting
from dipole.showing import counted

if TYPE_CHECKING:
    import torch

# A block ends at so many inputs, characters or bytes: what is held in memory at once.
_ROWS, _SIZE = 4096, 2**24
SETTINGS, STATE, VECTORS = "settings.json", "state.json", "vectors.npy"


def encode_file(
    encoder: Encoder,
    data: Inputs | Labeled,
    out: str | Path,
    *,
    keep: Sequence[str] = (),
    role: Role = "document",
    truncate: int | None = None,
    normalize: bool = False,
    precision: VectorPrecision = "float32",
    ranges: np.ndarray | None = None,
    show_progress: bool = False,
    devices: Sequence[torch.device] = (),
) -> int:
    """Write the vectors of inputs to a .npy, .parquet or .jsonl file; returns how many.

    Memory holds the model and one block (4,096 inputs, or 16 MB of them). Until the file is whole,
    float32 vectors lie beside it in `.NAME.encoding`, synced block by block: a call that was
    stopped goes on there if model, data, role, `truncate` and `normalize` are the same, and begins
    anew if not. Precision and format may change in between. There must be room for both files.

    Args:
        data: from `load_kept` (`load_inputs` will do where no columns are kept).
        keep: columns of `data` that are written beside the vectors, in .parquet and .jsonl; .npy
            has its ids in NAME.txt, a line each.
        truncate: keep the first so many numbers of every vector, as Matryoshka trainings allow.
        normalize: bring vectors to length 1, after `truncate`; encoders of dipole give such
            vectors, cut ones and some models of others do not.
        precision: see `quantize`. The ranges of int8 are those of all these vectors, and are
            written to NAME.ranges.npy, (2, dim).
        devices: several that share the work, a copy of the encoder on each
            (`dipole.devices.devices`); not given: where the encoder is.
        ranges: of int8: those of other vectors, with which these will be compared.

    Raises:
        InputError: `out` is there already, or cannot be there; an option that does not fit; a
            vector that is not finite, by the id of its input.
        RunError: another process is writing it.

    Example:
        >>> encode_file(encoder, load_kept("texts.csv", keep=["year"]), "vectors.parquet",
        ...             keep=["year"])
    """
    out = Path(out)
    check_format(out, keep)
    check_new(out)
    dim = checked_dim(encoder, role, truncate, precision, ranges)
    asked = {
        "model": fingerprint(encoder), "data": data_fingerprint(data)["digest"], "role": role,
        "truncate": truncate, "normalize": normalize,
    }  # fmt: skip
    with Lock(out.with_name(f".{out.name}.lock"), f"{out}: another encoding"):
        check_new(out)
        work = _Work(out.with_name(f".{out.name}.encoding"), data, dim, asked)
        work.encode(encoder, devices or [encoder.device], role, normalize, show_progress)
        if precision == "int8" and ranges is None:
            ranges = work.ranges()
            with replaced(ranges_beside(out)) as new:
                np.save(new, ranges)
        write_vectors(out, lambda: work.blocks(keep, precision, ranges), len(data), keep)
        shutil.rmtree(work.folder)
    return len(data)


def check_new(out: Path) -> None:
    """Raise InputError where a file of this name cannot be made."""
    if out.exists():
        raise InputError(f"{out}: exists; expected the name of a new file")
    if not out.parent.is_dir():
        raise InputError(f"{out}: no folder {out.parent}; expected one that exists")


def checked_dim(
    encoder: Encoder,
    role: Role,
    truncate: int | None,
    precision: VectorPrecision,
    ranges: np.ndarray | None,
) -> int:
    """How many numbers a vector has; an InputError where the options do not fit the encoder."""
    if role not in encoder.roles:
        raise InputError(f"role: found {role!r}; expected {' or '.join(map(repr, encoder.roles))}")
    dim = whole_number(encoder.dim if truncate is None else truncate, "truncate", 1, encoder.dim)
    quantize(np.zeros((1, dim)), precision, ranges)
    return dim


def ranges_beside(out: Path) -> Path:
    """The file of the ranges that int8 vectors were made with."""
    return out.with_suffix(".ranges.npy")


class _Work:
    """The folder of an encoding on its way: settings, float32 vectors, how many of them count."""

    def __init__(self, folder: Path, data: Any, dim: int, asked: dict[str, Any]) -> None:
        self.folder, self.data = folder, data
        self.shape = (len(data), dim)
        before = _read(folder / SETTINGS)
        if before != asked:
            if before is not None:
                note(f"{folder}: an encoding by another model, or of other data, was stopped there")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            write_text(folder / SETTINGS, json.dumps(asked))
        sweep(folder)
        self.state = _read(folder / STATE) or {"rows": 0}

    def encode(
        self,
        encoder: Encoder,
        devices: Sequence[torch.device],
        role: Role,
        normalize: bool,
        show: bool,
    ) -> None:
        """Encode the rows that are not there yet."""
        encoders = copies(encoder, devices)
        # What one process measured to be faster is not asked again: the vectors would differ.
        dtype = self.state.get("dtype") or encoder.dtype
        if dtype == "auto":
            dtype = "bfloat16" if bfloat16_is_faster(encoder.device.type) else "float32"
        done = self.state["rows"]
        if done:
            note(f"going on after {done:,} of {counted(len(self.data), 'input')}")
        path = self.folder / VECTORS
        with path.open("r+b" if done else "wb") as file, reporting(show) as report:
            write_header(file, self.shape, np.dtype(np.float32))
            begins, width = file.tell(), 4 * self.shape[1]
            for start, inputs in _inputs(self.data.column("input"), done):
                found = encode_with(encoders, encoder.checked(inputs, role), role, dtype=dtype)
                vectors = found[:, : self.shape[1]]
                self._check(vectors, start)
                file.seek(begins + start * width)
                file.write(np.ascontiguousarray(_unit(vectors) if normalize else vectors).data)
                file.flush()
                os.fsync(file.fileno())
                done = start + len(inputs)
                self.state = {"rows": done, "dtype": dtype}
                write_text(self.folder / STATE, json.dumps(self.state))
                report("encoding", done, len(self.data))

    def ranges(self) -> np.ndarray:
        """The lowest and the highest value of every number, (2, dim)."""
        lowest = np.full(self.shape[1], np.inf, np.float32)
        highest = -lowest
        for block in self.blocks((), "float32", None):
            lowest = np.minimum(lowest, block.vectors.min(0))
            highest = np.maximum(highest, block.vectors.max(0))
        return np.stack([lowest, highest])

    def blocks(
        self, keep: Sequence[str], precision: VectorPrecision, ranges: np.ndarray | None
    ) -> Iterator[Block]:
        """All rows as they are written."""
        for start in range(0, len(self.data), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(self.data)))
            # Opened for every block: pages that were read do not stay in this process.
            whole = np.load(self.folder / VECTORS, mmap_mode="r")
            vectors = quantize(np.array(whole[rows[0] : rows[-1] + 1]), precision, ranges)
            known = self.data.column("metadata").take(rows) if keep else []
            parts = [json.loads(text) if text else {} for text in known]
            kept = {name: [part.get(name) for part in parts] for name in keep}
            yield Block(self.data.column("id").take(rows), kept, vectors)

    def _check(self, vectors: np.ndarray, start: int) -> None:
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            worst = self.data.column("id")[start + int(np.argmin(finite))]
            raise InputError(
                f"id {shown(worst)}: the model gave a vector that is not finite; expected a model "
                "whose training did not diverge"
            )


def _inputs(column: Any, start: int) -> Iterator[tuple[int, list[Any]]]:
    """(first row, inputs) of every block from a row on."""
    block: list[Any] = []
    size, step = 0, 64
    for row in range(start, len(column), step):
        for value in column[row : row + step]:
            block.append(value)
            size += value.nbytes if isinstance(value, np.ndarray) else len(value)
        if len(block) >= _ROWS or size >= _SIZE or row + step >= len(column):
            yield start, block
            start, block, size = start + len(block), [], 0


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length == 0, 1, length)


def _read(path: Path) -> Any:
    """The json of a file, None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
