"""A text tower that reads every text in a template, and takes the state at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from dipole.data.inputs import check_texts, whole_number
from dipole.encoders.base import SIDES, Encoder, Features, Role
from dipole.encoders.folder import read_json, require, write_json
from dipole.encoders.loading import load_encoder
from dipole.encoders.pooling import pool
from dipole.encoders.precision import Precision
from dipole.encoders.text_limits import cutting
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# In its folder: the tower as it saves itself.
BASE = "tower"
# Where a template has the text, and the token that ends texts.
TEXT, END = "[X]", "[EOS]"
# Tokens that the border between text and template may cost beyond those of both.
_BORDER = 4


class TemplateText(Encoder):
    """The state of the last token of a template that has the text in it, of a text tower:

        v = norm( state of the last token of  front + text + tail ).

    It is for causal language models, whose last token is the only one that has read all. `template`
    has one [X] for the text; [EOS] in it is the token with which the tokenizer ends texts. The text
    is cut at `max_length` tokens, the template never. Where [X] stands in double quotes, those of
    the text become single ones, so that the template's stay the only ones.

    An adapter is put on the tower (`--adapter lora`), and saved with the name of its base.

    Made by `--encoder template --encoder-option model=FOLDER --encoder-option template=...`.

    Shapes: texts (n) -> (n, dim), of length 1.
    Source: Jiang et al. 2024, PromptEOL, arXiv 2307.16645.

    Example:
        >>> encoder = TemplateText.from_inputs(  # doctest: +SKIP
        ...     model="FOLDER", template='This sentence : "[X]" means in one word:"'
        ... )
        >>> encoder.encode(["A man plays the guitar"]).shape  # doctest: +SKIP
        (1, 576)
    """

    dtype: Precision = "auto"
    reads: ClassVar[str] = "texts"

    def __init__(
        self,
        tower: TransformerText,
        template: str,
        *,
        max_length: int | None = None,
        source: str | None = None,
    ) -> None:
        """Over a tower; `source` is where it is loaded from, None if it lies nowhere."""
        super().__init__()
        self.tower, self.template, self.source = tower, template, source
        self.dim = tower.backbone_dim
        self.training_defaults = tower.training_defaults  # type: ignore[misc]
        self._front, self._tail = self._read_template()
        taken = [tower.prepare([self.filled("")], role)["input_ids"].shape[1] for role in SIDES]
        self._frame = max(taken)
        most = tower.max_length - self._frame - _BORDER
        if most < 1:
            raise InputError(
                f"encoder option 'template': found {len(self.template)} characters, which leave no"
                f" place for a text in the {tower.max_length} tokens that the model reads; expected"
                " a shorter one"
            )
        wanted = most if max_length is None else whole_number(max_length, "max_length")
        self.max_length = min(wanted, most)
        self._cutting = cutting(tower.tokenizer, self.max_length)

    def _read_template(self) -> tuple[str, str]:
        if self.template.count(TEXT) != 1:
            raise InputError(
                f"encoder option 'template': found {self.template!r}; expected one {TEXT} for the"
                f' text, as \'This sentence : "{TEXT}" means in one word:"\''
            )
        end = self.tower.tokenizer.eos_token
        if END in self.template and end is None:
            raise InputError(
                f"encoder option 'template': found {END}, and the tokenizer has no token that ends"
                f" texts; expected a template without {END}"
            )
        front, _, tail = self.template.replace(END, end or "").partition(TEXT)
        return front, tail

    @classmethod
    def from_inputs(
        cls, *inputs: Any, model: str, template: str, max_length: int | None = None
    ) -> TemplateText:
        """Over the transformer of a folder, a run or a hub id."""
        tower = load_encoder(model)
        if type(tower) is not TransformerText:
            raise InputError(
                f"encoder option 'model': {model} holds {type(tower).__name__}; expected a"
                " transformer alone, by its folder or hub id"
            )
        place = str(Path(model).resolve()) if Path(model).exists() else model
        return cls(tower, template, max_length=max_length, source=place)

    def filled(self, text: str) -> str:
        """The template with a text in it."""
        if self._front.endswith('"') and self._tail.startswith('"'):
            text = text.replace('"', "'")
        return self._front + text + self._tail

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Token ids of the filled templates, as the tower makes them."""
        check_texts(inputs, "prepare: inputs")
        rows = self._cutting.encode_batch(list(inputs), add_special_tokens=False)
        cut = [
            text[row.offsets[0][0] : row.offsets[-1][1]] if row.overflowing else text
            for text, row in zip(inputs, rows, strict=True)
        ]
        return self.tower.prepare([self.filled(text) for text in cut], role)

    def forward(self, features: Features) -> Tensor:
        """Vectors (n, dim)."""
        found = self.tower.outputs(features, ("tokens", "mask"))
        return F.normalize(pool(found["tokens"], found["mask"], "last"), dim=-1)

    def adapted(self, kind: str, source: str | None, options: dict[str, Any]) -> TemplateText:
        """The same template around the tower with an addition that is trained."""
        tower = self.tower.adapted(kind, self.source, options)
        return TemplateText(tower, self.template, max_length=self.max_length, source=self.source)

    @property
    def kind(self) -> str:
        """Which addition the tower has; whole without one."""
        return str(getattr(self.tower, "kind", "whole"))

    def folded(self) -> TemplateText:
        """The same template around a whole tower of the same vectors: LoRA added to the weights."""
        tower: Any = self.tower
        whole = tower if self.kind == "whole" else tower.folded()
        return TemplateText(whole, self.template, max_length=self.max_length).eval()

    def save(self, folder: str | Path) -> None:
        """Write the tower's folder, and beside it the template."""
        folder = Path(folder)
        self.tower.save(folder / BASE)
        note = {"encoder": "TemplateText", "template": self.template, "max_length": self.max_length}
        write_json(folder / "config.json", note)

    @classmethod
    def load(
        cls, source: str | Path, *, template: str | None = None, max_length: int | None = None
    ) -> TemplateText:
        """What `save` wrote; None means: as saved."""
        note = read_json(require(Path(source), "config.json"))
        place = Path(source) / BASE
        tower = load_encoder(place)
        assert isinstance(tower, TransformerText)
        return cls(
            tower,
            note["template"] if template is None else template,
            max_length=note["max_length"] if max_length is None else max_length,
            source=str(place.resolve()),
        ).eval()

    def settings(self) -> dict[str, Any]:
        """Those of the tower, the template and where texts are cut."""
        more = {"template": self.template, "max_length": self.max_length}
        return {"encoder": "TemplateText", "tower": self.tower.settings()} | more

    def weights(self) -> dict[str, Tensor]:
        """Those of the tower."""
        return {f"tower.{name}": tensor for name, tensor in self.tower.weights().items()}

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is a text."""
        return isinstance(value, str)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be texts."""
        check_texts(inputs, "encode: inputs")

    def lengths(self, inputs: Sequence[Any]) -> np.ndarray:
        """An estimate of each text's tokens, with those of the template."""
        return np.minimum(super().lengths(inputs), self.max_length) + self._frame

    def default_budget(self) -> int:
        """That of the tower."""
        return self.tower.default_budget()
