"""Which implementations of an objective are compared, and at which temperature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import ours, peers, plain, products

DIPOLE, REFERENCE, BOUND = "dipole", "plain torch", "bare products"
DIPOLE_BF16, BOUND_BF16 = "dipole, bf16 tiles", "bare products, bf16"


@dataclass(frozen=True)
class Implementation:
    """`run(batch)` returns a loss to differentiate, a finished one, or nothing (bare products)."""

    name: str
    run: Callable[..., Any]
    package: str = "torch"  # the distribution whose version the document states


@dataclass(frozen=True)
class Case:
    """An objective: what n counts, and who computes it; the reference comes second."""

    key: str
    title: str
    rows: str
    products: int  # bare n x n x d products that the engine does
    implementations: tuple[Implementation, ...]

    def bounds(self, name: str) -> list[str]:
        """The bare products that an implementation is to be measured by; the fastest counts."""
        names = [one.name for one in self.implementations if one.name.startswith(BOUND)]
        return [one for one in names if (one == BOUND_BF16) == (name == DIPOLE_BF16)]

    def find(self, name: str) -> Implementation:
        """By name."""
        return next(one for one in self.implementations if one.name == name)


ST, PML = "sentence-transformers", "pytorch-metric-learning"


def _case(
    key: str,
    title: str,
    rows: str,
    bound: tuple[int, Callable[..., Any]],
    settings: dict[str, float],
    others: tuple[Implementation, ...] = (),
    name: str | None = None,
) -> Case:
    """dipole, plain torch, `others`, then the bound; all with the same settings."""
    attribute = name or key
    all_of_them = (
        Implementation(DIPOLE, getattr(ours, attribute), "dipole"),
        Implementation(REFERENCE, getattr(plain, attribute)),
        *others,
    )
    set_up = [Implementation(i.name, partial(i.run, **settings), i.package) for i in all_of_them]
    if key == "infonce":
        bf16 = partial(ours.infonce_bf16, **settings)
        set_up.insert(1, Implementation(DIPOLE_BF16, bf16, "dipole"))
        set_up.append(Implementation(BOUND_BF16, products.one_bf16))
    for routine, block in (("mm", products.by_mm), ("oneDNN", products.by_engine)):
        set_up.append(Implementation(f"{BOUND}, {routine}", partial(bound[1], block)))
    return Case(key, title, rows, bound[0], tuple(set_up))


PAIRS, ROWS = "pairs", "rows, in classes of eight"

CASES = (
    _case(
        "infonce",
        "InfoNCE, both directions",
        PAIRS,
        (4, products.one),
        {"temperature": 0.05},
        (
            Implementation("torch linear_cross_entropy x 2", plain.linear_cross_entropy),
            Implementation("sentence-transformers MNR", peers.sentence_transformers, ST),
            Implementation(
                "sentence-transformers cached MNR", peers.sentence_transformers_cached, ST
            ),
            Implementation("open_clip ClipLoss", peers.open_clip, "open_clip_torch"),
        ),
    ),
    _case(
        "ntxent",
        "NT-Xent, 2n views",
        PAIRS,
        (12, products.three),
        {"temperature": 0.1},
        (
            Implementation("lightly NTXentLoss", peers.lightly, "lightly"),
            Implementation("pytorch-metric-learning NTXentLoss", peers.metric_learning, PML),
        ),
    ),
    _case(
        "dcl",
        "DCL, 2n views",
        PAIRS,
        (12, products.three),
        {"temperature": 0.1},
        (Implementation("lightly DCLLoss", peers.lightly_dcl, "lightly"),),
    ),
    _case(
        "supcon",
        "SupCon",
        ROWS,
        (4, products.one),
        {"temperature": 0.1},
        (Implementation("pytorch-metric-learning SupConLoss", peers.metric_learning_supcon, PML),),
    ),
    _case(
        "sigmoid",
        "Sigmoid (SigLIP)",
        PAIRS,
        (4, products.one),
        {"temperature": 0.1, "bias": -10.0},
        (Implementation("open_clip SigLipLoss", peers.open_clip_siglip, "open_clip_torch"),),
    ),
    _case(
        "multi-similarity",
        "Multi-similarity with its miner",
        ROWS,
        (5, products.mined),
        {},
        (
            Implementation(
                "pytorch-metric-learning MultiSimilarityLoss",
                peers.metric_learning_multi_similarity,
                PML,
            ),
        ),
        name="multi_similarity",
    ),
    _case(
        "mv-dhel", "MV-DHEL, two views", PAIRS, (8, products.two), {"temperature": 0.2},
        name="mv_dhel",
    ),
    _case(
        "soft-targets",
        "Soft targets, one direction",
        PAIRS,
        (4, products.one),
        {"temperature": 0.05},
        name="soft_targets",
    ),
)  # fmt: skip


def find_case(key: str) -> Case:
    """By key."""
    return next(case for case in CASES if case.key == key)
