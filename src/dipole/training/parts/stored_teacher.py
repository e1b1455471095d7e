"""Another model as teacher: its vectors of all examples, computed once and used by every run."""

from __future__ import annotations

from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dipole.data.cache import cache_folder, digest, new_entry
from dipole.encoders.base import Encoder, Role, fingerprint
from dipole.encoders.once import Once
from dipole.errors import InputError
from dipole.training.batches import ENCODED, LISTS, VIEWED, padded
from dipole.training.parts.base import Part, Setup
from dipole.training.rendering import view_name
from dipole.training.run.processes import together

if TYPE_CHECKING:
    from dipole.data import Examples

# Inputs that are encoded, and written, at a time.
BLOCK = 16384


class StoredTeacher(Part):
    """The vectors of a frozen teacher as `teacher_anchor`, `teacher_positive` and so on.

    `model` is a folder, a hub id or an encoder. The vectors are made before the first step, of
    every different input once, and kept in the cache folder under the teacher's fingerprint:
    another run with this teacher and data starts at once. In training they are rows of a
    memory-mapped file: a large teacher costs nothing per step.
    """

    # And the mask of the data's own lists: those that `Lists` makes are of these vectors.
    takes = ("rows",)
    may_take = ("negative_there",)
    gives = ("teacher_anchor", "teacher_positive", "teacher_negative", "teacher_candidates")
    stems = ("teacher",)
    binds_last = True

    model: str | Encoder

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or self.model.startswith("stage:"):  # an earlier one's
            return
        if not Path(self.model).exists() and "/" not in self.model:
            raise InputError(f"teacher: found model '{self.model}'; expected a folder or a hub id")

    def bind(self, setup: Setup) -> None:
        if not any(name.startswith("teacher_") for name in setup.inputs):
            raise InputError(
                "teacher: found a model, which gives scores and vectors, and an objective that "
                "takes none; expected kl-listwise, margin-mse, cadet, dclr or sct"
            )
        from dipole.encoders import load_encoder

        teacher = load_encoder(self.model) if isinstance(self.model, str) else self.model
        self._made_of = fingerprint(teacher)
        self.dim = teacher.dim
        self._columns: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        fields = setup.examples.FIELDS
        names = [(field, *ENCODED[field]) for field in ENCODED if field in fields]
        names += [(f, view_name(i), "document") for f in VIEWED if f in fields for i in range(2)]
        for field, argument, role in names:
            stored, which = _stored(teacher, self._made_of, setup, field, role)
            self._columns[argument] = stored, which, _starts(setup.examples, field)

    def made_of(self) -> tuple[str, str]:
        return self.model if isinstance(self.model, str) else "teacher", self._made_of

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        rows = batch["rows"].cpu().numpy()
        made = {}
        for name, (stored, which, starts) in self._columns.items():
            places = [np.arange(starts[row], starts[row + 1]) for row in rows]
            vectors = torch.from_numpy(np.asarray(stored[which[np.concatenate(places)]]))
            if name == "negative" and "negative_there" in batch:
                vectors = vectors[batch["negative_there"].cpu()]
            vectors = vectors.to(batch["rows"].device)
            made[f"teacher_{name}"] = (
                padded(vectors, batch["mask"]) if name == "candidates" else vectors
            )
        return batch | made


def _starts(examples: Examples, field: str) -> np.ndarray:
    """Where the inputs of every row begin among all inputs of a field, (n + 1,)."""
    if field not in LISTS:
        return np.arange(len(examples) + 1)
    lengths = [len(row) for row in examples.column(field)]
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def stored_vectors(
    teacher: Encoder, examples: Examples, field: str, role: Role, *, show_progress: bool = False
) -> np.ndarray:
    """The vectors of a field of examples, made once and kept in the cache folder."""
    setup = Setup(teacher, examples, {}, show_progress=show_progress)
    stored, which = _stored(teacher, fingerprint(teacher), setup, field, role)
    found: np.ndarray = stored[which]
    return found


def _stored(
    teacher: Encoder, fingerprint: str, setup: Setup, field: str, role: Role
) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the different inputs of a field, memory-mapped and made if nobody has, and
    which of them each input is."""
    column: Any = setup.examples.column(field)
    if field in LISTS:
        once = Once(list(chain.from_iterable(column)))
    else:
        once = Once(column, setup.examples.keys(field, exact=True))
    name = f"{digest(fingerprint, role, sha256(once.keys.tobytes()).hexdigest())}-vectors"
    path = cache_folder() / name / "vectors.npy"

    def make() -> None:
        if path.exists():
            return
        with new_entry(name) as folder:
            _encode(teacher, once.inputs, role, folder / path.name, setup.show_progress)

    together(make)
    found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return found, once.rows


def _encode(teacher: Encoder, inputs: Any, role: Role, path: Path, show_progress: bool) -> None:
    shape = (len(inputs), teacher.dim)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(inputs), BLOCK):
        part = inputs[start : start + BLOCK]
        out[start : start + BLOCK] = teacher.encode(part, role, show_progress=show_progress)
    out.flush()
