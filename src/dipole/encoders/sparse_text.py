"""A sparse text tower (SPLADE): a weight for every word of a masked language model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor

from dipole.data.inputs import whole_number
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.dropout import CheapDropout, rate_of
from dipole.encoders.embedding_cuts import as_cut
from dipole.encoders.hub import locate
from dipole.encoders.precision import Precision
from dipole.encoders.sparse_rows import SparseRows
from dipole.encoders.st_sparse import read_sparse, write_sparse
from dipole.encoders.transformer_text import TransformerText
from dipole.encoders.transformers_io import quiet, read_tokenizer, read_transformer
from dipole.encoders.workers import encode_batches
from dipole.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# The most logits that exist at once, tokens x vocabulary: 256 MB of float32.
LOGITS = 2**26


class SparseText(TransformerText):
    """A masked language model whose logits say how much each word of its vocabulary matters:

        v_w = max over tokens t of log(1 + max(0, logit_tw))       (pooling "sum": their sum)

    Shapes: texts (n) -> (n, vocabulary), most of it 0, never below. Two vectors are compared by
    their dot product, so train with `dot-infonce`, plus `flops`, which makes vectors sparse.
    `max_active_dims` keeps the largest so many weights of a vector where it is used, not in
    training. At most 2^26 logits exist at once (with "max" in training too): a batch goes through
    the model in parts.

    Made by `--encoder sparse --encoder-option model=FOLDER`, a folder with the head of a masked
    language model. `save` writes a folder that sentence-transformers' `SparseEncoder` and
    transformers read; theirs are read here.

    Source: Formal et al. 2021, SPLADE v2, arXiv 2109.10086; "sum" is arXiv 2107.05720.

    Example:
        >>> encoder = SparseText.from_inputs(model="FOLDER")  # doctest: +SKIP
        >>> encoder.encode_sparse(["how to open a file"], "query").shape  # doctest: +SKIP
        (1, 30522)
    """

    shows = ()  # type: ignore[assignment]

    def __init__(
        self,
        transformer: Any,
        tokenizer: Any,
        *,
        pooling: Literal["max", "sum"] = "max",
        prompts: dict[str, str] | None = None,
        max_length: int | None = None,
        max_active_dims: int | None = None,
    ) -> None:
        super().__init__(
            transformer, tokenizer, prompts=prompts, max_length=max_length, normalize=False
        )
        if pooling not in ("max", "sum"):
            raise InputError(f"pooling: found {pooling!r}; expected max or sum")
        self.pooling = pooling
        self.dim = self.pooled_dim = self.backbone_dim = int(transformer.config.vocab_size)
        if max_active_dims is not None:
            whole_number(max_active_dims, "max_active_dims", 1)
        self.max_active_dims = max_active_dims

    @classmethod
    def from_inputs(
        cls,
        *inputs: Any,
        model: str,
        pooling: Literal["max", "sum"] | None = None,
        max_length: int | None = None,
        max_active_dims: int | None = None,
    ) -> SparseText:
        """Over the masked language model of a folder, a run or a hub id; None means: as saved."""
        return cls.load(
            model, pooling=pooling, max_length=max_length, max_active_dims=max_active_dims
        )

    @classmethod
    def load(  # type: ignore[override]
        cls,
        source: str | Path,
        *,
        pooling: Literal["max", "sum"] | None = None,
        prompts: dict[str, str] | None = None,
        max_length: int | None = None,
        max_active_dims: int | None = None,
    ) -> SparseText:
        """What `save` wrote, a `SparseEncoder` of sentence-transformers, or a plain Hugging Face
        folder with the head of a masked language model; None means: as saved."""
        saved = read_sparse(locate(source))
        encoder = cls(
            read_transformer(saved.transformer, whole=saved.whole, head="masked"),
            read_tokenizer(saved.transformer, lower_case=saved.lower_case),
            pooling=cast(Any, saved.pooling if pooling is None else pooling),
            prompts=saved.prompts if prompts is None else prompts,
            max_length=saved.max_length if max_length is None else max_length,
            max_active_dims=saved.max_active_dims if max_active_dims is None else max_active_dims,
        )
        if prompts is None:
            encoder.other_prompts = saved.other_prompts
            encoder.default_prompt = saved.default_prompt
        return encoder.eval()

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load`, sentence-transformers and transformers read."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            self.transformer.save_pretrained(folder)
            self.tokenizer.model_max_length = self.max_length
            self.tokenizer.save_pretrained(folder)
        write_sparse(
            folder,
            pooling=self.pooling,
            dim=self.dim,
            max_length=self.max_length,
            max_active_dims=self.max_active_dims,
            prompts=self.other_prompts | self.prompts,
            default_prompt=self.default_prompt,
        )

    def encode_sparse(
        self,
        inputs: Sequence[str],
        role: Role = "document",
        *,
        max_active_dims: int | None = None,
        show_progress: bool = False,
        token_budget: int | None = None,
        dtype: Precision | None = None,
    ) -> csr_matrix:
        """The vectors of `encode` without their zeros: scipy's CSR, float32, (n, vocabulary).

        Args:
            max_active_dims: keep the largest so many weights of every vector; None: as the encoder
                does, which is all unless it was made otherwise.

        Raises:
            InputError: as `encode`; max_active_dims below 1.

        Example:
            >>> vectors = encoder.encode_sparse(["open a file"])  # doctest: +SKIP
            >>> (vectors @ vectors.T)[0, 0]  # doctest: +SKIP
        """
        if max_active_dims is not None:
            whole_number(max_active_dims, "max_active_dims", 1)
        inputs = self.checked(inputs, role)
        rows = SparseRows(len(inputs), self.dim, max_active_dims)
        encode_batches(
            [self],
            inputs,
            role,
            rows.put,
            show_progress=show_progress,
            token_budget=token_budget,
            dtype=dtype,
        )
        return rows.matrix()

    def words(self, vector: Any) -> dict[str, float]:
        """The words of a vector, dense (vocabulary) or a row of CSR, with their weights, the
        largest first.

        Example:
            >>> encoder.words(encoder.encode_sparse(["open a file"])[0])  # doctest: +SKIP
        """
        from scipy.sparse import csr_matrix

        row = csr_matrix(vector)
        order = (-row.data).argsort(kind="stable")
        ids = row.indices[order].tolist()
        names = self.tokenizer.convert_ids_to_tokens(ids)
        # A vocabulary may be rounded up, beyond the words of the tokenizer.
        known = [f"#{i}" if name is None else name for i, name in zip(ids, names, strict=True)]
        return dict(zip(known, row.data[order].tolist(), strict=True))

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Vectors alone: a token has one of the size of the vocabulary."""
        if names:
            raise InputError(f"encoder: SparseText gives vectors; expected no {', '.join(names)}")
        return {"vectors": self(features)}

    def default_budget(self) -> int:
        """As of any transformer, and no more than `LOGITS`."""
        return max(1, min(super().default_budget(), LOGITS // self.dim))

    def shallow_layers(self) -> int:
        """None: no layer below the last has logits."""
        return 0

    def cut(self, layer: int) -> TransformerText:
        """Refused: no layer below the last has logits."""
        raise InputError("cut: found SparseText, whose last layer has the logits; expected another")

    def adapted(self, kind: Any, source: str | None, options: dict[str, Any]) -> TransformerText:
        """Refused, as by every encoder that is no plain transformer."""
        return cast(TransformerText, Encoder.adapted(self, kind, source, options))

    def settings(self) -> dict[str, Any]:
        """Those of a transformer, and how many weights are kept."""
        more = {"encoder": "SparseText", "max_active_dims": self.max_active_dims}
        return super().settings() | more

    def _run(self, features: Features, *, hidden: bool = False, attention: bool = False) -> Any:
        with (
            as_cut(self.transformer.base_model, features) as plain,
            CheapDropout(rate_of(features)) if self.training else nullcontext(),
        ):
            return self.transformer(**plain)

    def _vectors(self, found: Any, mask: Tensor) -> Tensor:
        """Weights of the words, (n, vocabulary) float32; a place of padding has none."""
        hidden = ~mask.bool()[:, :, None]
        if self.pooling == "sum":
            return found.logits.float().relu().log1p().masked_fill(hidden, 0).sum(1)
        # The logarithm grows with the logit: that of the largest is the largest. And the gradient
        # of a maximum needs its place alone, so that no logit is kept for it.
        largest = found.logits.masked_fill(hidden, -torch.inf).max(1).values
        return largest.float().relu().log1p()

    def _finished(self, vectors: Tensor) -> Tensor:
        if self.training or self.max_active_dims is None or self.max_active_dims >= self.dim:
            return vectors
        kept = vectors.topk(self.max_active_dims, dim=1)
        return torch.zeros_like(vectors).scatter(1, kept.indices, kept.values)
