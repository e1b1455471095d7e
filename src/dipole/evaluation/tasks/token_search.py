"""Search with an encoder that gives a vector for each token, by exact MaxSim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.kernels.topk_maxsim import top_k_maxsim

# Documents that are encoded at a time: of 180 tokens and 128 numbers 190 MB.
ROWS = 2048


def search_tokens(
    encoder: Any, queries: Mapping[str, str], corpus: Mapping[str, str], k: int, system: str,
    show_progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Scores and places of the k best documents for every query, as `top_k` gives them.

    Documents are encoded 2,048 at a time.

    Raises InputError: vectors that are not finite, or the same for all tokens.
    """

    def encode(texts: list[str], ids: list[str], role: str) -> list[np.ndarray]:
        found = encoder.encode_tokens(texts, role, show_progress=show_progress)
        for identity, vectors in zip(ids, found, strict=True):
            if not np.isfinite(vectors).all():
                raise InputError(
                    f"{system}: a vector of {role} {identity!r} is not finite; expected numbers"
                )
        return list(found)

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        ids, texts = list(corpus), list(corpus.values())
        first, differ = None, len(ids) == 1
        for start in range(0, len(ids), ROWS):
            part = slice(start, start + ROWS)
            found = encode(texts[part], ids[part], "document")
            tokens = np.concatenate(found)
            first = tokens[0] if first is None else first
            differ = differ or bool((np.abs(tokens - first) > 1e-6).any())
            yield tokens, np.cumsum([0, *map(len, found)])
        if not differ:
            raise InputError(
                f"{system}: all tokens of {len(ids)} documents have the same vector; expected "
                "vectors that differ (the model has collapsed)"
            )

    asked = encode(list(queries.values()), list(queries), "query")
    return top_k_maxsim(asked, blocks(), k)
