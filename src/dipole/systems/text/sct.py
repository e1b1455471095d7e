"""SCT: a small student learns the similarities of the other view, or of a large teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.encoders.transformer_text import TransformerText
from dipole.studies.benches.sentences import judged, spearman, unlabelled
from dipole.studies.benches.tiny_text import tiny_text
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.loops import descend
from dipole.systems.base import System

SENTENCES, BATCH, EPOCHS, BANK = 3000, 64, 2, 4096
STUDENT, TEACHER = 0.04, 0.03  # temperatures, the paper's of its smallest encoder
ARMS = ("simcse", "simcse, edited", "sct", "sct-distillation", "mse-distillation")
Loss = Callable[[Tensor, Tensor, np.ndarray], Tensor]


@cache
def teacher_vectors(quick: bool) -> Tensor:
    """Unit vectors of the training sentences by MiniLM; in a quick run by a random transformer."""
    from dipole.studies.benches.minilm import minilm

    texts = unlabelled(quick, SENTENCES)
    teacher = tiny_text(texts, seed=99, dim=96) if quick else minilm("sct", max_length=32)
    return torch.from_numpy(teacher.encode(texts))


class Bank:
    """The last vectors of one view, first in, first out; random ones at first."""

    def __init__(self, dim: int, size: int) -> None:
        self.vectors = F.normalize(torch.randn(size, dim), dim=1)

    def enter(self, vectors: Tensor) -> None:
        self.vectors = torch.cat([self.vectors[len(vectors) :], vectors])


def projections(dim: int) -> nn.Module:
    """Three in a row, each d -> 10 d -> d."""
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Linear(dim, 10 * dim), nn.ReLU(), nn.Linear(10 * dim, dim)]
    return nn.Sequential(*layers)


def cross_view(student: nn.Module, dim: int, teacher: Tensor | None) -> Loss:
    """SCT of two views' vectors and row numbers; without a teacher the encoder is its own."""
    from dipole.objectives.pairs.sct import similarity_distribution

    banks = Bank(dim, BANK), Bank(dim, BANK)

    def loss(a: Tensor, b: Tensor, rows: np.ndarray) -> Tensor:
        t = (a.detach(), b.detach()) if teacher is None else (teacher[rows], teacher[rows])
        total = a.new_zeros(())
        for theirs, bank, other in zip(t, banks, (b, a), strict=True):
            total = total + similarity_distribution(
                student(other),
                theirs,
                bank.vectors,
                temperature=STUDENT,
                teacher_temperature=TEACHER,
            )
            bank.enter(theirs)
        return total

    return loss


class Projected:
    """An encoder followed by a map into its teacher's space."""

    def __init__(self, encoder: TransformerText, into: nn.Module) -> None:
        self.encoder, self.into = encoder, into

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.asarray(self.into(torch.from_numpy(self.encoder.encode(texts))))


def cosines_follow(teacher: Tensor) -> Loss:
    """The mean squared difference between cosines of the batch and the teacher's."""

    def loss(a: Tensor, b: Tensor, rows: np.ndarray) -> Tensor:
        return F.mse_loss(a @ b.T, teacher[rows] @ teacher[rows].T)

    return loss


def contrast() -> Loss:
    """SimCSE's loss."""
    from dipole.objectives import InfoNCE

    simcse = InfoNCE(symmetric=False)
    return lambda a, b, rows: simcse(a, b)


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """Spearman on unseen pairs of every arm."""
    texts, pairs, teacher = unlabelled(quick, SENTENCES), judged(quick), teacher_vectors(quick)
    found = {}
    for arm in ARMS:
        encoder = tiny_text(texts, seed=seed).train()
        student: nn.Module = nn.Identity()
        if arm == "sct":
            student = projections(encoder.dim)
        elif arm == "sct-distillation":  # into the teacher's space
            student = nn.Linear(encoder.dim, teacher.shape[1], bias=False)
            nn.init.orthogonal_(student.weight)
        losses: dict[str, Loss] = {
            "simcse": contrast(),
            "simcse, edited": contrast(),
            "sct": cross_view(student, encoder.dim, None),
            "sct-distillation": cross_view(student, teacher.shape[1], teacher),
            "mse-distillation": cosines_follow(teacher),
        }
        batches = in_batches(len(texts), 1 if quick else EPOCHS, seed)
        steps = rendered(encoder, texts, batches, losses[arm], edited=arm != "simcse")
        descend([*encoder.parameters(), *student.parameters()], steps, learning_rate=5e-4)
        taught = Projected(encoder.eval(), student) if arm == "sct-distillation" else encoder
        found[f"STS-B, {arm}"] = spearman(taught, pairs)
    return found


def in_batches(n: int, epochs: int, seed: int) -> Iterator[np.ndarray]:
    """Row numbers of full batches."""
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(n)
        yield from (order[i : i + BATCH] for i in range(0, n - BATCH + 1, BATCH))


def rendered(
    encoder: TransformerText,
    texts: Sequence[str],
    batches: Iterable[np.ndarray],
    loss: Loss,
    *,
    edited: bool,
) -> Iterator[Tensor]:
    """The loss of every batch, of two edited views or of the texts as they are, twice."""
    from dipole.views.text import WordDeletion, WordShuffle

    views = (WordDeletion(), WordShuffle())
    for step, rows in enumerate(batches):
        rng = np.random.default_rng(step)
        batch = [texts[i] for i in rows]
        a, b = (encoder(encoder.prepare(view(batch, rng) if edited else batch)) for view in views)
        yield loss(a, b, rows)


SYSTEM = System(
    id="sct",
    paper=(
        "Limkonchotiwat et al. 2023, An Efficient Self-Supervised Cross-View Training For "
        "Sentence Embedding, arXiv 2311.03228"
    ),
    claim=Claim(
        sentence=(
            "A very small encoder learns more from the other view's similarities to a bank than "
            "from telling instances apart, and most where a large teacher makes them."
        ),
        experiment=experiment,
        seeds=3,
        holds=[
            AtLeast("STS-B, sct", "STS-B, simcse", by=1.0),
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
            " teacher's 384 by a matrix that starts orthogonal and is measured there. MSE: cosines"
            " within the batch against the teacher's. Nothing else was tried."
        ),
    ),
)
