"""Kernel-InfoNCE: contrastive learning is spectral clustering, and other kernels may do better."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch

from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

TEMPERATURES = (0.2, 0.4, 1.0)


def identity(rng: np.random.Generator) -> float:
    """Cross-entropy over all graphs with one edge out of every node, minus population InfoNCE.

    Six nodes have 5^6 such graphs W; P(W; pi) = prod_i pi_i,W(i) and P(W; K) likewise with the
    kernel's rows divided by their sums.
    """
    n = 6
    off = ~np.eye(n, dtype=bool)
    pi = np.where(off, rng.random((n, n)), 0)
    pi /= pi.sum(1, keepdims=True)
    z = rng.standard_normal((n, 3))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    log_k = -((z[:, None] - z) ** 2).sum(-1) / 0.5
    log_share = log_k - np.log(np.where(off, np.exp(log_k), 0).sum(1, keepdims=True))
    infonce = -(pi * np.where(off, log_share, 0)).sum()
    others = [[j for j in range(n) if j != i] for i in range(n)]
    rows = np.arange(n)
    entropy = 0.0
    for graph in product(*others):
        edges = np.array(graph)
        entropy -= pi[rows, edges].prod() * log_share[rows, edges].sum()
    return float(abs(entropy - infonce))


def recovered(rng: np.random.Generator) -> tuple[float, float]:
    """Agreement (adjusted Rand index) of vectors learnt from a graph of three blocks.

    With the blocks, and with the partition that spectral clustering of the same graph finds.
    """
    from sklearn.cluster import KMeans, SpectralClustering
    from sklearn.metrics import adjusted_rand_score

    blocks = np.repeat(np.arange(3), 10)
    weights = np.where(blocks[:, None] == blocks, 1.0, 0.02) * (0.5 + rng.random((30, 30)))
    graph = (weights + weights.T) / 2
    np.fill_diagonal(graph, 0)
    pi = torch.from_numpy(graph / graph.sum(1, keepdims=True))
    z = torch.from_numpy(rng.standard_normal((30, 3))).requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.05)
    for _ in range(300):
        x = torch.nn.functional.normalize(z, dim=1)
        logits = -(2 - 2 * x @ x.T) / 0.5
        logits = logits.masked_fill(torch.eye(30, dtype=torch.bool), -torch.inf)
        log_share = logits.log_softmax(1).masked_fill(pi == 0, 0)
        loss = -(pi * log_share).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    points = torch.nn.functional.normalize(z, dim=1).detach().numpy()
    found = KMeans(3, n_init=10, random_state=0).fit_predict(points)
    spectral = SpectralClustering(3, affinity="precomputed", random_state=0).fit_predict(graph)
    return adjusted_rand_score(blocks, found), adjusted_rand_score(spectral, found)


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """The identity, and blocks that are found again."""
    rng = np.random.default_rng(seed)
    with_blocks, with_spectral = recovered(rng)
    return {
        "identity": identity(rng),
        "agreement with the blocks": with_blocks,
        "agreement with spectral clustering": with_spectral,
    }


SYSTEM = System(
    id="kernel-infonce",
    paper=(
        "Tan et al. 2023, Contrastive Learning Is Spectral Clustering On Similarity Graph, "
        "arXiv 2303.15103"
    ),
    recipe=Recipe(wants=["pairs", "texts", "images"], objective="kernel-infonce"),
    claim=Claim(
        sentence=(
            "InfoNCE is the cross-entropy of random graphs, so spectral clustering of the graph "
            "of views; mixing its Gaussian kernel with an exponential one learns more."
        ),
        data="fashion-mnist-14",
        settings={"encoder": "conv", "view": ["simclr"], "batch_size": 128},
        arms={
            f"{name} {t}": {
                "objective": "kernel-infonce",
                "objective_options": {"mix": mix},
                "temperature": t,
            }
            for t in TEMPERATURES
            for name, mix in (("gaussian", 0.0), ("mixture", 0.5))
        },
        measures=["knn"],
        experiment=experiment,
        budget="6epochs",
        seeds=4,
        picture="kNN accuracy",
        holds=[
            AtMost("identity", 1e-9, every=True),
            AtLeast("agreement with the blocks", 1.0, every=True),
            AtLeast("agreement with spectral clustering", 1.0, every=True),
            *(
                AtLeast(f"mixture {t}", f"gaussian {t}", by=by, on="kNN accuracy")
                for t, by in zip(TEMPERATURES, (-0.2, 0.3, -0.2), strict=True)
            ),
        ],
        notes=(
            "Both kernels at the same three temperatures; a Gaussian kernel at temperature t is"
            " NT-Xent at t / 2. The gain of 0.3 is asked for at 0.4, which is the usual 0.2 of"
            " NT-Xent; at the others the mixture may not lose more than 0.2."
        ),
    ),
)
