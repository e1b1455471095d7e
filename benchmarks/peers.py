"""The same objectives by other libraries, on given embeddings.

Packages that would pull torchvision in are installed without their dependencies, so only the
module with the loss is imported: its parents stand in as empty packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.data import Batch, made

# The rows a cached loss of sentence-transformers takes at once; its default, 32, is far slower.
MINI_BATCH = 512


def import_alone(name: str) -> ModuleType:
    """Import `a.b.c` without running the `__init__` of `a` and of `a.b`."""
    parts = name.split(".")
    for depth in range(1, len(parts)):
        parent = ".".join(parts[:depth])
        if parent in sys.modules:
            continue
        spec = importlib.util.find_spec(parent)
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError(f"No module named {parent!r}")
        empty = ModuleType(parent)
        empty.__path__ = list(spec.submodule_search_locations)
        sys.modules[parent] = empty
    return importlib.import_module(name)


@cache
def _ranking(name: str, temperature: float, **settings: int) -> Any:
    from sentence_transformers.sentence_transformer import losses

    return getattr(losses, name)(
        torch.nn.Sequential(torch.nn.Identity()),
        scale=1 / temperature,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
        **settings,
    )


def sentence_transformers(batch: Batch, temperature: float) -> Tensor:
    loss = _ranking("MultipleNegativesRankingLoss", temperature)
    both = [batch.anchor, batch.positive]
    return loss.compute_loss_from_embeddings(both, batch.labels)


def sentence_transformers_cached(batch: Batch, temperature: float) -> Tensor:
    """The stage that turns embeddings into a loss and their gradients; it runs backward itself."""
    loss = _ranking("CachedMultipleNegativesRankingLoss", temperature, mini_batch_size=MINI_BATCH)
    pieces = [
        [piece.detach().requires_grad_() for piece in side.split(MINI_BATCH)]
        for side in (batch.anchor, batch.positive)
    ]
    return loss.calculate_loss(pieces, batch.labels, with_backward=True).detach()


def open_clip(batch: Batch, temperature: float) -> Tensor:
    loss = made(import_alone("open_clip.loss").ClipLoss)
    scale = torch.tensor(1 / temperature)
    return loss(F.normalize(batch.anchor), F.normalize(batch.positive), scale)


def open_clip_siglip(batch: Batch, temperature: float, bias: float) -> Tensor:
    loss = made(import_alone("open_clip.loss").SigLipLoss)
    a, p = F.normalize(batch.anchor), F.normalize(batch.positive)
    return loss(a, p, torch.tensor(1 / temperature), torch.tensor(bias))


def lightly_loss(name: str) -> ModuleType:
    """lightly's models ask torchvision for one class that no loss uses."""
    try:
        return import_alone(f"lightly.loss.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("torchvision"):
            raise
    stand_in = {"torchvision": ModuleType("torchvision"), "torchvision.ops": ModuleType("ops")}
    vars(stand_in["torchvision.ops"])["StochasticDepth"] = torch.nn.Identity
    sys.modules.update(stand_in)
    try:
        return import_alone(f"lightly.loss.{name}")
    finally:
        for module in stand_in:
            del sys.modules[module]


def lightly(batch: Batch, temperature: float) -> Tensor:
    loss = made(lightly_loss("ntx_ent_loss").NTXentLoss, temperature)
    return loss(batch.anchor, batch.positive)


def lightly_dcl(batch: Batch, temperature: float) -> Tensor:
    loss = made(lightly_loss("dcl_loss").DCLLoss, temperature)
    return loss(batch.anchor, batch.positive)


def metric_learning(batch: Batch, temperature: float) -> Tensor:
    from pytorch_metric_learning.losses import NTXentLoss

    views = torch.cat([batch.anchor, batch.positive])
    return made(NTXentLoss, temperature)(views, torch.arange(len(batch.anchor)).repeat(2))


def metric_learning_supcon(batch: Batch, temperature: float) -> Tensor:
    from pytorch_metric_learning.losses import SupConLoss

    return made(SupConLoss, temperature)(batch.anchor, batch.labels)


def metric_learning_multi_similarity(batch: Batch) -> Tensor:
    from pytorch_metric_learning.losses import MultiSimilarityLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    kept = made(MultiSimilarityMiner, 0.1)(batch.anchor, batch.labels)
    return made(MultiSimilarityLoss, 2, 50, 0.5)(batch.anchor, batch.labels, kept)
