"""A text tower with a vector for each token (ColBERT), compared by MaxSim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import batch_of, check_texts, whole_number
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.batching import pack
from dipole.encoders.hub import locate
from dipole.encoders.precision import Precision
from dipole.encoders.prefix_tokens import (
    add_tokens,
    prompts_to_prefixes,
    text_length,
    token_id,
)
from dipole.encoders.st_modules import Dense
from dipole.encoders.st_multi_vector import (
    DOCUMENT_LENGTH,
    LINEAR,
    PREFIXES,
    PUNCTUATION,
    QUERY_LENGTH,
    read_multi_vector,
    write_multi_vector,
)
from dipole.encoders.text_limits import cutting, longest
from dipole.encoders.transformer_text import TransformerText
from dipole.encoders.transformers_io import quiet, read_tokenizer, read_transformer
from dipole.encoders.workers import encode_batches
from dipole.errors import InputError
from dipole.kernels.topk_maxsim import maxsim_scores

# A feature: which tokens are compared, (n, t); the others are padding or in the skiplist.
SCORED = "scored"


class _Row(NamedTuple):
    """A text's tokens, how many of them the transformer attends to, and which are compared."""

    ids: list[int]
    segments: list[int]
    attended: int
    scored: list[bool]


class MultiVectorText(TransformerText):
    """A transformer whose every token has a vector of length 1, projected to `dim` numbers:

        e_t = W h_t / |W h_t|        s(q, d) = sum over tokens t of q of max over tokens u of d of
                                               e_t . e_u

    A token behind the first says whether a text is a query or a document (`query_prefix`,
    `document_prefix`; "" is none). A query is filled up with mask tokens to `query_length`
    (`query_expansion`), which are compared, but attended to only with `attend_to_expansion`. Tokens
    of a document that are in `skiplist_words` are not compared; of a text with no others the first
    is.

    It has no vector of a text: `encode_tokens`, `score` and `similarity` are what it is for, and
    in training objectives of tokens (`late-interaction`) or of `logits`.

    Made by `--encoder colbert:FOLDER`, where a plain transformer is given a new projection. `save`
    writes a folder that PyLate and sentence-transformers' `MultiVectorEncoder` read; theirs, and
    those of Stanford's ColBERT, are read here. A word of the skiplist that is no token is passed
    over, as in the latter (PyLate leaves unknown words out in its place).

    Source: Khattab and Zaharia 2020, ColBERT, arXiv 2004.12832.

    Example:
        >>> encoder = MultiVectorText.load("colbert-ir/colbertv2.0")  # doctest: +SKIP
        >>> encoder.encode_tokens(["how to open a file"], "query")[0].shape  # doctest: +SKIP
        (32, 128)
    """

    shows = ("tokens", "mask")  # type: ignore[assignment]

    def __init__(
        self,
        transformer: Any,
        tokenizer: Any,
        *,
        after: Sequence[nn.Module],
        query_prefix: str = PREFIXES[0],
        document_prefix: str = PREFIXES[1],
        query_length: int | None = QUERY_LENGTH,
        document_length: int | None = DOCUMENT_LENGTH,
        skiplist_words: Sequence[str] = PUNCTUATION,
        query_expansion: bool = True,
        attend_to_expansion: bool = False,
        prompts: dict[str, str] | None = None,
    ) -> None:
        add_tokens(transformer, tokenizer, [query_prefix, document_prefix])
        super().__init__(
            transformer, tokenizer, prompts=prompts, after=after,
            max_length=text_length(transformer, tokenizer, document_length, "document_length"),
        )  # fmt: skip
        self.query_prefix, self.document_prefix = query_prefix, document_prefix
        self.document_length = self.max_length
        self.query_length = text_length(transformer, tokenizer, query_length, "query_length")
        self.skiplist_words = list(skiplist_words)
        self.query_expansion = query_expansion
        self.attend_to_expansion = attend_to_expansion and query_expansion
        prefixes = {"query": query_prefix, "document": document_prefix}
        self._prefixes = {role: token_id(tokenizer, word) for role, word in prefixes.items()}
        lengths = {"query": self.query_length, "document": self.document_length}
        self._cut: dict[str, Any] = {
            role: cutting(tokenizer, length - (self._prefixes[role] is not None))
            for role, length in lengths.items()
        }
        ids = (token_id(tokenizer, word) for word in self.skiplist_words)
        self._skipped = {found for found in ids if found is not None}
        names = (tokenizer.mask_token, tokenizer.eos_token, tokenizer.pad_token)
        self._expansion = token_id(tokenizer, next((name for name in names if name), ""))
        if query_expansion and self._expansion is None:
            raise InputError(
                "query_expansion: the tokenizer has no mask token to fill queries with; expected "
                "query_expansion=false"
            )

    @classmethod
    def load(  # type: ignore[override]
        cls,
        source: str | Path,
        *,
        dim: int | None = None,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        query_length: int | None = None,
        document_length: int | None = None,
        skiplist_words: list[str] | None = None,
        query_expansion: bool | None = None,
        attend_to_expansion: bool | None = None,
        prompts: dict[str, str] | None = None,
    ) -> MultiVectorText:
        """An encoder from a folder, a run or a hub id; None means: as saved, else as PyLate has it.

        A plain transformer is given a projection to `dim` numbers (128), drawn by torch's
        generator; `dim` of one that has a projection must be its own.
        """
        saved = read_multi_vector(locate(source))
        transformer = read_transformer(
            saved.transformer,
            whole=saved.whole,
            beside=(LINEAR,) if saved.is_stanford else (),
        )
        tokenizer = read_tokenizer(saved.transformer, lower_case=saved.lower_case)
        if saved.is_new:
            size = int(transformer.config.hidden_size)
            out = whole_number(128 if dim is None else dim, "dim", 1)
            saved.after = [Dense(size, out, bias=False, activation_function=nn.Identity())]
            saved.document_length = min(DOCUMENT_LENGTH, longest(transformer, tokenizer, None))
        prompts_to_prefixes(saved, tokenizer)
        given: dict[str, Any] = {
            "query_prefix": query_prefix, "document_prefix": document_prefix,
            "query_length": query_length, "document_length": document_length,
            "skiplist_words": skiplist_words, "query_expansion": query_expansion,
            "attend_to_expansion": attend_to_expansion, "prompts": prompts,
        }  # fmt: skip
        own = {
            "query_prefix": saved.prefixes[0], "document_prefix": saved.prefixes[1],
            "query_length": saved.query_length, "document_length": saved.document_length,
            "skiplist_words": saved.skiplist_words, "query_expansion": saved.query_expansion,
            "attend_to_expansion": saved.attend_to_expansion, "prompts": saved.prompts,
        }  # fmt: skip
        asked = own | {name: value for name, value in given.items() if value is not None}
        encoder = cls(transformer, tokenizer, after=saved.after, **asked)
        if dim is not None and dim != encoder.dim:
            raise InputError(
                f"dim: found {dim}, and the projection of {source} gives {encoder.dim}; expected "
                "none"
            )
        if prompts is None:
            encoder.other_prompts = saved.other_prompts
            encoder.default_prompt = saved.default_prompt
        return encoder.eval()

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load`, PyLate and sentence-transformers read."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            self.transformer.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        write_multi_vector(
            folder,
            after=list(self.after),
            max_length=self.document_length,
            prefixes=(self.query_prefix, self.document_prefix),
            query_length=self.query_length,
            document_length=self.document_length,
            skiplist_words=self.skiplist_words,
            query_expansion=self.query_expansion,
            attend_to_expansion=self.attend_to_expansion,
            prompts=self.other_prompts | self.prompts,
            default_prompt=self.default_prompt,
        )

    def encode_tokens(
        self,
        inputs: Sequence[str],
        role: Role = "document",
        *,
        show_progress: bool = False,
        token_budget: int | None = None,
        dtype: Precision | None = None,
    ) -> list[np.ndarray]:
        """The vectors of each text's tokens that are compared, (t, dim) float32 of length 1.

        Raises:
            InputError: as `encode` of other encoders.

        Example:
            >>> [x.shape for x in encoder.encode_tokens(["open a file"])]  # doctest: +SKIP
            [(6, 128)]
        """
        inputs = self.checked(inputs, role)
        found: list[Any] = [None] * len(inputs)

        def put(rows: np.ndarray, tokens: np.ndarray, mask: np.ndarray) -> None:
            for row, vectors, there in zip(rows.tolist(), tokens, mask, strict=True):
                found[row] = vectors[there]

        encode_batches(
            [self], inputs, role, put, outputs=("tokens", "mask"), show_progress=show_progress,
            token_budget=token_budget, dtype=dtype,
        )  # fmt: skip
        return found

    def score(self, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        """MaxSim of each query with the document in its place, (n,) float32; each text is encoded
        once.

        Example:
            >>> encoder.score(["open a file"], ["reads a file from the disk"])  # doctest: +SKIP
        """
        first, second = batch_of(first, "score: first"), batch_of(second, "score: second")
        if len(first) != len(second):
            raise InputError(f"score: found {len(first)} and {len(second)} texts, expected as many")
        sides = []
        for texts, role in ((first, "query"), (second, "document")):
            once = list(dict.fromkeys(texts))
            sides.append(dict(zip(once, self.encode_tokens(once, role), strict=True)))
        queries, documents = sides
        return np.array(
            [
                (queries[a] @ documents[b].T).max(1).sum()
                for a, b in zip(first, second, strict=True)
            ],
            dtype=np.float32,
        )

    def similarity(
        self, queries: Sequence[np.ndarray], documents: Sequence[np.ndarray]
    ) -> np.ndarray:
        """MaxSim of every query with every document, both as `encode_tokens` gives them: (n, m)
        float32.

        Example:
            >>> encoder.similarity(queries, documents)  # doctest: +SKIP
        """
        if not len(documents):
            return np.empty((len(queries), 0), np.float32)
        return maxsim_scores(
            queries, np.concatenate(documents), np.cumsum([0, *map(len, documents)])
        )

    def encode(self, inputs: Any, role: Role = "document", **options: Any) -> np.ndarray:
        """Refused: a text has no vector of its own."""
        _refuse()

    def forward(self, features: Features) -> Tensor:
        """Refused, as `encode`."""
        _refuse()

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Token ids with the prefix, those of queries filled up: input_ids, attention_mask, and
        `scored`, which tokens are compared."""
        check_texts(inputs, "prepare: inputs")
        return self._collate(self._tokenise(inputs, role))

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """`tokens` (n, t, dim) of length 1 and `mask` (n, t), which of them are compared; as
        `vectors` their mean, which no objective here compares.

        A batch beyond the budget goes through the transformer in parts of similar length.
        """
        if other := [name for name in names if name not in self.shows]:
            raise InputError(
                f"encoder: MultiVectorText gives tokens; expected no {', '.join(other)}"
            )
        mask = features[SCORED].bool()
        rest = {name: x for name, x in features.items() if name != SCORED}
        tokens = self._states(rest, features["attention_mask"].bool() | mask)
        mean = (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return {"vectors": mean, "tokens": tokens, "mask": mask}

    def _states(self, features: Features, there: Tensor) -> Tensor:
        budget, width = self.default_budget(), there.shape[1]
        if there.numel() <= budget:
            return self._projected(features)
        lengths, order = there.sum(1).sort(descending=True, stable=True)
        parts = []
        for part in pack(lengths.cpu().numpy(), budget):
            rows, size = order[part], int(lengths[part.start])
            found = self._projected({name: x[rows, :size] for name, x in features.items()})
            parts.append(nn.functional.pad(found, (0, 0, 0, width - size)))
        return torch.cat(parts)[order.argsort()]

    def _projected(self, features: Features) -> Tensor:
        (states,) = self._read(self._run(features))
        return nn.functional.normalize(self.after(states).float(), dim=-1)

    def shallow_layers(self) -> int:
        """None: the projection is of the last layer."""
        return 0

    def cut(self, layer: int) -> TransformerText:
        """Refused: the projection is of the last layer."""
        raise InputError(
            "cut: found MultiVectorText, whose projection is of the last layer; expected another"
        )

    def adapted(self, kind: Any, source: str | None, options: dict[str, Any]) -> TransformerText:
        """Refused, as by every encoder that is no plain transformer."""
        return cast(TransformerText, Encoder.adapted(self, kind, source, options))

    def settings(self) -> dict[str, Any]:
        """Those of a transformer, and what is compared of a text."""
        names = (
            "query_prefix", "document_prefix", "query_length", "document_length", "skiplist_words",
            "query_expansion", "attend_to_expansion",
        )  # fmt: skip
        own = {name: getattr(self, name) for name in names}
        return super().settings() | own | {"encoder": "MultiVectorText"}

    def _tokenise(self, inputs: Sequence[str], role: Role) -> list[_Row]:
        prompt, prefix = self.prompts[role], self._prefixes[role]
        is_query = role == "query"
        found = []
        for row in self._cut[role].encode_batch_fast([prompt + text for text in inputs]):
            ids, segments = list(row.ids), list(row.type_ids) if self._segments else []
            if prefix is not None:
                ids.insert(1, prefix)
                segments.insert(1, 0)
            ids = ids or [self._pad]
            scored = [is_query or i not in self._skipped for i in ids]
            scored[0] = scored[0] or not any(scored)
            attended = len(ids)
            if is_query and self.query_expansion:
                more = self.query_length - len(ids)
                ids += [cast(int, self._expansion)] * more
                scored += [True] * more
                attended = len(ids) if self.attend_to_expansion else attended
            found.append(_Row(ids, segments, attended, scored))
        return found

    def _collate(self, rows: Sequence[_Row]) -> Features:
        features = super()._collate([(row.ids, row.segments) for row in rows])
        scored = np.zeros(features["input_ids"].shape, dtype=np.int64)
        for i, row in enumerate(rows):
            features["attention_mask"][i, row.attended :] = 0
            scored[i, : len(row.scored)] = row.scored
        return features | {SCORED: torch.from_numpy(scored)}


def _refuse() -> NoReturn:
    raise InputError(
        "encode: MultiVectorText gives a vector for each token, and none for a text; expected "
        "encode_tokens(texts, role) or score(first, second), as dipole index, search --rerank and "
        "evaluate (retrieval, reranking) do"
    )
