"""The bench of graphs: Cora's papers and their citations, a graph convolutional network."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Labeled
from dipole.data.named import locate
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.heads import make_head
from dipole.errors import InputError
from dipole.studies.bench import Bench
from dipole.studies.measures import Measured, Trained
from dipole.views.base import View

# Random divisions of the nodes: a tenth to learn the classes from, the others are tested.
SPLITS, SHARE = 10, 0.1
# Strength of the classifier, as `linear_probe` has it.
C = 0.1


class Graph(NamedTuple):
    """Nodes with properties x (n, f), sparse; links both ways (2, e); classes (n,)."""

    x: Tensor
    links: Tensor
    labels: np.ndarray


@cache
def graph(quick: bool) -> Graph:
    """Cora, a paper's words over their number; in a quick run a small one that is made."""
    return _made() if quick else _cora()


def rows(split: str, quick: bool = False) -> Labeled:
    """All nodes, with their classes: a part of a graph does not stand alone."""
    labels = graph(quick).labels
    nodes = [f"{'quick' if quick else 'cora'} {i}" for i in range(len(labels))]
    return Labeled.from_columns({"input": nodes, "label": [f"class {c}" for c in labels]})


class Nodes(Encoder):
    """Two layers of graph convolution, H' = prelu(D^-1/2 (A + I) D^-1/2 H W + b).

    A view may leave out links and properties: `links_kept` (e,), `properties_kept` (f,).
    (Kipf and Welling 2016, arXiv 1609.02907.)
    """

    def __init__(self, properties: int, dim: int = 128) -> None:
        super().__init__()
        self.properties, self.dim = properties, dim
        self.first = nn.Parameter(nn.init.xavier_uniform_(torch.empty(properties, 2 * dim)))
        self.second = nn.Parameter(nn.init.xavier_uniform_(torch.empty(2 * dim, dim)))
        self.shifts = nn.ParameterList([torch.zeros(2 * dim), torch.zeros(dim)])
        self.slopes = nn.ParameterList([torch.full((1,), 0.25), torch.full((1,), 0.25)])
        self.head: nn.Module | None = None

    @classmethod
    def from_inputs(cls, *inputs: Sequence[str], dim: int = 128, head: Any = None) -> Nodes:
        """For the graph that the nodes are of; `head` as of any encoder."""
        self = cls(graph(is_quick(inputs[0][0])).x.shape[1], dim)
        self.head = None if head is None else make_head(dim, head)
        return self

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        numbers = torch.tensor([int(text.split()[1]) for text in inputs])
        return {"node": numbers, "quick": torch.tensor([is_quick(text) for text in inputs])}

    def forward(self, features: Features) -> Tensor:
        whole = graph(bool(features["quick"][0]))
        links, first = whole.links, self.first
        if "links_kept" in features:
            links = links[:, features["links_kept"]]
            first = first * features["properties_kept"][:, None]  # type: ignore[assignment]
        near = normalised(links, len(whole.labels))
        h = torch.sparse.mm(whole.x, first)
        for i, weight in enumerate((None, self.second)):
            h = h if weight is None else h @ weight
            h = nn.functional.prelu(torch.sparse.mm(near, h) + self.shifts[i], self.slopes[i])
        found = h[features["node"]]
        if self.head is not None and self.training:
            found = self.head(found)
        return nn.functional.normalize(found, dim=-1)

    def weights(self) -> dict[str, Tensor]:
        return {k: v for k, v in self.state_dict().items() if not k.startswith("head.")}


class Dropped(View):
    """Each link left out with probability `links`, each property of all nodes with `properties`
    (GRACE: Zhu et al. 2020, arXiv 2006.04131)."""

    def __init__(self, links: float = 0.3, properties: float = 0.3) -> None:
        super().__init__()
        self.links, self.properties = links, properties

    def rates(self, quick: bool) -> tuple[Tensor, Tensor]:
        """With which probability each link and each property is left out."""
        whole = graph(quick)
        shape = whole.links.shape[1], whole.x.shape[1]
        return torch.full(shape[:1], self.links), torch.full(shape[1:], self.properties)

    def forward(self, features: Features) -> Features:
        links, properties = self.rates(bool(features["quick"][0]))
        kept = torch.rand(len(properties)) >= properties
        # The nodes of a batch see one graph.
        return features | {
            "links_kept": torch.rand(len(links)) >= links, "properties_kept": kept.float(),
        }  # fmt: skip


def normalised(links: Tensor, n: int) -> Tensor:
    """D^-1/2 (A + I) D^-1/2, sparse, D the sums of the rows of A + I."""
    both = torch.cat([links, torch.arange(n).expand(2, n)], 1)
    size = torch.bincount(both[0], minlength=n).float().rsqrt()
    weights = size[both[0]] * size[both[1]]
    return torch.sparse_coo_tensor(both, weights, (n, n), check_invariants=False).coalesce()


def is_quick(node: str) -> bool:
    """Whether a node is of the graph that is made."""
    return node.startswith("quick")


def classified(model: Trained) -> Measured:
    """Share of a node's divisions in which a linear classifier, taught by a tenth of the nodes,
    names its class; per node, in points."""
    right, times = found(model.test_vectors, model.test_labels)
    return {"linear probe": 100.0 * right / np.maximum(times, 1)}


def found(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often each node was named rightly, and how often it was tested."""
    from dipole.evaluation.tasks.probe import linear_probe

    right, times = np.zeros(len(labels)), np.zeros(len(labels))
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(len(labels))
        known, others = np.split(order, [max(int(SHARE * len(order)), 20)])
        right[others] += linear_probe(
            vectors[known], labels[known], vectors[others], labels[others], C=C
        )
        times[others] += 1
    return right, times


def words(train: Labeled, test: Labeled) -> np.ndarray:
    """The same of the words of the papers themselves."""
    right, times = found(graph(False).x.to_dense().double().numpy(), graph(False).labels)
    return 100.0 * right / np.maximum(times, 1)


class _Arrays(pickle.Unpickler):
    """Reads pickled arrays, lists and dicts, and nothing that runs code of its own."""

    def find_class(self, module: str, name: str) -> Any:
        plain = (module, name) in {("__builtin__", "list"), ("collections", "defaultdict")}
        if not plain and module.split(".")[0] not in {"numpy", "scipy", "_codecs"}:
            raise InputError(f"planetoid: found {module}.{name}; expected arrays")
        return super().find_class(module, name)


def _cora() -> Graph:
    def read(part: str) -> Any:
        with Path(locate(f"planetoid/ind.cora.{part}")).open("rb") as file:
            return _Arrays(file, encoding="latin1").load()

    from scipy.sparse import vstack

    lines = Path(locate("planetoid/ind.cora.test.index")).read_text(encoding="ascii").split()
    tested = np.array(lines, dtype=np.int64)
    x = vstack([read("allx"), read("tx")]).tolil()
    y = np.concatenate([read("ally"), read("ty")]).argmax(1)
    x[tested], y[tested] = x[np.sort(tested)], y[np.sort(tested)]
    pairs = {(i, j) for i, others in read("graph").items() for j in others if i != j}
    return _graph(x.toarray(), pairs, y)


def _made() -> Graph:
    """Three groups of twenty nodes that share links and properties."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    same = y[:, None] == y
    links = np.argwhere(np.triu(rng.random((60, 60)) < np.where(same, 0.2, 0.02), 1))
    x = rng.random((60, 30)) < np.where(np.arange(30) % 3 == y[:, None], 0.4, 0.1)
    return _graph(x.astype(float), {(int(i), int(j)) for i, j in links}, y)


def _graph(x: np.ndarray, pairs: set[tuple[int, int]], y: np.ndarray) -> Graph:
    both = sorted(pairs | {(j, i) for i, j in pairs})
    shares = x / np.maximum(x.sum(1, keepdims=True), 1)
    return Graph(torch.from_numpy(shares).float().to_sparse(), torch.tensor(both).T, y)


BENCH = Bench(
    id="graphs",
    about=(
        "the 2,708 papers of Cora and their citations, 200 batches of 512; two layers of graph"
        " convolution; the subject of a paper by a linear classifier that was shown a tenth"
    ),
    data=f"{__name__}:rows",
    needs=("planetoid/ind.cora.graph",),
    settings={
        "encoder": f"{__name__}:Nodes", "encoder_options": {"head": {"out": 64, "hidden": 64}},
        "batch_size": 512, "max_steps": 200, "learning_rate": 3e-3, "schedule": "constant",
        "warmup": 0, "clip_norm": None, "weight_decay": 1e-5,
    },
    measures=(f"{__name__}:classified",),
    metric="linear probe",
    delta=0.5,
    trivial=f"{__name__}:words",
    baseline={"view": [f"{__name__}:Dropped"], "objective": "ntxent", "temperature": 0.4},
    ceiling={
        "view": [f"{__name__}:Dropped"], "objective": "supcon", "temperature": 0.1,
    },
)  # fmt: skip
