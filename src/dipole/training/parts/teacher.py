"""A copy of the encoder that follows it slowly, or not at all, and what it says."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dipole.encoders.base import Encoder, Features
from dipole.kernels.draws import again
from dipole.training.gradient_cache import encode_chunks
from dipole.training.parts.base import Part

PREFIX = "teacher_"


class Teacher(Part):
    """After every step  teacher <- decay teacher + (1 - decay) student.

    decay 1 is a frozen copy, decay 0 the student itself (without dropout), 0.999 MoCo's.

    It gives what the objective takes. Where that is `teacher_scores`: `teacher_` vectors of every
    column, of which `lists.Scores` makes cosines. Where it is `teacher_positive` and its like,
    those vectors beside the student's. Otherwise they stand in for every column but the anchors,
    without gradient (MoCo's keys). With `queue_only` the columns are the student's own, and the
    vectors beside them, made without dropout, are for the queue, of what it `holds` (ESimCSE).

    Sources: He et al. 2020, arXiv 1911.05722; Tarvainen and Valpola 2017, arXiv 1703.01780; Wu et
    al. 2021, arXiv 2109.04380.
    """

    def __init__(
        self,
        student: Encoder,
        decay: float,
        inputs: Mapping[str, bool],
        *,
        queue_only: bool = False,
        holds: str = "positive",
    ) -> None:
        super().__init__()
        self._student = [student]  # in a list: its weights are not this module's
        self.encoder = copy.deepcopy(student).requires_grad_(False)
        self.decay = decay
        self.gives_scores = "teacher_scores" in inputs
        self.beside = (
            queue_only or self.gives_scores or any(name.startswith(PREFIX) for name in inputs)
        )
        self.queue_only = queue_only
        self._inputs = (*inputs, *([PREFIX + holds] if queue_only else []))

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
        if self.decay == 1:
            return
        (student,) = self._student
        pairs = zip(self.encoder.parameters(), student.parameters(), strict=True)
        for mine, new in pairs:
            mine.lerp_(new, 1 - self.decay)
        copy_buffers(student, self.encoder)


def copy_buffers(source: nn.Module, target: nn.Module) -> None:
    """Statistics of batches are copied, not averaged."""
    for mine, new in zip(target.buffers(), source.buffers(), strict=True):
        mine.copy_(new)
