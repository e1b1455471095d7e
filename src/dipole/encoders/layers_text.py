"""A text tower that pools several of its last layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from dipole.data.inputs import whole_number
from dipole.encoders.folder import read_json, require, write_json
from dipole.encoders.heads import make_head
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# In its folder: the transformer as `TransformerText` saves it.
BASE = "transformer"


class LayersText(TransformerText):
    """A `TransformerText` whose tokens are those of its `last` layers, pooled layer by layer:

        concat   the pooled vectors side by side (DSE: the means of the last four)
        mean     their mean (ConSERT: of the last two)

    The tokens that `outputs` gives are joined alike.

    Made by `--encoder layers --encoder-option model=FOLDER --encoder-option last=4`.

    Example:
        >>> encoder = LayersText.from_inputs(model="FOLDER", last=2, join="mean")  # doctest: +SKIP
    """

    reads_layers: ClassVar[bool] = True
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

    def shallow_layers(self) -> int:
        """None: what is pooled is of several layers already."""
        return 0

    def _read(self, found: Any) -> Sequence[Tensor]:
        states: Sequence[Tensor] = found.hidden_states[-self.last :]
        return states

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        return (
            torch.cat(list(parts), -1)
            if self.join == "concat"
            else torch.stack(list(parts)).mean(0)
        )
