"""AMCL: several heads judge every pair, each at a temperature that it predicts from the pair."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dipole.declared import Count
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.parts import Part, Setup
from dipole.training.recipe import Recipe


class Heads(Part):
    """`count` projections d -> d -> `dim` with a ReLU between, of both views: their vectors side by
    side stand in for the encoder's, which alone is kept after training."""

    takes = ("anchor", "positive")
    gives = ("anchor", "positive")

    count: Count = 3
    dim: Count = 128

    def bind(self, setup: Setup) -> None:
        d = setup.encoder.dim
        with torch.random.fork_rng():
            torch.manual_seed(setup.seed)
            self.heads = nn.ModuleList(
                nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, self.dim))
                for _ in range(self.count)
            )

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        made = {name: [head(batch[name]) for head in self.heads] for name in self.takes}
        return batch | {name: torch.cat(heads, dim=1) for name, heads in made.items()}


SYSTEM = System(
    id="amcl",
    paper="Wang et al. 2023, Adaptive Multi-head Contrastive Learning, arXiv 2310.05615",
    recipe=Recipe(
        wants=["images"],
        encoder="conv",
        encoder_options={"head": None},
        view=["strong"],
        objective="amcl",
        objective_options={"dim": 128},  # the heads', whatever the encoder's
        parts=[{"dipole.systems.vision.amcl:Heads": {}}],
    ),
    claim=Claim(
        sentence=(
            "With many augmentations, three heads with a temperature for each pair teach more than "
            "one head with one temperature."
        ),
        bench="views",
        arms={
            "amcl": {"encoder_options": {"head": None}},
            "simclr": {
                "recipe": Recipe(view=["strong"], objective="ntxent", temperature=0.2),
                "encoder_options": {"head": {"out": 128, "hidden": 128}},
            },
        },
        tuned={
            "amcl": {"objective_options": [{"dim": 128, "beta": x} for x in (0.1, 0.01, 0.001)]},
            "simclr": {"temperature": [0.1, 0.2, 0.5]},
        },
        primary=AtLeast("amcl", "simclr", on="kNN accuracy"),
        reported=(
            "SimCLR, MoCo and Barlow Twins are improved with several backbones, more with several"
            " augmentations (abstract; the numbers of its tables are not confirmed here)"
        ),
        looks=(5, 10),
        notes=(
            "Views with eight kinds of augmentation. SimCLR's head is one of AMCL's three, without"
            " the batch normalisation of the bench's. The loss is the equation on the authors'"
            " page, with the range of temperatures of their code, which computes another loss. How"
            " strongly the paper's experiments regularise the temperatures is not known: AMCL"
            " chooses beta of three values (0.1 is the code's), SimCLR its temperature (0.5 is that"
            " of their script). *Before*: as a softmax over all negatives, with a regulariser that"
            " no equation of the authors has, AMCL was 2.87 points behind, [-4.71, -1.03] at 5"
            " seeds. What counts is the tower's vector, below the heads."
        ),
        lesson=(
            "In six epochs SimCLR with one head and one temperature is far ahead of three heads "
            "whose temperatures are predicted."
        ),
    ),
)
