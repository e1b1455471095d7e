"""A text tower that pools several of its last layers."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from dipole.data.inputs import whole_number
from dipole.encoders.base import Features
from dipole.encoders.dropout import CheapDropout
from dipole.encoders.folder import read_json, require, write_json
from dipole.encoders.heads import make_head
from dipole.encoders.pooling import pool
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# In its folder: the transformer as `TransformerText` saves it.
BASE = "transformer"


class LayersText(TransformerText):
    """A `TransformerText` whose tokens are those of its `last` layers, pooled layer by layer:

        concat   the pooled vectors side by side (DSE: the means of the last four)
        mean     their mean (ConSERT: of the last two)

    Made by `--encoder layers --encoder-option model=FOLDER --encoder-option last=4`.

    Example:
        >>> encoder = LayersText.from_inputs(model="FOLDER", last=2, join="mean")  # doctest: +SKIP
    """

    last: int
    join: Literal["concat", "mean"]

    @classmethod
    def from_inputs(
        cls,
        *inputs: Any,
        model: str,
        last: int = 4,
        join: Literal["concat", "mean"] = "concat",
        pooling: str | None = None,
        max_length: int | None = None,
        normalize: bool | None = None,
        head: int | dict[str, Any] | None = None,
    ) -> LayersText:
        """Over the transformer of a folder or a hub id; `head` as of any encoder."""
        base = TransformerText.load(
            model, pooling=pooling, max_length=max_length, normalize=normalize
        )
        self = cls.over(base, last, join)
        self.head = None if head is None else make_head(self.backbone_dim, head)
        return self

    @classmethod
    def over(
        cls, base: TransformerText, last: int, join: Literal["concat", "mean"] = "concat"
    ) -> LayersText:
        """Over a tower, whose weights it shares."""
        whole_number(last, "encoder option 'last'", 1, base.layers)
        if len(base.after) or base.truncate_dim is not None:
            raise InputError(
                "encoder: found modules behind the pooling; expected a transformer alone for layers"
            )
        self = cls(base.transformer, base.tokenizer, **base.options_of())
        self.last, self.join = last, join
        if join == "concat":
            self.pooled_dim *= last
        self.backbone_dim = self.dim = self.pooled_dim
        return self

    def save(self, folder: str | Path) -> None:
        """Write the transformer's folder, and beside it which layers are read."""
        folder = Path(folder)
        super().save(folder / BASE)
        note = {"encoder": "LayersText", "last": self.last, "join": self.join}
        write_json(folder / "config.json", note)

    @classmethod
    def load(cls, source: str | Path) -> LayersText:  # type: ignore[override]
        """What `save` wrote."""
        note = read_json(require(Path(source), "config.json"))
        base = TransformerText.load(Path(source) / BASE)
        return cls.over(base, note["last"], note["join"]).eval()

    def settings(self) -> dict[str, Any]:
        """Those of the transformer, and which layers are read."""
        more = {"encoder": "LayersText", "last": self.last, "join": self.join}
        return super().settings() | more

    def _pooled_part(self, features: Features) -> Tensor:
        with CheapDropout() if self.training else nullcontext():
            found = self.transformer(**features, output_hidden_states=True)
        mask = features["attention_mask"]
        parts = [pool(h, mask, self.pooling) for h in found.hidden_states[-self.last :]]
        return torch.cat(parts, 1) if self.join == "concat" else torch.stack(parts).mean(0)
