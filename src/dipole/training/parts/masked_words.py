"""Masked language modelling as a part: what a transformer says of words it was not shown."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Share
from dipole.encoders.dropout import CheapDropout
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from dipole.kernels.draws import for_rows, uniform
from dipole.training.batches import VIEWED
from dipole.training.parts.base import Part, Setup


class MaskedWords(Part):
    """The losses of masked words of the sentences as they are, as `masked_losses`, (masked,).

    Of a sentence's inner tokens `share` are asked for: 8 in 10 are [MASK], one is any token, one
    stays (BERT). The tower that is trained reads them; a dense layer, gelu and a normalisation
    stand before its own word vectors, and are not saved with it.
    """

    takes = ("rows",)
    gives = ("masked_losses",)

    share: Share = 0.15

    def bind(self, setup: Setup) -> None:
        encoder = setup.encoder
        if not isinstance(encoder, TransformerText) or encoder.tokenizer.mask_token_id is None:
            raise InputError(
                f"masked words: found {type(encoder).__name__}; expected a transformer whose "
                "tokenizer has a token for a mask (--encoder FOLDER)"
            )
        self._encoder, self._examples = [encoder], setup.examples  # its weights are not the part's
        fields = [field for field in VIEWED if field in setup.examples.FIELDS]
        self._field = fields[0] if fields else "anchor"
        rows, dim = encoder.transformer.get_input_embeddings().weight.shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.head = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.LayerNorm(dim))
            self.bias = nn.Parameter(torch.zeros(rows))

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        (encoder,) = self._encoder
        texts = self._examples.take(batch["rows"].cpu().numpy())[self._field]
        device = batch["rows"].device
        features = {name: x.to(device) for name, x in encoder.prepare(texts).items()}
        masked, asked = self._masked(features, encoder)
        with CheapDropout():
            tokens = encoder.transformer(**masked).last_hidden_state[asked]
        words = encoder.transformer.get_input_embeddings().weight
        logits = self.head.to(device)(tokens).float() @ words.float().T + self.bias
        losses = F.cross_entropy(logits, features["input_ids"][asked], reduction="none")
        return batch | {"masked_losses": losses}

    def _masked(
        self, features: dict[str, Tensor], encoder: TransformerText
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The features with other tokens, and which were asked for, (n, t)."""
        ids, mask = features["input_ids"], features["attention_mask"]
        place, length = torch.arange(ids.shape[1], device=ids.device), mask.sum(1, keepdim=True)
        inner = (place > 0) & (place < length - 1)

        def draw(rows: int) -> dict[str, Tensor]:
            return {"seeds": torch.randint(2**62, (rows, 3))}

        seeds = for_rows(draw, len(ids))["seeds"].to(ids.device)
        which, kind, other = (uniform(seeds[:, i], ids.shape[1]) for i in range(3))
        count = (self.share * inner.sum(1, keepdim=True)).round().clamp(min=1)
        rank = which.masked_fill(~inner, torch.inf).argsort(1).argsort(1)
        asked = (rank < count) & inner
        changed = ids.masked_fill(asked & (kind < 0.8), encoder.tokenizer.mask_token_id)
        drawn = (other * len(self.bias)).long()
        changed = torch.where(asked & (kind >= 0.9), drawn, changed)
        return features | {"input_ids": changed}, asked
