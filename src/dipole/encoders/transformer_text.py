"""A text tower on any Hugging Face encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import check_texts
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.batching import pack
from dipole.encoders.dropout import CheapDropout
from dipole.encoders.heads import ExpertsHead, ProjectionHead
from dipole.encoders.hub import locate
from dipole.encoders.pooling import Pooling, check_pooling, pool
from dipole.encoders.precision import Precision
from dipole.encoders.st_folder import read_settings, write_settings
from dipole.encoders.transformers_io import (
    cut_transformer,
    quiet,
    read_tokenizer,
    read_transformer,
)
from dipole.errors import InputError

# What a transformer's config says that does not change a vector.
_NOT_A_SETTING = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
_NOT_A_SETTING |= {"id2label", "label2id", "use_cache", "problem_type"}


class TransformerText(Encoder):
    """A Hugging Face encoder, pooled: v = norm(pool(transformer(prompt + text))).

    `head` (see `ProjectionHead`) is applied in training mode only, between pooling and
    normalisation: it shapes the loss, is in `state_dict` for checkpoints, and is not saved.

    Shapes: texts (n) -> (n, dim), of length 1 unless `normalize` is False.

    Example:
        >>> encoder = TransformerText.load("sentence-transformers/all-MiniLM-L6-v2")
        >>> encoder.encode(["how to open a file"], role="query").shape
        (1, 384)
    """

    dtype: Precision = "auto"
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {"precision": "auto"}
    # In training mode the vectors of this layer follow the last one's, (n, 2 dim).
    shallow: int | None = None
    # Texts tokenised at once by `encode`, so that their exact lengths are known.
    window: int = 4096

    def __init__(
        self,
        transformer: Any,
        tokenizer: Any,
        *,
        pooling: Pooling = "mean",
        prompts: dict[str, str] | None = None,
        max_length: int | None = None,
        normalize: bool = True,
        head: ProjectionHead | ExpertsHead | None = None,
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.tokenizer = tokenizer
        self.pooling = check_pooling(pooling)
        self.prompts = {"query": "", "document": ""} | check_prompts(prompts or {})
        self.max_length = longest(transformer, tokenizer, max_length)
        self.normalize = normalize
        self.backbone_dim = int(transformer.config.hidden_size)
        if head is not None and head.dim != self.backbone_dim:
            raise InputError(f"head takes {head.dim} values; expected {self.backbone_dim}")
        self.head: ProjectionHead | ExpertsHead | None = head
        self.dim = self.backbone_dim
        self._tokens = _own_tokenizer(tokenizer, self.max_length)
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        # Segment ids are zeros for a single text in nearly every model; the others need them.
        self._segments = any(self._tokens.encode("a").type_ids)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        pooling: Pooling | None = None,
        prompts: dict[str, str] | None = None,
        max_length: int | None = None,
        normalize: bool | None = None,
        head: ProjectionHead | None = None,
    ) -> TransformerText:
        """An encoder from a folder, a run or a hub id; None means: as saved.

        A sentence-transformers folder says its pooling, prompts, maximum length and normalisation;
        a plain Hugging Face folder says none of it: mean pooling, no prompts, normalised, the
        longest text the model takes.

        Raises:
            InputError: a file missing or broken; weights that do not fit the config; a
                sentence-transformers module other than Transformer, Pooling, Normalize.
        """
        saved = read_settings(locate(source))
        return cls(
            read_transformer(saved.transformer),
            read_tokenizer(saved.transformer, lower_case=saved.lower_case),
            pooling=pooling or saved.pooling,
            prompts=saved.prompts if prompts is None else prompts,
            max_length=max_length or saved.max_length,
            normalize=saved.normalize if normalize is None else normalize,
            head=head,
        )

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load` and sentence-transformers read; without the head."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            self.transformer.save_pretrained(folder)
            self.tokenizer.model_max_length = self.max_length
            self.tokenizer.save_pretrained(folder)
        write_settings(
            folder,
            pooling=self.pooling,
            dim=self.dim,
            normalize=self.normalize,
            max_length=self.max_length,
            prompts=self.prompts,
        )

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be texts."""
        check_texts(inputs, "encode: inputs")

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Token ids of the prompted texts, padded to the longest: input_ids and attention_mask."""
        check_texts(inputs, "prepare: inputs")
        return self._collate(self._tokenise(inputs, role))

    def forward(self, features: Features) -> Tensor:
        """Vectors (n, dim); in training mode through the head, if there is one."""
        vectors = self._pooled(features)
        if vectors.shape[1] == self.backbone_dim:
            return self._finished(vectors)
        return torch.cat([self._finished(v) for v in vectors.split(self.backbone_dim, 1)], 1)

    def _finished(self, vectors: Tensor) -> Tensor:
        if self.head is not None and self.training:
            vectors = self.head(vectors).float()
        return nn.functional.normalize(vectors, dim=-1) if self.normalize else vectors

    def _pooled(self, features: Features) -> Tensor:
        """One vector per text before head and normalisation, (n, backbone_dim) float32.

        A batch beyond the budget goes through the transformer in parts of similar length, each cut
        to its longest text: no work on padding, and activations that fit in the cache.
        """
        mask, budget = features["attention_mask"], self.default_budget()
        if mask.numel() <= budget:
            return self._pooled_part(features)
        lengths, order = mask.sum(1).sort(descending=True, stable=True)
        parts = []
        for part in pack(lengths.cpu().numpy(), budget):
            rows, longest_row = order[part], int(lengths[part.start])
            cut = {name: tensor[rows, :longest_row] for name, tensor in features.items()}
            parts.append(self._pooled_part(cut))
        return torch.cat(parts)[order.argsort()]

    def _pooled_part(self, features: Features) -> Tensor:
        mask, shallow = features["attention_mask"], self.training and self.shallow is not None
        with CheapDropout() if self.training else nullcontext():
            found = self.transformer(**features, output_hidden_states=shallow)
        if not shallow:
            return pool(found.last_hidden_state, mask, self.pooling)
        both = (found.last_hidden_state, found.hidden_states[self.shallow])
        return torch.cat([pool(tokens, mask, self.pooling) for tokens in both], 1)

    @property
    def layers(self) -> int:
        """How many layers the transformer has."""
        return int(self.transformer.config.num_hidden_layers)

    def cut(self, layer: int) -> TransformerText:
        """A new encoder that stops after this layer, 1 ... `layers`; it shares the weights.

        The layer's output is what `shallow` shows, save in models with a normalisation after their
        last layer, which then stands after this one.
        """
        return TransformerText(
            cut_transformer(self.transformer, layer),
            self.tokenizer,
            pooling=self.pooling,
            prompts=self.prompts,
            max_length=self.max_length,
            normalize=self.normalize,
        )

    def default_budget(self) -> int:
        """On a CPU what the activations of one thread may take to stay in its cache."""
        return 1024 * torch.get_num_threads() if self.device.type == "cpu" else 32768

    def batches(
        self, inputs: Sequence[str], role: Role, token_budget: int
    ) -> Iterator[tuple[np.ndarray, Features]]:
        """As in `Encoder`, but every text is tokenised once and batched by its number of tokens.

        Texts are sorted by characters, tokenised a window at a time, and sorted exactly within it.
        """
        by_characters = np.argsort(-self.lengths(inputs), kind="stable")
        for start in range(0, len(by_characters), self.window):
            indices = by_characters[start : start + self.window]
            rows = self._tokenise([inputs[int(i)] for i in indices], role)
            lengths = np.array([len(ids) for ids, _ in rows])
            order = np.argsort(-lengths, kind="stable")
            for part in pack(lengths[order], token_budget):
                chosen = order[part]
                yield indices[chosen], self._collate([rows[int(i)] for i in chosen])

    def settings(self) -> dict[str, Any]:
        """The transformer's config, the tokenizer's hash, and the arguments of this class."""
        # The difference to its class, so that a new default key in transformers changes nothing.
        config = self.transformer.config.to_diff_dict()
        return {
            "encoder": "TransformerText",
            "transformer": {k: v for k, v in config.items() if k not in _NOT_A_SETTING},
            "tokenizer": hashlib.sha256(self._tokens.to_str().encode()).hexdigest(),
            "pooling": self.pooling,
            "prompts": self.prompts,
            "max_length": self.max_length,
            "normalize": self.normalize,
        }

    def weights(self) -> dict[str, Tensor]:
        """The transformer's weights; not the head's."""
        return dict(self.transformer.state_dict())

    def _tokenise(self, inputs: Sequence[str], role: Role) -> list[tuple[list[int], list[int]]]:
        """(token ids, segment ids where the model needs them) of each prompted text."""
        prompt = self.prompts[role]
        rows = self._tokens.encode_batch_fast([prompt + text for text in inputs])
        # A text without any token (empty, and the model adds no special ones) is one padding token:
        # attention over nothing is NaN.
        return [(row.ids or [self._pad], row.type_ids if self._segments else []) for row in rows]

    def _collate(self, rows: Sequence[tuple[list[int], list[int]]]) -> Features:
        """Padded on the right, where neither positions nor a causal mask feel it."""
        longest_row = max((len(ids) for ids, _ in rows), default=0)
        shape = (len(rows), longest_row)
        ids, mask = np.full(shape, self._pad, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        segments = np.zeros(shape, dtype=np.int64)
        for i, (row, kinds) in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
            segments[i, : len(kinds)] = kinds
        features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self._segments:
            features["token_type_ids"] = torch.from_numpy(segments)
        return features


def check_prompts(prompts: dict[str, str]) -> dict[str, str]:
    """Prompts by role, or an error that names the wrong one."""
    for role, prompt in prompts.items():
        if role not in ("query", "document") or not isinstance(prompt, str):
            raise InputError(
                f"prompts has {role!r}: {prompt!r}; expected texts for 'query' and 'document'"
            )
    return prompts


def longest(transformer: Any, tokenizer: Any, wanted: int | None) -> int:
    """The most tokens of a text: what is asked for, else what tokenizer and positions allow."""
    special = tokenizer.num_special_tokens_to_add(pair=False)
    if wanted is not None and wanted <= special:
        raise InputError(f"max_length is {wanted}; expected more than {special} (special tokens)")
    limits = [wanted or tokenizer.model_max_length, 2**31 - 1]
    positions = getattr(transformer.config, "max_position_embeddings", None)
    if positions is not None and positions > 0:
        # RoBERTa and its like number positions from the padding token's number on.
        table = getattr(getattr(transformer, "embeddings", None), "position_embeddings", None)
        first = getattr(table, "padding_idx", None)
        limits.append(positions if first is None else positions - first - 1)
    return int(min(limits))


def _own_tokenizer(tokenizer: Any, max_length: int) -> Any:
    """A copy of the fast tokenizer that cuts at `max_length`; the saved one stays as it was."""
    from tokenizers import Tokenizer

    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own.no_padding()
    own.enable_truncation(max_length)
    return own
