"""SCT: a view's similarities to a bank of past sentences are those of the other view."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import Weight, lse, pairs, total
from dipole.objectives.contract.base import Objective, Reduction, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce, unit


@register(
    "sct",
    paper="Limkonchotiwat et al. 2023, An Efficient Self-Supervised Cross-View Training For "
    "Sentence Embedding, arXiv 2311.03228",
    system="sct",
    form="divergence of two softmaxes over a queue",
    related=("kl-listwise", "queue-infonce"),
)
class SCT(Objective):
    """Each view's student follows the distribution of the other view's teacher over the bank:

        L = similarity_distribution(positive, teacher_anchor)
            + similarity_distribution(anchor, teacher_positive).

    In the paper the teacher is the encoder itself, the student the encoder and a stack of three
    projections d -> 10 d -> d; to distil, the teacher is a larger model. It has a bank for each
    view; here `queue` is both, and for two banks add up `similarity_distribution` yourself.
    Shapes: anchor, positive, teacher_anchor, teacher_positive (n, d); queue (m, d).

    Example:
        >>> import torch
        >>> z = torch.eye(4)
        >>> SCT(temperature=0.5, teacher_temperature=0.5)(z, z, z, z).item()
        0.0
    """

    temperature: Temperature = Temperature(0.05)
    teacher_temperature: Positive = 0.04

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        teacher_anchor: Tensor,
        teacher_positive: Tensor,
        queue: Tensor | None = None,
    ) -> Tensor:
        first, second = (
            similarity_distribution(
                student,
                teacher,
                queue,
                temperature=self.temperature(),
                teacher_temperature=self.teacher_temperature,
                reduction=self.reduction,
            )
            for student, teacher in ((positive, teacher_anchor), (anchor, teacher_positive))
        )
        return first + second


def similarity_distribution(
    student: Tensor,
    teacher: Tensor,
    queue: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.05,
    teacher_temperature: float = 0.04,
    reduction: Reduction = "mean",
) -> Tensor:
    """With Q the queue and the batch's own teacher vectors, all of length 1 and without gradient,

        L_i = KL( softmax_q(t_i . q / teacher_temperature) || softmax_q(s_i . q / temperature) ).

    No pair is marked as positive. Shapes: student, teacher (n, d); queue (m, d). On several
    processes each brings its own part of the queue.
    """
    s, t = unit(student), unit(teacher.detach())
    bank = t if queue is None else torch.cat([t, unit(queue.detach()).to(t)])
    (log_z,) = pairs(t, bank, temperature=teacher_temperature, row=[lse()]).row
    shares = Weight(lambda score, log_z: (score - log_z).exp(), row=log_z)
    (mean,) = pairs(t, bank, temperature=teacher_temperature, row=[total(weight=shares)]).row
    # The same shares, where the scores are the student's.
    theirs = Weight(
        lambda _, t, log_z, q: (t @ q.T / teacher_temperature - log_z).exp(),
        row=[t, log_z],
        column=bank,
    )
    asked = [lse(), total(weight=theirs)]
    student_log_z, hit = pairs(s, bank, temperature=temperature, row=asked).row
    return reduce(mean - log_z - (hit - student_log_z), reduction)
