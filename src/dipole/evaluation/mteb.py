"""An encoder as MTEB 2 wants it, so that the `mteb` package measures it on its own tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import numpy as np

from dipole.encoders.base import Encoder, fingerprint
from dipole.errors import InputError, optional
from dipole.evaluation.encoding import encode_function, finite, unit


def mteb_model(encoder: Any, name: str = "dipole/encoder") -> MtebModel:
    """The encoder as MTEB 2 wants it: `mteb.evaluate(mteb_model(encoder), tasks)`.

    Args:
        encoder: whatever `encode_function` takes.
        name: owner/model, the folder of the results. Their revision is the fingerprint of an
            Encoder, so `mteb` finds the results of this model and no other's; of anything else it
            is new every time.

    Inputs are texts or images (as arrays). What `mteb` calls a query is encoded in the role
    "query", a document as "document", and what is neither (STS, classification, clustering) as
    "query", as dipole's own tasks do. Similarity is the cosine.
    """
    optional("mteb", "mteb")
    if name.count("/") != 1 or not all(name.split("/")):
        raise InputError(f"mteb: name is {name!r}; expected owner/model")
    return MtebModel(encoder, name)


class MtebModel:
    """MTEB 2's `EncoderProtocol`; made by `mteb_model`."""

    def __init__(self, encoder: Any, name: str) -> None:
        from mteb.models import ModelMeta
        from mteb.models.model_meta import ScoringFunction

        self._encode = encode_function(encoder)
        known = isinstance(encoder, Encoder)
        self.mteb_model_meta = ModelMeta.create_empty(
            {
                "name": name,
                "revision": fingerprint(encoder) if known else uuid.uuid4().hex,
                "embed_dim": getattr(encoder, "dim", None),
                "similarity_fn_name": ScoringFunction.COSINE,
                "modalities": ["text", "image"],
                "framework": ["PyTorch"],
            }
        )

    def encode(
        self, inputs: Iterable[dict[str, Any]], *, prompt_type: Any = None, **about: Any
    ) -> np.ndarray:
        """Vectors of the inputs of a `mteb` data loader, (n, dim) float32."""
        role = "query" if prompt_type is None else str(getattr(prompt_type, "value", prompt_type))
        blocks = []
        for batch in inputs:
            items = _items(batch)
            ids = [str(number) for number in range(len(items))]
            blocks.append(finite(self._encode(items, role), ids, "input", "mteb"))
        return np.concatenate(blocks).astype(np.float32)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """All cosines, (n, m)."""
        import torch

        a, b = (unit(np.atleast_2d(np.asarray(x))) for x in (embeddings1, embeddings2))
        return torch.from_numpy(a @ b.T)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """The cosine of each pair, (n,)."""
        import torch

        a, b = (unit(np.atleast_2d(np.asarray(x))) for x in (embeddings1, embeddings2))
        return torch.from_numpy(np.einsum("nd,nd->n", a, b))


def _items(batch: dict[str, Any]) -> list[Any]:
    if "text" in batch:
        return list(batch["text"])
    if "image" in batch:
        return [np.asarray(image) for image in batch["image"]]
    raise InputError(f"mteb: a batch holds {', '.join(batch)}; expected text or image")
