"""SCT: a small student learns the similarities of the other view, or of a large teacher.

The recipe distils the encoder into itself; with a large teacher it is `RECIPE | distilled(MODEL)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Count, Positive
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.maths import unit
from dipole.objectives.pairs.sct import similarity_distribution
from dipole.objectives.whole_batch import whole_batch
from dipole.studies.benches.sentences import fitted, judged, spearman, unlabelled
from dipole.studies.benches.tiny_text import tiny_text
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.parts import Part, Setup, StoredTeacher
from dipole.training.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

HERE = "dipole.systems.text.sct"
SENTENCES, BATCH, EPOCHS, BANK = 3000, 64, 2, 4096
STUDENT, TEACHER = 0.04, 0.03  # temperatures, the paper's of its smallest encoder


class OtherView(Objective):
    """A student's similarities to a bank follow a teacher's, `similarity_distribution`, of which
    SCT has one for each view: t the teacher of one, `anchor` the student of the other.

    Shapes: anchor (n, d); teacher (n, d), without gradient; queue (m, d).
    """

    temperature: Temperature = Temperature(0.05)
    teacher_temperature: Positive = 0.04

    def forward(self, anchor: Tensor, teacher: Tensor, queue: Tensor | None = None) -> Tensor:
        return similarity_distribution(
            anchor,
            teacher,
            queue,
            temperature=self.temperature(),
            teacher_temperature=self.teacher_temperature,
            reduction=self.reduction,
        )


class CosineMSE(Objective):
    """The mean squared difference between cosines of the batch and the teacher's: the baseline."""

    def forward(self, anchor: Tensor, positive: Tensor, teacher_scores: Tensor) -> Tensor:
        return F.mse_loss(unit(anchor) @ whole_batch(unit(positive)).T, teacher_scores)


class Student(Part):
    """The student's vectors behind a map of both views, `student_anchor` and `student_positive`:
    it is there in training only."""

    takes = ("anchor", "positive")
    gives = ("student_anchor", "student_positive")
    stems = ("student",)

    def bind(self, setup: Setup) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(setup.seed)
            self.map = self.made(setup)

    def made(self, setup: Setup) -> nn.Module:
        """The map."""
        raise NotImplementedError

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return batch | {f"student_{name}": self.map(batch[name]) for name in self.takes}


class Projections(Student):
    """`count` projections in a row, each d -> width d -> d with a ReLU between."""

    count: Count = 3
    width: Count = 10

    def made(self, setup: Setup) -> nn.Module:
        d = setup.encoder.dim
        layers = [(nn.Linear(d, self.width * d), nn.ReLU(), nn.Linear(self.width * d, d))
                  for _ in range(self.count)]  # fmt: skip
        return nn.Sequential(*(layer for three in layers for layer in three))


class IntoTeacher(Student):
    """A linear map into the space of a teacher (`teacher:model=`), which stays orthogonal: it
    leaves the student's own cosines as they are, and so may be left out afterwards (our reading of
    teachers of another width, which the paper has none of)."""

    may_take = ("teacher_anchor",)
    binds_last = True

    def made(self, setup: Setup) -> nn.Module:
        teacher, d = setup.find(StoredTeacher), setup.encoder.dim
        if teacher is None or teacher.dim < d:
            found = "no teacher" if teacher is None else f"{d} dimensions of {teacher.dim}"
            raise InputError(f"into teacher: found {found}; expected a teacher at least as wide")
        return nn.utils.parametrizations.orthogonal(nn.Linear(d, teacher.dim, bias=False))


def terms(a: str, b: str) -> str:
    """Each view's student behind the other view's teacher `a`, `b`, with a bank of what it said."""
    term = f"{HERE}:OtherView"
    one = f"{term}(anchor=student_positive, teacher={a}, queue=past_anchors)"
    return f"{one} + {term}(anchor=student_anchor, teacher={b}, queue=past_positives)"


def banks(size: int, a: str, b: str) -> list[dict[str, Any]]:
    """Two, full of random vectors at first."""
    held = {"past_anchors": a, "past_positives": b}
    return [
        {"queue": {"size": size, "holds": what, "name": name, "starts": "random"}}
        for name, what in held.items()
    ]


def distilled(model: str | Encoder, size: int = 65536) -> dict[str, Any]:
    """Settings beside the recipe's that make a larger model the teacher."""
    teacher = ("teacher_anchor", "teacher_positive")
    parts = [StoredTeacher(model=model), *banks(size, *teacher), {f"{HERE}:IntoTeacher": {}}]
    return {"objective": terms(*teacher), "parts": parts}


RECIPE = Recipe(
    wants=["texts"],
    view=["word-deletion", "word-shuffle"],
    objective=terms("anchor", "positive"),
    objective_options={"temperature": 0.05, "teacher_temperature": 0.04},
    parts=[*banks(65536, "anchor", "positive"), {f"{HERE}:Projections": {}}],
    batch_size=128,
)


@cache
def large_teacher(quick: bool) -> Encoder:
    """MiniLM; in a quick run a random transformer."""
    from dipole.studies.benches.minilm import minilm

    texts = unlabelled(quick, SENTENCES)
    return tiny_text(texts, seed=99, dim=96) if quick else minilm("sct", max_length=32)


def arms(quick: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Arm -> its settings."""
    options = {"temperature": STUDENT, "teacher_temperature": TEACHER}
    simcse, own = read_recipe("simcse"), RECIPE.settings | {"objective_options": options}
    model = large_teacher(quick)
    yield "simcse", simcse
    yield "simcse, edited", simcse | {"view": own["view"]}
    yield "sct", own | {"parts": [*banks(BANK, "anchor", "positive"), {f"{HERE}:Projections": {}}]}
    yield "sct-distillation", own | distilled(model, BANK)
    mse = {"objective": f"{HERE}:CosineMSE", "objective_options": {}}
    yield "mse-distillation", own | mse | {"parts": [StoredTeacher(model=model)]}


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """Spearman on unseen pairs of every arm."""
    texts, pairs = unlabelled(quick, SENTENCES), judged(quick)
    found = {}
    for arm, settings in arms(quick):
        objective = settings["objective"]
        encoder = fitted(
            texts, objective, encoder=tiny_text(texts, seed=seed), seed=seed, learning_rate=5e-4,
            precision="fp32",
            **{k: v for k, v in settings.items() if k != "objective"}
            | {"batch_size": BATCH, "epochs": 1 if quick else EPOCHS},
        )  # fmt: skip
        found[f"STS-B, {arm}"] = spearman(encoder, pairs)
    return found


SYSTEM = System(
    id="sct",
    paper=(
        "Limkonchotiwat et al. 2023, An Efficient Self-Supervised Cross-View Training For "
        "Sentence Embedding, arXiv 2311.03228"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "A very small encoder learns more from the other view's similarities to a bank than "
            "from telling instances apart, and most where a large teacher makes them."
        ),
        experiment=experiment,
        primary=AtLeast("STS-B, sct", "STS-B, simcse", by=1.0),
        reported="",
        secondary=[
            AtLeast("STS-B, sct-distillation", "STS-B, sct", by=2.0),
            AtLeast("STS-B, sct-distillation", "STS-B, mse-distillation", by=-0.5),
        ],
        notes=(
            "A student of 2 layers and 64 dimensions from nothing, where the paper's are"
            " pretrained: it is its own teacher, and that teacher knows nothing at first. 3,000"
            " sentences of STS-B's and SICK's training parts without their scores, two epochs in"
            " batches of 64 (the paper: 20), one learning rate for all; Spearman on STS-B's"
            " validation part. Views: words left out, and words in another order; SimCSE has"
            ' dropout alone, and beside it the same views ("edited"). Two banks of 4,096, random'
            " at first; temperatures of the paper's smallest encoder. The teacher,"
            " all-MiniLM-L6-v2, reads the sentence as it is, once; it was trained on labelled"
            " pairs, which is what is distilled. The student of 64 dimensions is mapped into the"
            " teacher's 384 by a matrix that stays orthogonal, which changes no cosine, and is"
            " measured without it. MSE: cosines within the batch against the teacher's. Nothing"
            " else was tried."
        ),
    ),
)
