"""The bench of a pretrained transformer: a small BERT that was taught masked words once."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor, nn

from dipole.data import Inputs
from dipole.data.cache import cache_folder, digest
from dipole.data.named import locate
from dipole.encoders.base import Encoder
from dipole.encoders.heads import make_head
from dipole.encoders.layers_text import LayersText
from dipole.encoders.transformer_text import TransformerText
from dipole.lock import Lock
from dipole.objectives.maths import reduce
from dipole.studies.bench import Bench
from dipole.studies.benches import sentences
from dipole.studies.benches.sentences import docstrings, unlabelled
from dipole.studies.benches.tiny_text import tiny_text
from dipole.studies.benches.training import trained
from dipole.studies.digest import code_of
from dipole.training.parts import Setup
from dipole.training.parts.masked_words import MaskedWords
from dipole.training.steps import Given, Step

PACKAGES = "debian-packages/packages.jsonl.gz"
SIZE: dict[str, Any] = {"dim": 128, "layers": 2, "vocabulary": 8192}
TRAINING: dict[str, Any] = {
    "view": ["same*1"], "objective": "infonce", "batch_size": 64, "max_steps": 3000,
    "learning_rate": 2e-3, "schedule": "linear", "warmup": 0.1, "precision": "fp32",
}  # fmt: skip


class Pretraining(Step):
    """The loss of masked words alone (`MaskedWords`)."""

    takes = ("anchor",)

    def bind(self, setup: Setup) -> None:
        self.words = MaskedWords()
        self.words.bind(setup)

    def forward(self, batch: Given) -> dict[str, Tensor]:
        rows = {"rows": batch.tensors["rows"]}
        return {"masked": reduce(self.words.before(rows)["masked_losses"], "mean")}


class Masked(Encoder):
    """The pretrained BERT, or one of the same size and words that was not: `pretrained=False`."""

    @classmethod
    def from_inputs(
        cls, *inputs: Sequence[str], pretrained: bool = True, last: int = 1,
        dropout: float = 0.1, pooling: str = "mean", head: int | dict[str, Any] | None = None,
    ) -> Encoder:  # fmt: skip
        """A new one; the mean of its `last` layers. In a quick run of docstrings it is random."""
        quick = set(inputs[0]) <= set(unlabelled(True))
        base = tiny_text(docstrings(120), seed=0, dim=32) if quick else bert(pretrained)
        base = TransformerText(base.transformer, base.tokenizer, pooling=pooling, max_length=32)
        for module in base.transformer.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        found = LayersText.over(base, last, "mean")
        found.head = None if head is None else make_head(found.backbone_dim, head)
        return found


def bert(pretrained: bool = True) -> TransformerText:
    """The encoder from the cache; made, and trained for some minutes, where it is not there."""
    code = code_of([f"{__name__}:{name}" for name in ("corpus", "SIZE", "TRAINING", "Pretraining")])
    folder = cache_folder() / "models" / f"masked-{digest(code, pretrained)}"
    with Lock(folder.with_suffix(".lock"), f"{folder.name}: another study", wait=True):
        if not folder.exists():
            made = tiny_text(corpus(), seed=0, max_length=32, **SIZE)
            if pretrained:
                texts = Inputs.from_columns({"input": corpus()})
                made = trained(texts, made, seed=0, step=Pretraining(), **TRAINING)
            with TemporaryDirectory(dir=folder.parent) as new:
                made.save(Path(new) / "model")
                (Path(new) / "model").rename(folder)
    return TransformerText.load(folder)


@cache
def corpus() -> list[str]:
    """Sentences of 4 to 40 words of the descriptions of Debian's packages, each once, and those
    that the bench trains on, whose words a tower should have seen."""
    found: dict[str, None] = {}
    with gzip.open(Path(locate(PACKAGES)), "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            for text in (row["short"], *re.split(r"(?<=[.!?:])\s+|¶|\s\*\s", row["long"])):
                if 4 <= len(text.split()) <= 40:
                    found.setdefault(" ".join(text.split()))
    return [*found, *unlabelled(False)]


BENCH = Bench(
    id="masked",
    about=(
        "8,000 sentences of STS-B and SICK, one epoch; a BERT of two layers that was taught masked"
        " words on the descriptions of Debian's packages; rank correlation with the scores of"
        " STS-B's validation part"
    ),
    data=f"{sentences.__name__}:rows",
    needs=("stsb", "sick", PACKAGES),
    settings={
        "encoder": f"{__name__}:Masked", "encoder_options": {}, "batch_size": 64, "epochs": 1,
        "learning_rate": 2e-3, "precision": "fp32",
    },
    measures=("sts",),
    metric="Spearman",
    delta=0.5,
    trivial=f"{sentences.__name__}:idf_bag",
    baseline={
        "view": ["word-deletion"], "view_options": {"rate": 0.5}, "objective": "infonce",
        "objective_options": {"symmetric": False}, "temperature": 0.05,
    },
    ceiling={
        "view": ["word-deletion"], "view_options": {"rate": 0.5}, "objective": "infonce",
        "objective_options": {"symmetric": False}, "temperature": 0.05, "epochs": 4,
    },
    pretrained=True,
)  # fmt: skip
