"""Masked language modelling on the texts of a batch, with the tower's own head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Share
from dipole.encoders.base import Features
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.kernels.draws import for_rows, uniform
from dipole.training.outputs import encode_outputs
from dipole.training.parts.base import Part, Setup

COLUMNS = ("anchor", "positive", "negative")


class MaskedColumns(Part):
    """What the tower says of hidden words: for every place t that is asked for,

        -log softmax( head(s_t) E^T + c )_{x_t},   s the states of the text with words hidden,

    as `masked_losses`, (places,). Every token that is not special is asked for with probability
    `share`: 8 in 10 are [MASK] then, one is any word, one stays (BERT). For the encoder `masked`,
    whose `word_head` it is and whose word vectors E are.

    columns: of which texts, `anchor`, or several as `anchor+positive+negative`. shared: the vectors
    of these columns are of this pass as well, so of texts with words hidden; else the masked texts
    are read beside the whole ones.

    Example:
        >>> MaskedColumns(columns="anchor+positive", share=0.15).settings()
        {'columns': 'anchor+positive', 'share': 0.15, 'shared': False}
    """

    gives = (*COLUMNS, "masked_losses")

    columns: str = "anchor"
    share: Share = 0.15
    shared: bool = False

    def __post_init__(self) -> None:
        self._columns = [name.strip() for name in self.columns.split("+")]
        if not set(self._columns) <= set(COLUMNS):
            raise InputError(
                f"columns: found {self.columns!r}, expected one of {', '.join(COLUMNS)}, or "
                "several as anchor+positive"
            )

    def bind(self, setup: Setup) -> None:
        self._encoder = [masked_tower(setup.encoder, "masked columns")]  # its weights are its own

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        (encoder,), made = self._encoder, {}
        losses = []
        for name in (name for name in self._columns if name in columns):
            pieces, asked = masked(columns[name], encoder, self.share)
            found = encode_outputs(encoder, name, pieces, ("tokens", "mask"))
            if self.shared:
                made[name] = found[name]
            states = found[f"{name}_tokens"][places(asked, found[f"{name}_tokens"].shape[1])]
            words = torch.cat(
                [piece["input_ids"][a] for piece, a in zip(columns[name], asked, strict=True)]
            )
            losses.append(F.cross_entropy(encoder.words_of(states), words, reduction="none"))
        return made | {"masked_losses": torch.cat(losses)}


def masked_tower(encoder: object, what: str) -> MaskedText:
    """The encoder as what has a head of words, or an InputError."""
    if not isinstance(encoder, MaskedText):
        raise InputError(
            f"{what}: found {type(encoder).__name__}; expected a masked language model "
            "(--encoder masked --encoder-option model=FOLDER)"
        )
    return encoder


def masked(
    pieces: list[Features], encoder: MaskedText, share: float
) -> tuple[list[Features], list[Tensor]]:
    """The pieces of a column with words hidden, and which are asked for, (n, t) each."""
    rows = [len(piece["input_ids"]) for piece in pieces]

    def draw(n: int) -> dict[str, Tensor]:
        return {"seeds": torch.randint(2**62, (n, 3))}

    drawn = for_rows(draw, sum(rows))["seeds"].to(pieces[0]["input_ids"].device)
    special = torch.tensor(encoder.tokenizer.all_special_ids, device=drawn.device)
    count = len(encoder.word_head.bias)
    changed, asked = [], []
    for piece, seeds in zip(pieces, drawn.split(rows), strict=True):
        ids = piece["input_ids"]
        which, kind, other = (uniform(seeds[:, i], ids.shape[1]) for i in range(3))
        here = (which < share) & ~torch.isin(ids, special) & piece["attention_mask"].bool()
        hidden = ids.masked_fill(here & (kind < 0.8), encoder.tokenizer.mask_token_id)
        hidden = torch.where(here & (kind >= 0.9), (other * count).long(), hidden)
        changed.append(piece | {"input_ids": hidden})
        asked.append(here)
    return changed, asked


def places(asked: list[Tensor], longest: int) -> Tensor:
    """The places of all pieces, (n, longest)."""
    return torch.cat([F.pad(a, (0, longest - a.shape[1])) for a in asked])
