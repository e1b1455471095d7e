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

from dipole.data.inputs import check_texts, whole_number
from dipole.encoders.base import STATES, Encoder, Features, Role
from dipole.encoders.batching import pack
from dipole.encoders.dropout import CheapDropout, rate_of
from dipole.encoders.embedding_cuts import as_cut
from dipole.encoders.heads import ExpertsHead, ProjectionHead
from dipole.encoders.hub import locate
from dipole.encoders.names import saved_class
from dipole.encoders.pooling import check_pooling, pool
from dipole.encoders.precision import Precision
from dipole.encoders.st_folder import read_settings, write_settings
from dipole.encoders.st_modules import check_chain
from dipole.encoders.text_limits import cutting, longest, padding
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
    """A Hugging Face encoder, pooled: v = norm(after(pool(transformer(prompt + text)))).

    `after` are modules that stand in a folder of sentence-transformers (Dense, LayerNorm); they are
    trained and saved with it. `truncate_dim` keeps the first numbers of every vector, as they are.

    `head` (see `ProjectionHead`) is applied in training mode only, between pooling and
    normalisation: it shapes the loss, is in `state_dict` for checkpoints, and is not saved.

    Shapes: texts (n) -> (n, dim), of length 1 unless `normalize` is False.

    Example:
        >>> encoder = TransformerText.load("sentence-transformers/all-MiniLM-L6-v2")
        >>> encoder.encode(["how to open a file"], role="query").shape
        (1, 384)
    """

    dtype: Precision = "auto"
    reads: ClassVar[str] = "texts"
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {"precision": "auto"}
    shows = STATES
    # Whether `_read` looks at more than the last states.
    reads_layers: ClassVar[bool] = False
    # Texts tokenised at once by `encode`, so that their exact lengths are known.
    window: int = 4096

    def __init__(
        self,
        transformer: Any,
        tokenizer: Any,
        *,
        pooling: str = "mean",
        prompts: dict[str, str] | None = None,
        max_length: int | None = None,
        normalize: bool = True,
        head: ProjectionHead | ExpertsHead | None = None,
        after: Sequence[nn.Module] = (),
        truncate_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.tokenizer = tokenizer
        self.pooling = check_pooling(pooling)
        self.prompts = {"query": "", "document": ""} | check_prompts(prompts or {})
        self.max_length = longest(transformer, tokenizer, max_length)
        self.normalize = normalize
        self.other_prompts: dict[str, str] = {}
        self.default_prompt: str | None = None
        # Before and after the modules behind the pooling: what a head takes.
        self.pooled_dim = int(transformer.config.hidden_size) * len(self.pooling.split("+"))
        self.after = nn.Sequential(*after)
        self.backbone_dim = check_chain(list(after), self.pooled_dim)
        if head is not None and head.dim != self.backbone_dim:
            raise InputError(f"head takes {head.dim} values; expected {self.backbone_dim}")
        self.head: ProjectionHead | ExpertsHead | None = head
        self.dim, self.truncate_dim = self.backbone_dim, truncate_dim
        if truncate_dim is not None:
            self.dim = whole_number(truncate_dim, "truncate_dim", 1, self.backbone_dim)
        self._pad = padding(tokenizer)
        self._tokens = cutting(tokenizer, self.max_length)
        # Segment ids are zeros for a single text in nearly every model; the others need them.
        self._segments = any(self._tokens.encode("a").type_ids)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        pooling: str | None = None,
        prompts: dict[str, str] | None = None,
        max_length: int | None = None,
        normalize: bool | None = None,
        head: ProjectionHead | None = None,
        truncate_dim: int | None = None,
    ) -> TransformerText:
        """An encoder from a folder, a run or a hub id; None means: as saved.

        A sentence-transformers folder says its pooling, prompts, maximum length, normalisation and
        `truncate_dim`; a plain Hugging Face folder says none of it: mean pooling, no prompts,
        normalised, the longest text the model takes.

        Raises:
            InputError: a file missing or broken; weights that do not fit the config; a module or a
                setting of sentence-transformers that is not known here, by its name.
        """
        saved = read_settings(locate(source))
        encoder = cls(
            read_transformer(saved.transformer, whole=saved.whole),
            read_tokenizer(saved.transformer, lower_case=saved.lower_case),
            pooling=saved.pooling if pooling is None else pooling,
            prompts=saved.prompts if prompts is None else prompts,
            max_length=saved.max_length if max_length is None else max_length,
            normalize=saved.normalize if normalize is None else normalize,
            head=head,
            after=saved.after,
            truncate_dim=saved.truncate_dim if truncate_dim is None else truncate_dim,
        )
        if prompts is None:
            encoder.other_prompts, encoder.default_prompt = (
                saved.other_prompts,
                saved.default_prompt,
            )
        return encoder

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
            dim=int(self.transformer.config.hidden_size),
            normalize=self.normalize,
            max_length=self.max_length,
            prompts=self.other_prompts | self.prompts,
            default_prompt=self.default_prompt,
            after=list(self.after),
            truncate_dim=self.truncate_dim,
        )

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is a text."""
        return isinstance(value, str)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be texts."""
        check_texts(inputs, "encode: inputs")

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Token ids of the prompted texts, padded to the longest: input_ids and attention_mask."""
        check_texts(inputs, "prepare: inputs")
        return self._collate(self._tokenise(inputs, role))

    def forward(self, features: Features) -> Tensor:
        """Vectors (n, dim); in training mode through the head, if there is one."""
        return self._finished(self._pooled(features))

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Vectors, and of the same pass tokens (special ones too, through the modules behind the
        pooling), hidden states and attention."""
        if "attention" in names and self.transformer.config._attn_implementation != "eager":
            self.transformer.set_attn_implementation("eager")  # the others do not tell
        found = self._run(features, hidden="hidden" in names, attention="attention" in names)
        mask, tokens = features["attention_mask"], self._joined(self._read(found))
        shown = {
            "vectors": self._finished(self._vectors(found, mask)),
            "tokens": (self.after(tokens) if len(self.after) else tokens).float(),
            "mask": mask.bool(),
        }
        if "hidden" in names:
            shown["hidden"] = torch.stack(found.hidden_states, 1)
        if "attention" in names:
            shown["attention"] = torch.stack(found.attentions, 1)
        return shown

    def _finished(self, vectors: Tensor) -> Tensor:
        """Pooled vectors, side by side if there are several, as they leave the tower."""
        if vectors.shape[1] > self.pooled_dim:
            return torch.cat([self._finished(v) for v in vectors.split(self.pooled_dim, 1)], 1)
        vectors, size = self.after(vectors).float(), self.truncate_dim
        if self.head is not None and self.training:
            vectors, size = self.head(vectors).float(), None
        if self.normalize:
            vectors = nn.functional.normalize(vectors, dim=-1)
        return vectors if size is None else vectors[:, :size]

    def _pooled(self, features: Features) -> Tensor:
        """One vector per text as it is pooled, (n, pooled_dim) float32.

        A batch beyond the budget goes through the transformer in parts of similar length, each cut
        to its longest text: no work on padding, and activations that fit in the cache.
        """
        mask, budget = features["attention_mask"], self.default_budget()
        if mask.numel() <= budget:
            return self._vectors(self._run(features), mask)
        lengths, order = mask.sum(1).sort(descending=True, stable=True)
        parts = []
        for part in pack(lengths.cpu().numpy(), budget):
            rows, longest_row = order[part], int(lengths[part.start])
            cut = {name: tensor[rows, :longest_row] for name, tensor in features.items()}
            parts.append(self._vectors(self._run(cut), cut["attention_mask"]))
        return torch.cat(parts)[order.argsort()]

    def _run(self, features: Features, *, hidden: bool = False, attention: bool = False) -> Any:
        """One pass of the transformer, with what views do to the embeddings: its last states, and
        those of every layer and attention if asked for or needed. Of the texts' own tokens."""
        asked = {
            "output_hidden_states": hidden or self.reads_layers or self._shows_shallow(),
            "output_attentions": attention,
        }
        with (
            as_cut(self.transformer, features) as plain,
            CheapDropout(rate_of(features)) if self.training else nullcontext(),
        ):
            return self.transformer(**plain, **{name: True for name, on in asked.items() if on})

    def _vectors(self, found: Any, mask: Tensor) -> Tensor:
        """The states of a pass pooled, (n, pooled_dim), a shallow layer's behind them."""
        states = self._read(found)
        vectors = self._joined([pool(tokens, mask, self.pooling) for tokens in states])
        if not self._shows_shallow():
            return vectors
        shallow = pool(found.hidden_states[self.shallow], mask, self.pooling)
        return torch.cat([vectors, shallow], 1)

    def _shows_shallow(self) -> bool:
        return self.training and self.shallow is not None

    def _read(self, found: Any) -> Sequence[Tensor]:
        """The states of tokens that are pooled."""
        return [found.last_hidden_state]

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        """The states that `_read` gives, or what they are pooled to, as one."""
        (whole,) = parts
        return whole

    @property
    def layers(self) -> int:
        """How many layers the transformer has."""
        return int(self.transformer.config.num_hidden_layers)

    def shallow_layers(self) -> int:
        """All layers but the last may be shown beside it."""
        return self.layers - 1

    def cut(self, layer: int) -> TransformerText:
        """A new encoder that stops after this layer, 1 ... `layers`; it shares the weights.

        The layer's output is what `shallow` shows, save in models with a normalisation after their
        last layer, which then stands after this one.
        """
        return self._with(cut_transformer(self.transformer, layer))

    def _with(self, transformer: Any) -> TransformerText:
        """A plain encoder of another transformer with everything else as it is here."""
        made = TransformerText(transformer, self.tokenizer, **self.options_of())
        made.other_prompts, made.default_prompt = self.other_prompts, self.default_prompt
        return made

    def adapted(self, kind: Any, source: str | None, options: dict[str, Any]) -> TransformerText:
        """As `AdaptedText.add`."""
        adapted: Any = saved_class("AdaptedText")  # by name: its file imports this one
        found: TransformerText = adapted.add(self, source, kind, **options)
        return found

    def options_of(self) -> dict[str, Any]:
        """The arguments of this class, without the head."""
        return {
            "pooling": self.pooling,
            "prompts": self.prompts,
            "max_length": self.max_length,
            "normalize": self.normalize,
            "after": list(self.after),
            "truncate_dim": self.truncate_dim,
        }

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
            lengths = np.array([len(row[0]) for row in rows])
            order = np.argsort(-lengths, kind="stable")
            for part in pack(lengths[order], token_budget):
                chosen = order[part]
                yield indices[chosen], self._collate([rows[int(i)] for i in chosen])

    def settings(self) -> dict[str, Any]:
        """The transformer's config, the tokenizer's hash, and the arguments of this class."""
        # The difference to its class, so that a new default key in transformers changes nothing.
        config = self.transformer.config.to_diff_dict()
        more: dict[str, Any] = {}  # what few have: the fingerprints of the others stay
        if len(self.after):
            more["after"] = [{"kind": m.kind, **m.settings()} for m in self.after]  # type: ignore[operator]
        if self.truncate_dim is not None:
            more["truncate_dim"] = self.truncate_dim
        return {
            "encoder": "TransformerText",
            "transformer": {k: v for k, v in config.items() if k not in _NOT_A_SETTING},
            "tokenizer": hashlib.sha256(self._tokens.to_str().encode()).hexdigest(),
            "pooling": self.pooling,
            "prompts": self.prompts,
            "max_length": self.max_length,
            "normalize": self.normalize,
            **more,
        }

    def weights(self) -> dict[str, Tensor]:
        """Those of the transformer and of the modules after the pooling; not the head's."""
        after = {f"after.{name}": tensor for name, tensor in self.after.state_dict().items()}
        return dict(self.transformer.state_dict()) | after

    def _tokenise(self, inputs: Sequence[str], role: Role) -> list[Any]:
        """(token ids, segment ids where the model needs them) of each prompted text."""
        prompt = self.prompts[role]
        rows = self._tokens.encode_batch_fast([prompt + text for text in inputs])
        # A text without any token (empty, and the model adds no special ones) is one padding token:
        # attention over nothing is NaN.
        return [(row.ids or [self._pad], row.type_ids if self._segments else []) for row in rows]

    def _collate(self, rows: Sequence[Any]) -> Features:
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
