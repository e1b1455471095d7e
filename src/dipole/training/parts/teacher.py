"""A copy of the encoder that follows it slowly, or not at all, and what it says."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from dipole.declared import Share
from dipole.encoders.base import Features
from dipole.errors import InputError
from dipole.kernels.draws import again
from dipole.training.gradient_cache import encode_chunks
from dipole.training.parts.base import Part, Setup
from dipole.training.parts.queue import Queue

PREFIX = "teacher_"


class Teacher(Part):
    """After every step  teacher <- decay teacher + (1 - decay) student.

    Of kind `ema` the decay is 0.999 (MoCo's) if not given; `frozen` is a copy that stays (1),
    `self` the student itself, without dropout where it gives scores (0).

    It gives what the objective takes. Where that is `teacher_scores`: `teacher_` vectors of every
    column, of which `lists.Scores` makes cosines. Where it is `teacher_positive` and its like,
    those vectors beside the student's. Otherwise they stand in for every column but the anchors,
    without gradient (MoCo's keys). If it `makes` the queue alone, the columns are the student's
    own, and the vectors beside them, made without dropout, are for the queue, of what it `holds`
    (ESimCSE). What a queue holds by name, as `teacher_positive_view`, it gives as well. Another
    model as teacher: `StoredTeacher`.

    Sources: He et al. 2020, arXiv 1911.05722; Tarvainen and Valpola 2017, arXiv 1703.01780; Wu et
    al. 2021, arXiv 2109.04380.
    """

    # It gives the positive in the encoder's place, and so the negatives and candidates there are.
    gives = (
        "positive", "teacher_anchor", "teacher_positive", "teacher_negative", "teacher_candidates",
        "teacher_anchor_view", "teacher_positive_view",
    )  # fmt: skip
    stems = ("teacher",)

    kind: Literal["ema", "frozen", "self"] = "ema"
    decay: Share | None = None
    makes: Literal["positives", "queue"] = "positives"

    def __post_init__(self) -> None:
        if self.kind == "ema":
            self.decay = 0.999 if self.decay is None else self.decay
        elif self.decay is not None:
            raise InputError(f"teacher: found decay for {self.kind}; expected it for ema alone")

    def bind(self, setup: Setup) -> None:
        queues = setup.all(Queue)
        if self.makes == "queue" and not queues:
            raise InputError(
                "teacher: makes queue, found no queue; expected --part queue:size=N too"
            )
        self._student = [setup.encoder]  # in a list: its weights are not this module's
        self.encoder = copy.deepcopy(setup.encoder).requires_grad_(False)
        self.kept = {"ema": self.decay or 0.0, "frozen": 1.0, "self": 0.0}[self.kind]
        self.gives_scores = "teacher_scores" in setup.inputs
        self.queue_only = self.makes == "queue"
        own = f"{self.name}_" if self.name else PREFIX
        read = {name for part in setup.parts for name in part.needed() if name.startswith(own)}
        self._inputs = {name for name in setup.inputs if name.startswith(PREFIX)}
        self._inputs |= {PREFIX + name.removeprefix(own) for name in read}
        if f"{PREFIX}candidates" in self._inputs:  # lists are made of these
            self._inputs |= {f"{PREFIX}positive", f"{PREFIX}negative"}
        if self.queue_only:
            self._inputs |= {PREFIX + queue.holds.removeprefix(PREFIX) for queue in queues}
        self.beside = self.queue_only or self.gives_scores or bool(self._inputs) or bool(self.name)
        if not self.beside and any(queue.holds == "anchor" for queue in queues):
            raise InputError(
                "queue: holds anchor, found a teacher of the positives; expected "
                "--part teacher:makes=queue"
            )

    def train(self, mode: bool = True) -> Teacher:
        """Keys are made as the student makes its own; scores without dropout and without a head."""
        super().train(mode)
        self.encoder.train(mode and not (self.gives_scores or self.queue_only))
        return self

    @torch.no_grad()
    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        if not self.beside:
            names = {name: name for name in columns if name != "anchor"}
        else:
            asked = {PREFIX + name: name for name in columns}
            names = {t: n for t, n in asked.items() if self.gives_scores or t in self._inputs}
        return {name: self._vectors(columns[own]) for name, own in names.items()}

    def _vectors(self, pieces: list[Features]) -> Tensor:
        """With noise of its own: the student may encode the same column."""
        return encode_chunks(self.encoder, [again(piece) for piece in pieces])

    @torch.no_grad()
    def after_step(self) -> None:
        if self.kept == 1:
            return
        (student,) = self._student
        pairs = zip(self.encoder.parameters(), student.parameters(), strict=True)
        for mine, new in pairs:
            mine.lerp_(new, 1 - self.kept)
        copy_buffers(student, self.encoder)


def copy_buffers(source: nn.Module, target: nn.Module) -> None:
    """Statistics of batches are copied, not averaged."""
    for mine, new in zip(target.buffers(), source.buffers(), strict=True):
        mine.copy_(new)
