"""A text tower whose vectors are of an inner layer, below a head of words that reads the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from dipole.data.inputs import whole_number
from dipole.encoders.folder import read_json, require, write_json
from dipole.encoders.hub import locate
from dipole.encoders.masked_text import MaskedText
from dipole.encoders.pooling import pool
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError


class InnerText(MaskedText):
    """A `MaskedText` whose vector is pooled from the states after `layer`, 1 to the last.

    In a multilingual model the states of a middle layer (8 of 12) say what a text means, and those
    of the last which words it has, in which language (InfoXLM). Hidden words are told by the last.

    Made by `--encoder inner --encoder-option model=FOLDER --encoder-option layer=8`, a folder of a
    masked language model with a head like BERT's, or what was saved of one.

    Example:
        >>> encoder = InnerText.from_inputs(model="FOLDER", layer=8)  # doctest: +SKIP
    """

    reads_layers: ClassVar[bool] = True
    layer: int

    @classmethod
    def from_inputs(  # type: ignore[override]
        cls,
        *inputs: Any,
        model: str,
        layer: int | None = None,
        pooling: str | None = None,
        max_length: int | None = None,
        normalize: bool | None = None,
        head: int | dict[str, Any] | None = None,
    ) -> MaskedText:
        """Over the masked language model of a folder, a run or a hub id; `layer`: by default 8, or
        as saved; `head` as of any encoder; None of the others means: as saved."""
        folder = locate(model)
        note = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
        given: dict[str, Any] = {
            "pooling": pooling, "max_length": max_length, "normalize": normalize,
        }  # fmt: skip
        if note.get("encoder") == "InnerText":
            self = cls.load(folder, **given)
        else:
            self = super().from_inputs(model=model, **given)
        assert isinstance(self, InnerText)
        return self.at(note.get("layer", 8) if layer is None else layer, head)

    def at(self, layer: int, head: int | dict[str, Any] | None = None) -> InnerText:
        """This tower with the vectors of another layer, and a head of its own."""
        from dipole.encoders.heads import make_head

        self.layer = whole_number(layer, "encoder option 'layer'", 1, self.layers)
        if len(self.after) or self.truncate_dim is not None:
            raise InputError(
                "encoder: found modules behind the pooling; expected a transformer alone for an "
                "inner layer"
            )
        self.head = None if head is None else make_head(self.backbone_dim, head)
        return self

    def _vectors(self, found: Any, mask: Tensor) -> Tensor:
        return pool(found.hidden_states[self.layer], mask, self.pooling)

    def save(self, folder: str | Path) -> None:
        """Write the folder of a `MaskedText`, and which layer is read."""
        super().save(folder)
        note = read_json(Path(folder) / "config.json")
        write_json(
            Path(folder) / "config.json", note | {"encoder": "InnerText", "layer": self.layer}
        )

    @classmethod
    def load(cls, source: str | Path, **options: Any) -> MaskedText:  # type: ignore[override]
        """What `save` wrote; with other options of `TransformerText.load`."""
        note = read_json(require(Path(source), "config.json"))
        self = super().load(source, **options)
        assert isinstance(self, InnerText)
        return self.at(note["layer"]).eval()

    def settings(self) -> dict[str, Any]:
        """Those of the transformer, and the layer."""
        return super().settings() | {"encoder": "InnerText", "layer": self.layer}

    def shallow_layers(self) -> int:
        """None: what is pooled is no last layer."""
        return 0

    def _with(self, transformer: Any) -> TransformerText:
        raise InputError(
            "encoder: found one of an inner layer; expected a plain one for a cut tower"
        )
