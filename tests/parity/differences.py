"""Where dipole differs from other code and means to; each reason stands in a docstring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dipole.evaluation.generation import repetition
from dipole.systems.text.multicsr import Refined
from parity.addresses import BM25, Matryoshka, Routed, knn_labels, order_refined

Kind = Literal[
    "their bug", "rounding", "convention", "another objective", "the paper, not the code"
]


@dataclass(frozen=True)
class Difference:
    """kind: whose it is; where: objective or function whose docstring gives the `reason`."""

    kind: Kind
    where: Any
    reason: str


PML_ST_MEAN = Difference(
    "convention", "triplet-batch", "take one mean over all triplets of the batch"
)
DEGLA = Difference("their bug", "degla", "IGC and TGC assume unlike orders of the negatives")
SYCL = Difference("rounding", "sycl", "the authors add 1e-15 under its square roots")

DIFFERENCES = {
    "multicsr-code": Difference(
        "the paper, not the code",
        Refined,
        "Its code is another loss: it multiplies the logits by the 0/1 weights",
    ),
    "amcl": Difference("the paper, not the code", "amcl", "The published code has no negatives"),
    "barlow-twins": Difference(
        "rounding", "barlow-twins", "authors' batch norm adds 1e-5 to the variance"
    ),
    "bm25-rank-bm25": Difference(
        "another objective",
        BM25,
        "The package rank-bm25 has Okapi's, which is, and a factor k1 + 1",
    ),
    "clusterns-bml-alpha": Difference(
        "convention",
        "bidirectional-margin",
        "that code also adds alpha for every pair of unlike clusters, a constant",
    ),
    "contrastive-batch-pml": Difference(
        "another objective", "contrastive-batch", "its hinge is linear in the distance"
    ),
    "contrastive-st": Difference(
        "rounding", "contrastive", "a Euclidean D adds 1e-6 to all differences"
    ),
    "contrastive-search-isotropy-diversity": Difference(
        "their bug",
        repetition,
        "The published code leaves out the last n-gram of every text",
    ),
    "degla-anchor-major": DEGLA,
    "degla-slot-major": DEGLA,
    "diht-hn-nce-medclip": Difference(
        "their bug",
        "hn-nce",
        "averages over all n x n entries, with positives of 1 off the diagonal",
    ),
    "evaluation-knn-weighted": Difference(
        "another objective", knn_labels, "weighted by exp(cosine / 0.07), as in lightly"
    ),
    "gte-kalm-expanded": Difference(
        "another objective", "gte", "KaLM's expanded negatives are three of these sums"
    ),
    "kernel-infonce-laplacian": Difference(
        "rounding", "kernel-infonce", "authors' code adds 1e-6 to the denominator"
    ),
    "lifted-pml": Difference(
        "convention", "lifted", "which pytorch-metric-learning takes for classes of any size"
    ),
    "listmle": Difference(
        "their bug", "listmle", "add 1e-7 to sums scaled by the largest exponential"
    ),
    "llm-embedder-unsorted": Difference(
        "another objective", "stable-distill", "takes a list in the order it comes in"
    ),
    "matryoshka-st": Difference("convention", Matryoshka, "sentence-transformers sums over k"),
    "metrix-multi-similarity": Difference(
        "their bug", "metrix", "In the authors' code mixed negatives never count"
    ),
    "moe-sentence-similarity-dot": Difference(
        "another objective",
        Routed,
        "the authors' scripts contrast dot products, at temperature 1",
    ),
    "n-pair-pml-cosine": Difference(
        "another objective", "n-pair", "pytorch-metric-learning normalises the vectors"
    ),
    "poly-view-arithmetic": Difference(
        "their bug", "poly-view", "averages its cross-entropies over the batch"
    ),
    "ranking-sentence-gen-order": Difference(
        "their bug", order_refined, "code compares them with j, which is the same in the first row"
    ),
    "simclr-ntxent-google": Difference(
        "convention", "ntxent", "SimCLR's code adds the two directions, twice this"
    ),
    "sogclr": Difference(
        "their bug", "sogclr", "stores the sum of both views' averages instead of their mean"
    ),
    "supcon-base-temperature": Difference(
        "convention", "supcon", "multiplies the loss by temperature / base_temperature"
    ),
    "supcon-singleton": Difference("convention", "supcon", "authors' code counts it as 0"),
    "sycl-cosine": SYCL,
    "sycl": SYCL,
    "triplet-batch-active-pml": PML_ST_MEAN,
    "triplet-batch-active-st": PML_ST_MEAN,
    "triplet-batch-all-pml": PML_ST_MEAN,
    "triplet-batch-semi-hard-st": PML_ST_MEAN,
    "whitenedcse-epsilon": Difference(
        "rounding", "whitenedcse", "authors' code has none, a difference of about 1e-5"
    ),
    "whitenedcse": Difference(
        "their bug", "whitenedcse", "cuts rows that are interleaved by view into thirds"
    ),
}
