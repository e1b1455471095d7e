"""A teacher that reads two texts together: its scores of pairs, lists, or of a whole batch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.cache import cache_folder, digest, new_entry
from dipole.errors import InputError
from dipole.files import replaced
from dipole.objectives.maths import everywhere
from dipole.progress import counting
from dipole.training.batches import ENCODED, padded
from dipole.training.parts.base import Part, Setup
from dipole.training.parts.lists import takes_lists
from dipole.training.parts.scoring import scorer_of
from dipole.training.run.processes import together

# Pairs that are scored, and written, at a time.
BLOCK = 4096


class PairTeacher(Part):
    """What a model that reads two texts together says of them, as `teacher_scores`.

    `model` is the folder or hub id of a cross-encoder, `bm25` (of the texts of the data), or a
    function of one's own, `file.py:name`: (anchors, others) -> (n,) numbers, higher is better; of
    a class, its objects' `score`. In Python also a `PairScorer` or a function.

    Of lists it scores the candidates (n, k), of pairs every pair (n, 1): once, before the first
    step, kept in the cache folder under the teacher's fingerprint. Where the objective compares
    lists and the data have none, these are of the batch (`Lists`), and every anchor is scored with
    every other's positive at every step: for batches of tens.
    """

    takes = ("rows",)
    may_take = ("negative_there",)
    gives = ("teacher_scores", "teacher_columns")
    binds_last = True

    model: Any

    def __post_init__(self) -> None:
        if isinstance(self.model, nn.Module):
            raise InputError(
                f"teacher: found a {type(self.model).__name__}; expected an encoder, a PairScorer "
                "or a function (anchors, others) -> scores"
            )
        self._mark: str | None = None

    def bind(self, setup: Setup) -> None:
        if "teacher_scores" not in setup.inputs:
            raise InputError(
                "teacher: found a model, which gives scores, and an objective that takes none; "
                "expected kl-listwise, margin-mse, cadet or dse"
            )
        self._examples, fields = setup.examples, setup.examples.FIELDS
        sides = [field for field in ENCODED if field in fields]
        if len(sides) < 2:
            raise InputError(
                f"teacher: found {type(setup.examples).__name__}, inputs without a partner, and a "
                "model that reads two texts together; expected pairs or lists, or an encoder"
            )
        self._first, self._second = sides[:2]
        self._score, self._mark = scorer_of(self.model, setup.examples, self._second)
        self.of_batch = takes_lists(setup.inputs) and "candidates" not in fields
        self._scores: np.ndarray | None = None
        self._starts = np.arange(len(setup.examples) + 1)
        if "candidates" in fields:
            lengths = [len(row) for row in setup.examples.column("candidates")]
            self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        if not self.of_batch:
            self._scores = self._stored(setup.show_progress)
            self._mark = self._mark or hashlib.sha256(self._scores.tobytes()).hexdigest()

    def made_of(self) -> tuple[str, str] | None:
        return None if self._mark is None else (_name(self.model), self._mark)

    @torch.no_grad()
    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._scores is None:
            return batch | {"teacher_columns": self._of_batch(batch)}
        rows = batch["rows"].cpu().numpy()
        places = [np.arange(self._starts[row], self._starts[row + 1]) for row in rows]
        found = _tensor(self._scores[np.concatenate(places)], batch["rows"].device)
        if self._second == "candidates":
            return batch | {"teacher_scores": padded(found, batch["mask"])}
        return batch | {"teacher_scores": found if found.ndim > 1 else found[:, None]}

    def _of_batch(self, batch: dict[str, Tensor]) -> Tensor:
        """Of this process's anchors with all positives and then all negatives, (n, N + M)."""
        own = self._examples.take(batch["rows"].cpu().numpy())
        rows = self._examples.take(everywhere(batch["rows"]).cpu().numpy())
        others = list(rows[self._second])
        if "negative" in batch and "negatives" in rows:
            listed = list(chain.from_iterable(rows["negatives"]))
            if "negative_there" in batch:
                there = everywhere(batch["negative_there"].long()).cpu().tolist()
                listed = [text for text, kept in zip(listed, there, strict=True) if kept]
            others += listed
        anchors = [text for text in own[self._first] for _ in others]
        found = self._score(anchors, others * len(own[self._first]))
        return _tensor(found.reshape(-1, len(others)), batch["rows"].device)

    def _stored(self, show_progress: bool) -> np.ndarray:
        """The scores of all pairs or lists: of a named teacher memory-mapped, made if nobody has;
        of an object, about whose state no name says anything, made for this run."""
        examples, whole = self._examples, int(self._starts[-1])

        def block(start: int) -> np.ndarray:
            places = np.arange(start, min(start + BLOCK, whole))
            rows = np.searchsorted(self._starts, places, side="right") - 1
            needed, where = np.unique(rows, return_inverse=True)
            taken = examples.take(needed)
            first = [taken[self._first][i] for i in where]
            if self._second != "candidates":
                return self._score(first, [taken[self._second][i] for i in where])
            inner = places - self._starts[rows]
            pairs = zip(where, inner, strict=True)
            return self._score(first, [taken["candidates"][i][k] for i, k in pairs])

        starts = range(0, whole, BLOCK)
        if self._mark is None:
            with counting("the teacher scores", whole, show_progress) as advance:
                parts = [_counted(block(start), advance) for start in starts]
            return np.concatenate(parts)
        keys = [examples.keys(f, exact=True).tobytes() for f in (self._first, self._second)]
        name = f"{digest(self._mark, *(hashlib.sha256(k).hexdigest() for k in keys))}-scores"
        path = cache_folder() / name / "scores.npy"

        def make() -> None:
            if not path.exists():
                _write(name, path.name, block, starts, show_progress)

        together(make)
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return found


def _write(
    name: str, file: str, block: Callable[[int], np.ndarray], starts: range, show_progress: bool
) -> None:
    """The blocks as one file of the cache; those that a stopped run has scored are there."""
    working = cache_folder() / f"{name}.blocks.partial"  # swept a day after the last block
    working.mkdir(parents=True, exist_ok=True)
    with counting("the teacher scores", starts.stop, show_progress) as advance:
        parts = []
        for start in starts:
            part = working / f"{start:012}.npy"
            if not part.exists():
                made = block(start)
                with replaced(part) as new, new.open("wb") as opened:
                    np.save(opened, made)
            parts.append(_counted(np.load(part, allow_pickle=False), advance))
    with new_entry(name) as folder:
        np.save(folder / file, np.concatenate(parts))
    shutil.rmtree(working, ignore_errors=True)


def _tensor(found: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(found, dtype=np.float32)).to(device)


def _counted(scores: np.ndarray, advance: Callable[[int], None]) -> np.ndarray:
    advance(len(scores))
    return scores


def _name(model: Any) -> str:
    return model if isinstance(model, str) else "teacher"
