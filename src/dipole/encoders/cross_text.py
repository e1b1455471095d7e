"""A cross-encoder that is trained: one transformer reads two texts together, and gives a logit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.data.inputs import check_texts
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.batching import pack
from dipole.encoders.dropout import CheapDropout
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.hub import locate
from dipole.encoders.joined_tokens import IDS, LENGTHS, Template, joined
from dipole.encoders.pair_scorer import PairScorer, is_pair_scorer
from dipole.encoders.precision import Precision
from dipole.encoders.text_limits import cutting
from dipole.encoders.transformers_io import quiet
from dipole.errors import InputError

# What a transformer's config says that does not change a logit.
_NOT_A_SETTING = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
_NOT_A_SETTING |= {"id2label", "label2id", "use_cache", "problem_type"}
_NOT_A_SETTING |= {"encoder", "sentence_transformers"}  # whose it is, what they put on top


class CrossText(Encoder):
    """A transformer for sequence classification that reads two texts together:

        score(a, b) = logit                    of a model with one output
                    = logit_1 - logit_0        of one with two

    It gives no vectors: `encode` is refused, `score` and objectives that take `logits` are what it
    is for. In training every column is tokenised by itself, and an anchor is joined with each of
    its candidates as the tokenizer joins two texts. `save` writes a folder that
    sentence-transformers' `CrossEncoder` and transformers read; theirs are read here.

    Made by `--encoder cross --encoder-option model=FOLDER`, a cross-encoder or any transformer,
    which is given a new head.

    Example:
        >>> encoder = CrossText.from_inputs(model="FOLDER")  # doctest: +SKIP
        >>> encoder.score(["open a file"], ["reads a file from the disk"])  # doctest: +SKIP
    """

    dim = 1
    dtype: Precision = "auto"
    reads: ClassVar[str] = "texts"
    reads_pairs: ClassVar[bool] = True
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {
        "precision": "auto",
        "batch_size": 16,
    }

    def __init__(self, scorer: PairScorer) -> None:
        super().__init__()
        self.model = scorer.model
        self.tokenizer = scorer.tokenizer
        self.max_length = scorer.max_length
        self._scorer = scorer
        tokens = cutting(self.tokenizer, self.max_length)
        tokens.no_truncation()
        self._template = Template.of(tokens)
        if self._template.size + 2 > self.max_length:
            raise InputError(
                f"max_length is {self.max_length}; expected more than {self._template.size + 1} "
                "(special tokens of a pair, and one of each text)"
            )
        # No text can keep more tokens than the pair has places.
        self._tokens = cutting(self.tokenizer, self.max_length)

    @classmethod
    def from_inputs(cls, *inputs: Any, model: str, max_length: int | None = None) -> CrossText:
        """Of the cross-encoder of a folder, a run or a hub id, or of a transformer there with a new
        head of one output."""
        folder = locate(model)
        if is_pair_scorer(folder):
            return cls(PairScorer.load(folder, max_length=max_length))
        return cls(PairScorer.over(folder, max_length=max_length))

    @classmethod
    def load(cls, source: str | Path, *, max_length: int | None = None) -> CrossText:
        """What `save` wrote, or the cross-encoder of a folder or hub id."""
        return cls(PairScorer.load(source, max_length=max_length)).eval()

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load`, sentence-transformers and transformers read."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.model_max_length = self.max_length
            self.tokenizer.save_pretrained(folder)
        config = read_json(folder / "config.json")
        write_json(folder / "config.json", {"encoder": "CrossText"} | config)

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is a text."""
        return isinstance(value, str)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """There are no vectors."""
        raise InputError(
            "encode: CrossText reads two texts together and gives no vectors; expected "
            "score(first, second), as dipole search --rerank, dipole mine --guide and "
            "dipole evaluate --task reranking do"
        )

    def score(
        self, first: Sequence[str], second: Sequence[str], *, token_budget: int = 4096
    ) -> np.ndarray:
        """One number per pair, (n,) float32; higher is better."""
        return self._scorer.score(first, second, token_budget=token_budget)

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Tokens of texts, each by itself, without special ones: `ids` (n, t), `lengths` (n,)."""
        check_texts(inputs, "prepare: inputs")
        rows = self._tokens.encode_batch_fast(list(inputs), add_special_tokens=False)
        lengths = [len(row.ids) for row in rows]
        ids = np.zeros((len(rows), max(lengths, default=0) or 1), dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row.ids)] = row.ids
        return {IDS: torch.from_numpy(ids), LENGTHS: torch.tensor(lengths, dtype=torch.int64)}

    def pairs(
        self, columns: Mapping[str, list[Features]], tensors: Mapping[str, Tensor]
    ) -> list[Features]:
        """Every anchor joined with each of its candidates, list by list, or with its partner; in
        pieces as these are."""
        name = next((name for name in ("candidates", "positive") if name in columns), None)
        if name is None or "anchor" not in columns:
            raise InputError(
                "encoder: CrossText reads two texts together, and found texts without a partner; "
                "expected graded pairs, triplets or lists"
            )
        anchors = _whole(columns["anchor"])
        owner = torch.arange(len(anchors[LENGTHS]), device=anchors[LENGTHS].device)
        if name == "candidates":
            owner = tensors["mask"].nonzero()[:, 0]
        found, start = [], 0
        for piece in columns[name]:
            rows = owner[start : start + len(piece[LENGTHS])]
            found.append(self._join({key: x[rows] for key, x in anchors.items()}, piece))
            start += len(rows)
        return found

    def forward(self, features: Features) -> Tensor:
        """Logits of joined pairs, (n, 1).

        A batch beyond the budget goes through the transformer in parts of similar length.
        """
        mask, budget = features["attention_mask"], self.default_budget()
        if mask.numel() <= budget:
            return self._logits(features)
        lengths, order = mask.sum(1).sort(descending=True, stable=True)
        parts = []
        for part in pack(lengths.cpu().numpy(), budget):
            rows, longest = order[part], int(lengths[part.start])
            parts.append(self._logits({name: x[rows, :longest] for name, x in features.items()}))
        return torch.cat(parts)[order.argsort()]

    def default_budget(self) -> int:
        """On a CPU what the activations of one thread may take to stay in its cache."""
        return 1024 * torch.get_num_threads() if self.device.type == "cpu" else 32768

    def settings(self) -> dict[str, Any]:
        """The transformer's config, the tokenizer's hash and the longest pair."""
        config = self.model.config.to_diff_dict()
        return {
            "encoder": "CrossText",
            "transformer": {k: v for k, v in config.items() if k not in _NOT_A_SETTING},
            "tokenizer": hashlib.sha256(self._tokens.to_str().encode()).hexdigest(),
            "max_length": self.max_length,
        }

    def weights(self) -> dict[str, Tensor]:
        """Those of the transformer and its head."""
        return dict(self.model.state_dict())

    def _join(self, first: Features, second: Features) -> Features:
        """Features of pairs, those that the model takes."""
        found = joined(
            first,
            second,
            self._template,
            self.max_length,
            pad=self.tokenizer.pad_token_id or 0,
            from_left=self.tokenizer.truncation_side == "left",
        )
        names = self.tokenizer.model_input_names
        return {name: x for name, x in found.items() if name in names}

    def _logits(self, features: Features) -> Tensor:
        with CheapDropout() if self.training else nullcontext():
            logits: Tensor = self.model(**features).logits.float()
        return logits if logits.shape[1] == 1 else logits[:, 1:] - logits[:, :1]


def _whole(pieces: Sequence[Features]) -> Features:
    """The texts of all pieces, padded alike."""
    width = max(piece[IDS].shape[1] for piece in pieces)
    ids = [F.pad(piece[IDS], (0, width - piece[IDS].shape[1])) for piece in pieces]
    return {IDS: torch.cat(ids), LENGTHS: torch.cat([piece[LENGTHS] for piece in pieces])}
