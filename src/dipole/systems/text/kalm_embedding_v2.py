"""KaLM-Embedding-V2: hard negatives are mixed into harder ones, hard pairs count more."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Pairs
from dipole.encoders.static_text import StaticText
from dipole.objectives import FocalInfoNCE, InfoNCE
from dipole.sampling.mixed_lists import mixed_lists
from dipole.sampling.unique import UniqueBatches
from dipole.studies.benches.pairs import Bags, found, short_code
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

STEPS, BATCH, TEMPERATURE = 300, 16, 0.05
# Mined negatives of a pair, whether they are mixed, and the exponent of the focal weight.
ARMS: dict[str, tuple[int, bool, float]] = {
    "7 negatives": (7, False, 0.0),
    "7 negatives, mixed": (7, True, 0.0),
    "3 negatives": (3, False, 0.0),
    "3 negatives, mixed": (3, True, 0.0),
    "7 negatives, focal": (7, False, 0.5),
}


@cache
def mined(quick: bool) -> tuple[Pairs, list[list[str]]]:
    """Training pairs and seven negatives of each by BM25, past the three nearest."""
    from dipole.sampling.mining import mine_negatives

    pairs = short_code("train", quick)
    triplets = mine_negatives(pairs, "bm25", negatives=7, skip=3)
    rows = [i for i, row in enumerate(triplets.column("negatives")) if len(row) == 7]
    return pairs.select(rows), [triplets[i]["negatives"] for i in rows]


@cache
def bags(quick: bool) -> Bags:
    """Towers for the pairs, whose positives are all the negatives there are."""
    return Bags(mined(quick)[0])


def trained(seed: int, quick: bool, *, negatives: int, mixed: bool, gamma: float) -> StaticText:
    """A bag of words trained on pairs, everybody's negatives, and own mixtures."""
    towers, (_, lists) = bags(quick), mined(quick)
    plan = UniqueBatches(towers.keys, BATCH, seed=seed)
    return towers.trained(
        Mixing(gamma, mixed), plan, seed, steps=3 if quick else STEPS,
        extra=lambda rows: {"negative": [text for i in rows for text in lists[i][:negatives]]},
    )  # fmt: skip


class Mixing(nn.Module):
    """The system's loss; where asked, each anchor's own negatives are mixed into more."""

    def __init__(self, gamma: float, mixed: bool) -> None:
        super().__init__()
        self.objective = FocalInfoNCE(TEMPERATURE, gamma=gamma, detach=True, symmetric=False)
        self.mixed = mixed

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor, **ids: Tensor) -> Tensor:
        """negative: as many for each anchor, one anchor after the other."""
        own = mixed_lists(anchor, negative.view(len(anchor), -1, anchor.shape[1]))
        more = {"candidates": own} if self.mixed else {}
        loss: Tensor = self.objective(anchor, positive, negative, **ids, **more)
        return loss


@cache
def hardest(quick: bool) -> np.ndarray:
    """Numbers of the quarter of the test anchors whose positive words alone rank lowest."""
    test = short_code("test", quick)
    sides = [list(test.column(name)) for name in ("anchor", "positive")]
    torch.manual_seed(0)
    words = StaticText.from_texts(*sides, dim=512)
    scores = words.encode(sides[0], role="query") @ words.encode(sides[1]).T
    rank = (scores > np.diag(scores)[:, None]).sum(1)
    return np.argsort(-rank, kind="stable")[: len(rank) // 4]


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Recall@1 per test pair, of all and of the hardest quarter; and what mixtures are."""
    test = short_code("test", quick)
    outcome: dict[str, np.ndarray | float] = {}
    for name, (negatives, mixed, gamma) in ARMS.items():
        encoder = trained(seed, quick, negatives=negatives, mixed=mixed, gamma=gamma)
        outcome[name] = right = found(encoder, test, "Recall@1")
        outcome[f"hardest quarter, {name}"] = right[hardest(quick)]
    return outcome | identities(seed)


def identities(seed: int) -> dict[str, float]:
    """Gamma 0 against InfoNCE, lengths of mixtures, and how much nearer than their parents."""
    torch.manual_seed(seed)
    q = torch.nn.functional.normalize(torch.randn(16, 32), dim=1)
    n = torch.nn.functional.normalize(q[:, None] + 0.3 * torch.randn(16, 7, 32), dim=2)
    made = mixed_lists(q, n, pairs=16)
    near = [torch.einsum("nd,nkd->nk", q, x).mean(1) for x in (made, n)]
    flat = FocalInfoNCE(TEMPERATURE, gamma=0.0, detach=True, symmetric=False)
    plain = InfoNCE(TEMPERATURE, symmetric=False)
    given = {"anchor": q, "positive": n[:, 0], "negative": n[:, 1]}
    return {
        "gamma 0 minus InfoNCE": float((flat(**given) - plain(**given)).abs()),
        "largest error of a length": float((made.norm(dim=-1) - 1).abs().max()),
        "least gain in similarity": float((near[0] - near[1]).min()),
    }


SYSTEM = System(
    id="kalm-embedding-v2",
    paper=(
        "Zhao et al. 2025, KaLM-Embedding-V2: Superior Training Techniques and Data Inspire A "
        "Versatile Embedding Model, arXiv 2506.20923"
    ),
    recipe=Recipe(
        wants=["pairs", "triplets"],
        objective="focal-infonce",
        objective_options={"gamma": 0.5, "detach": True, "symmetric": False},
        temperature=0.01,
    ),
    claim=Claim(
        sentence=(
            "Mixing a pair's hard negatives replaces mining more of them, and a focal weight "
            "helps hard queries at no cost to the others."
        ),
        experiment=experiment,
        seeds=3,
        holds=[
            AtLeast("7 negatives, mixed", "7 negatives", by=0.5),
            AtLeast("3 negatives, mixed", "7 negatives", by=-0.5),
            AtLeast("7 negatives, focal", "7 negatives", by=-0.2),
            AtLeast("hardest quarter, 7 negatives, focal", "hardest quarter, 7 negatives", by=1.0),
            AtMost("gamma 0 minus InfoNCE", 1e-6, every=True),
            AtMost("largest error of a length", 1e-6, every=True),
            AtLeast("least gain in similarity", 0.0, every=True),
        ],
        notes=(
            "Values: Recall@1 over the test pairs of stdlib-code, codes cut after 200 characters;"
            f" {STEPS} steps of {BATCH} pairs, each pair with negatives by BM25 past the three"
            " nearest, and four mixtures of two of them and one of all. Hardest quarter: test"
            " queries whose code an untrained bag of words ranks lowest, which no arm has a part"
            " in. Bags of words are trained from scratch, at temperature 0.05 instead of the"
            " paper's 0.01 for a pretrained model."
        ),
    ),
)
