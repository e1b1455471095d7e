"""Matryoshka: any objective, also on the first few dimensions, and on a shallow layer."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.contract.base import Objective, Over
from dipole.objectives.contract.given import roles_of
from dipole.objectives.maths import reduce

# Inputs that are vectors of the tower, and so have dimensions to leave out.
VECTORS = ("anchor", "positive", "negative", "candidates", "views", "queue", "support")
# Those a tower also gives from a shallow layer, as NAME_shallow.
SHALLOW = ("anchor", "positive", "negative", "candidates")


class Matryoshka(Over):
    """An objective l on the first k dimensions of every vector, for several k at once,

        L = sum_k w_k l(v[:k]) / sum_k w_k,     k in dims and the whole, w = 1 unless given,

    so that a short piece of a vector is a good vector. (sentence-transformers sums over k: this
    times the sum of w.) With `layers` the same for the vectors u of
    a shallow layer of the tower, drawn anew for every step, which also follow the deep ones:

        L = (L(v) + L(u)) / 2 + follow KL(softmax(sg(v) / T) || softmax(u / T)),

    entries taken at root mean square 1, as logits over the dimensions. The tower runs once: costs
    are those of the losses.

    Slices are brought to the whole vector's length: an objective of dot products sees what it
    would. Each size has its own copy of the objective, so state and learnt temperatures are apart.
    Of `negative` a queue's part takes part in the deep losses only. Inputs: the objective's, and
    `anchor_shallow`, `positive_shallow`, ... of the same shapes.

    Args:
        objective: anything that takes vectors or tokens, a sum too.
        dims: sizes below the whole one.
        weights: one per size of `dims`, and one for the whole.
        follow: the weight of KL; the authors' is that of each of four losses, here a mean: 1/4.
        detach: whether the deep vectors stand still in KL.

    Sources: Kusupati et al. 2022, Matryoshka Representation Learning, arXiv 2205.13147; Li et al.
    2024, 2D Matryoshka Sentence Embeddings, arXiv 2402.14776 (which sums the losses at one drawn k
    and at the whole, in both layers, and KL, all with weight 1; T = 1; in SeanLee97/AnglE, release
    of 23 February 2024, KL moves the deep vectors too).

    Example:
        >>> import torch
        >>> from dipole.objectives import InfoNCE
        >>> a, p = torch.randn(2, 4, 8)
        >>> loss = Matryoshka(InfoNCE(), dims=[2, 4])(a, p)
        >>> parts = [InfoNCE()(a[:, :k], p[:, :k]) for k in (2, 4, 8)]
        >>> torch.allclose(loss, sum(parts) / 3)
        True
    """

    def __init__(
        self,
        objective: Objective,
        dims: Sequence[int],
        *,
        weights: Sequence[float] | None = None,
        layers: bool = False,
        follow: float = 0.25,
        temperature: float = 1.0,
        detach: bool = True,
    ) -> None:
        super().__init__()
        self.dims = sorted(dims)
        if not dims and not layers:
            raise InputError("dims: found none, expected sizes such as 32, 64 (or layers)")
        if len(set(dims)) != len(dims) or (dims and self.dims[0] < 1):
            raise InputError(f"dims: found {list(dims)}, expected different numbers of 1 or more")
        sizes = len(dims) + 1
        if weights is not None and (len(weights) != sizes or min(weights) < 0 or not sum(weights)):
            raise InputError(
                f"weights: found {list(weights)}, expected {sizes} of 0 or more, the last for the "
                "whole vector"
            )
        self.weights = [1.0] * sizes if weights is None else list(weights)
        self.layers, self.follow, self.detach = layers, follow, detach
        self.temperature = temperature
        if layers and (asked := objective.asks()):
            raise InputError(
                f"layers: found {type(objective).__name__}, which takes {min(asked)}; expected an "
                "objective of vectors, which a shallow layer has too"
            )
        copies = sizes * (2 if layers else 1)
        roles = roles_of(objective).items()
        vectors = {*VECTORS, *(tensor for tensor, role in roles if role in VECTORS)}
        self.vectors = vectors | {f"{name}_tokens" for name in vectors}
        self.terms = torch.nn.ModuleList(
            [objective, *(copy.deepcopy(objective) for _ in range(copies - 1))]
        )
        self.parts: dict[str, Tensor] = {}

    def inner(self) -> Iterable[Objective]:
        """The copies."""
        return [term for term in self.terms if isinstance(term, Objective)]

    def inputs(self) -> dict[str, bool]:
        """Those of the objective, and with `layers` the vectors of a shallow layer."""
        found = super().inputs()
        if self.layers:
            found |= {"anchor": True} | {f"{name}_shallow": False for name in SHALLOW}
        return found

    def forward(self, *args: Tensor, **inputs: Tensor | None) -> Tensor:
        """The loss of a batch; positional arguments are named as in the objective."""
        named = dict(zip(self.inputs(), args, strict=False)) | inputs
        batch = {name: value for name, value in named.items() if value is not None}
        deep = {name: value for name, value in batch.items() if not name.endswith("_shallow")}
        terms, count = list(self.inner()), len(self.weights)
        loss = self._sizes(deep, terms[:count], "")
        if not self.layers:
            return loss
        other = self._sizes(_shallow(batch), terms[count:], "/shallow")
        follows = self._follows(batch["anchor"], batch["anchor_shallow"])
        self.parts["follow"] = follows.detach()
        return (loss + other) / 2 + self.follow * follows

    def _sizes(self, batch: dict[str, Tensor], terms: list[Objective], note: str) -> Tensor:
        whole = next(batch[name].shape[-1] for name in VECTORS if name in batch)
        if self.dims and self.dims[-1] >= whole:
            raise InputError(f"dims: found {self.dims[-1]}, expected below {whole}, the whole size")
        total: Tensor | None = None
        for k, weight, term in zip((*self.dims, whole), self.weights, terms, strict=True):
            cut = {
                name: first_dims(value, k) if name in self.vectors else value
                for name, value in batch.items()
            }
            value = term(**term.pick(cut))
            self.parts[f"{k}{note}"] = value.detach()
            total = weight * value if total is None else total + weight * value
        assert total is not None
        return total / sum(self.weights)

    def _follows(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """T^2 KL between the two as distributions over dimensions, mean of the rows."""
        target = deep.detach() if self.detach else deep
        t = self.temperature
        log_p, log_q = (F.log_softmax(_level(x) / t, -1) for x in (target, shallow))
        return t**2 * reduce((log_p.exp() * (log_p - log_q)).sum(-1), "mean")


def first_dims(vectors: Tensor, k: int) -> Tensor:
    """The first k dimensions, as long as the whole vector was; (..., d) -> (..., k).

    What a user of short vectors does: cut, then normalise.
    """
    if k == vectors.shape[-1]:
        return vectors
    piece = vectors[..., :k]
    length = torch.linalg.vector_norm(piece, dim=-1, keepdim=True)
    whole = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return piece * (whole / length.masked_fill(length == 0, 1))


def _shallow(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch as a shallow layer sees it: no vectors but its own."""
    found = {
        name: value
        for name, value in batch.items()
        if name not in VECTORS and not name.endswith("_shallow")
    }
    for name in SHALLOW:
        if f"{name}_shallow" in batch:
            found[name] = batch[f"{name}_shallow"]
    if "anchor" not in found:
        raise InputError(
            "Matryoshka: found no 'anchor_shallow'; expected a tower that shows layers"
        )
    for name in {"negative_ids", "negative_rows"} & set(found):  # a queue's come after the batch's
        found[name] = found[name][: len(found.get("negative", ()))]
    return found


def _level(x: Tensor) -> Tensor:
    """Rows at root mean square 1."""
    return F.normalize(x.float(), dim=-1) * x.shape[-1] ** 0.5
