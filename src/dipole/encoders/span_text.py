"""A text tower for parts of a text: a vector for each, from one pass over the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import check_texts, whole_number
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.folder import require, write_json
from dipole.encoders.pooling import pool
from dipole.encoders.st_modules import Dense
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# In its folder: the transformer as `TransformerText` saves it.
BASE = "transformer"
_MARKED = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
Spans = list[tuple[int, int]]


def read_spans(text: str) -> tuple[str, Spans]:
    """A text without its marks, and from where to where its marked parts are.

    Example:
        >>> read_spans("[[A dog]] that is old [[sleeps]].")
        ('A dog that is old sleeps.', [(0, 5), (18, 24)])
    """
    parts, spans, length = [], [], 0
    for number, piece in enumerate(_MARKED.split(text)):
        if number % 2:
            spans.append((length, length + len(piece)))
        parts.append(piece)
        length += len(piece)
    plain = "".join(parts)
    if "[[" in plain or "]]" in plain:
        raise InputError(
            f"spans: found [[ without ]], or the reverse, in {text[:60]!r}; expected [[PART]]"
        )
    return plain, spans


class SpanText(TransformerText):
    """A `TransformerText` that gives the vector of what is marked in a text, `[[so]]`:

        v_p = norm( W_2 relu(W_1 h_p + b_1) + b_2 ),   h_p = sum_t m_pt H_t / sum_t m_pt

    H: the last states of the whole text's tokens, m_pt = 1 where a token is in the part p, which
    may be of several marked pieces. A text without a mark is all of its tokens, and so is one whose
    parts are cut off at the longest text. Different parts of one text in a batch share a pass.

    Made by `--encoder spans --encoder-option model=FOLDER`; `width` is the size of the vectors.

    Shapes: texts (n) -> (n, width).

    Example:
        >>> encoder = SpanText.from_inputs(model="FOLDER", width=64)  # doctest: +SKIP
        >>> encoder.encode(["[[A dog]] sleeps", "A dog [[sleeps]]"]).shape  # doctest: +SKIP
        (2, 64)
    """

    shows = ()  # type: ignore[assignment]
    reads: ClassVar[str] = "texts"

    @classmethod
    def from_inputs(
        cls,
        *inputs: Any,
        model: str,
        width: int | None = None,
        max_length: int | None = None,
        normalize: bool | None = None,
    ) -> SpanText:
        """Over the transformer of a folder or a hub id; width: that of its states if not given."""
        base = TransformerText.load(
            model, pooling="mean", max_length=max_length, normalize=normalize
        )
        return cls.over(base, width)

    @classmethod
    def over(cls, base: TransformerText, width: int | None = None) -> SpanText:
        """Over a tower, whose weights it shares, with two new layers behind the pooling."""
        if len(base.after) or base.truncate_dim is not None or base.pooling != "mean":
            raise InputError(
                "encoder: found modules behind the pooling, or other than mean pooling; expected a "
                "transformer alone for spans"
            )
        dim = base.pooled_dim
        width = dim if width is None else whole_number(width, "encoder option 'width'", 1)
        layers = [Dense(dim, dim, True, nn.ReLU()), Dense(dim, width, True, nn.Identity())]
        return cls(base.transformer, base.tokenizer, **base.options_of() | {"after": layers})

    def save(self, folder: str | Path) -> None:
        """Write the transformer's folder, and a note that parts of texts are read."""
        super().save(Path(folder) / BASE)
        write_json(Path(folder) / "config.json", {"encoder": "SpanText"})

    @classmethod
    def load(cls, source: str | Path) -> SpanText:  # type: ignore[override]
        """What `save` wrote."""
        require(Path(source), "config.json")
        base = TransformerText.load(Path(source) / BASE)
        return cls(base.transformer, base.tokenizer, **base.options_of()).eval()

    def settings(self) -> dict[str, Any]:
        """Those of the transformer."""
        return super().settings() | {"encoder": "SpanText"}

    def adapted(self, kind: Any, source: str | None, options: dict[str, Any]) -> TransformerText:
        """Refused: an adapted transformer reads no marks."""
        return cast(TransformerText, Encoder.adapted(self, kind, source, options))

    def shallow_layers(self) -> int:
        """None: a vector is of a part of the tokens."""
        return 0

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Token ids of the different texts (u, t); `texts` (n,), which of them an input is a part
        of, and `spans` (n, t), the tokens that are in it."""
        check_texts(inputs, "prepare: inputs")
        read = [read_spans(text) for text in inputs]
        plain = list(dict.fromkeys(text for text, _ in read))
        number = {text: i for i, text in enumerate(plain)}
        prompt = self.prompts[role]
        rows = self._tokens.encode_batch([prompt + text for text in plain])
        features = self._collate(
            [(row.ids or [self._pad], row.type_ids if self._segments else []) for row in rows]
        )
        texts = torch.tensor([number[text] for text, _ in read], dtype=torch.int64)
        inside = features["attention_mask"][texts].bool()
        for i, (text, spans) in enumerate(read):
            row = rows[number[text]]
            own = _inside(row.offsets, [(a + len(prompt), b + len(prompt)) for a, b in spans])
            if own.any():
                inside[i] = False
                inside[i, : len(own)] = torch.from_numpy(own)
        return features | {"texts": texts, "spans": inside}

    def forward(self, features: Features) -> Tensor:
        """Vectors of the parts, (n, width)."""
        plain = {k: x for k, x in features.items() if k not in ("texts", "spans")}
        states = self._run(plain).last_hidden_state[features["texts"]]
        return self._finished(pool(states, features["spans"].long(), "mean"))

    def batches(
        self, inputs: Sequence[str], role: Role, token_budget: int
    ) -> Iterator[tuple[np.ndarray, Features]]:
        """As in `Encoder`."""
        return Encoder.batches(self, inputs, role, token_budget)


def _inside(offsets: Sequence[tuple[int, int]], spans: Spans) -> np.ndarray:
    """Whether each token, from one character to another, has one in a span; special tokens, of no
    characters, have none."""
    found = [any(a < end and b > start for start, end in spans) for a, b in offsets]
    return np.array(found, dtype=bool)
