"""A bag of tokens whose vectors come from a graph of the tokens that stand near each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import check_texts, whole_number
from dipole.encoders.base import Features
from dipole.encoders.static_folder import TABLE
from dipole.encoders.static_text import StaticText
from dipole.encoders.text_bpe import Pieces


class TokenGraphText(StaticText):
    """Text -> the sum of its tokens' vectors, normalised; a token's vector z_t is what two layers
    of graph convolution make of learned vectors E,

        Z = A relu(A E W_1) W_2,   A = D^-1/2 (max(0, PMI) + I) D^-1/2,   z_t = Z_t / |Z_t|.

    Tokens are byte-pair pieces, PMI is `pmi_graph` of the texts that it is made for. It is saved
    as a `StaticText` with the vectors z_t: the graph is for training alone.
    Source: Kipf and Welling 2016, arXiv 1609.02907; the graph of tokens Ghosh et al. 2021, arXiv
    2112.11389.

    Example:
        >>> texts = ["open a file", "open the door", "close the file"]
        >>> TokenGraphText.from_inputs(texts, texts, dim=8).encode(["open it"]).shape
        (1, 8)
    """

    shows = ()  # type: ignore[assignment]
    links: Tensor
    strengths: Tensor

    def __init__(self, tokenizer: Pieces, dim: int, links: Tensor, strengths: Tensor,
                 dropout: float = 0.3) -> None:  # fmt: skip
        super().__init__(tokenizer, dim, pooling="linear", shared=True, dropout=dropout)
        self.token_weights.requires_grad_(False)  # a mean of token vectors
        self.first = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim)))
        self.second = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim)))
        self.register_buffer("links", links)
        self.register_buffer("strengths", strengths)

    @classmethod
    def from_inputs(  # type: ignore[override]
        cls,
        queries: Sequence[str],
        documents: Sequence[str],
        *,
        dim: int = 128,
        vocabulary: int = 8192,
        window: int = 5,
        dropout: float = 0.3,
    ) -> TokenGraphText:
        """A new encoder with the graph of these texts.

        Args:
            vocabulary: pieces at most. window: tokens less than this apart stand near each other.

        Raises:
            InputError: no texts, or an option that is none.
        """
        for name, value in {"dim": dim, "vocabulary": vocabulary, "window": window}.items():
            whole_number(value, f"TokenGraphText: {name}")
        texts = list(dict.fromkeys([*queries, *documents]))
        check_texts(texts, "TokenGraphText: texts")
        tokenizer = Pieces.from_texts(texts, vocabulary)
        sequences = (tokens for tokens, _ in tokenizer(texts))
        links, strengths = pmi_graph(sequences, tokenizer.size, window)
        return cls(tokenizer, dim, torch.from_numpy(links), torch.from_numpy(strengths), dropout)

    def token_vectors(self) -> Tensor:
        """z of all tokens, (tokens, dim); zero for one whose vector is zero."""
        shape = (len(self.vectors),) * 2
        graph = torch.sparse_coo_tensor(
            self.links, self.strengths, shape, is_coalesced=True, check_invariants=False
        )
        hidden = torch.relu(torch.sparse.mm(graph, self.vectors @ self.first))
        return self._unit(torch.sparse.mm(graph, hidden @ self.second))

    def forward(self, features: Features) -> Tensor:
        """One unit vector per text, (n, dim); zero for a text without tokens."""
        summed = nn.functional.embedding_bag(
            features["tokens"], self.token_vectors(), features["offsets"], mode="sum",
            per_sample_weights=self._weights(features),
        )  # fmt: skip
        return self._unit(summed)

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Vectors alone: no objective has asked for those of tokens."""
        return {"vectors": self(features)}

    def weights(self) -> dict[str, Tensor]:
        """The vectors of tokens, as a `StaticText` has them."""
        return {TABLE: self.token_vectors().detach()}


def pmi_graph(
    sequences: Iterable[np.ndarray], size: int, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """Links between tokens (2, e), ordered, and their strengths (e,), float32:

        A = D^-1/2 (max(0, PMI) + I) D^-1/2,   PMI_tu = log( n_tu n / (n_t n_u) )

    n_tu is how often two different tokens t and u are less than `window` places apart in a text,
    n_t = sum_u n_tu, n = sum_t n_t; D are the sums of the rows. A token without neighbours has a
    link to itself alone.

    Example:
        >>> links, strengths = pmi_graph([np.array([0, 1]), np.array([2, 3])], 4, window=2)
        >>> links.shape, round(float(strengths[1]), 3)  # log 4 / (1 + log 4)
        ((2, 8), 0.581)
    """
    from scipy.sparse import coo_array, eye_array

    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for tokens in sequences:
        pairs += [(tokens[:-k], tokens[k:]) for k in range(1, min(window, len(tokens)))]
    first = np.concatenate([a for a, _ in pairs] or [np.empty(0, np.int64)])
    second = np.concatenate([b for _, b in pairs] or [np.empty(0, np.int64)])
    apart = first != second
    rows = np.concatenate([first[apart], second[apart]])
    columns = np.concatenate([second[apart], first[apart]])
    counts = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size)).tocsr().tocoo()
    each = np.bincount(counts.row, weights=counts.data, minlength=size)
    pmi = np.log(counts.data * each.sum() / (each[counts.row] * each[counts.col]))
    kept = pmi > 0
    near = coo_array((pmi[kept], (counts.row[kept], counts.col[kept])), shape=(size, size))
    whole: Any = (near.tocsr() + eye_array(size, format="csr")).tocoo()
    degree = np.bincount(whole.row, weights=whole.data, minlength=size)
    order = np.lexsort((whole.col, whole.row))
    row, column, values = whole.row[order], whole.col[order], whole.data[order]
    strengths = values / np.sqrt(degree[row] * degree[column])
    return np.stack([row, column]).astype(np.int64), strengths.astype(np.float32)
