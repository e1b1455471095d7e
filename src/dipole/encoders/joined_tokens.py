"""Two tokenised texts as one sequence, as their tokenizer joins them: [CLS] a [SEP] b [SEP]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dipole.errors import InputError

# Features of texts without their special tokens: ids (n, t), and how many of them there are (n,).
IDS, LENGTHS = "ids", "lengths"
# A special token: its id and its segment.
Special = tuple[int, int]


@dataclass(frozen=True)
class Template:
    """What stands before, between and behind two texts, and the segment of each of the two."""

    before: tuple[Special, ...]
    between: tuple[Special, ...]
    behind: tuple[Special, ...]
    segments: tuple[int, int]

    @classmethod
    def of(cls, tokens: Any) -> Template:
        """Read off an example that a fast tokenizer, which neither pads nor cuts, joins.

        Raises:
            InputError: a tokenizer that puts the two in another order, or between each other.
        """
        row = tokens.encode("a", "a")
        parts = ["-" if part is None else str(part) for part in row.sequence_ids]
        first, second = ([i for i, part in enumerate(parts) if part == side] for side in "01")
        if (
            not first
            or not second
            or "0" in parts[second[0] :]
            or "-" in parts[first[0] : first[-1]]
        ):
            raise InputError(
                f"tokenizer: joins two texts as {' '.join(parts)}; expected one behind the other"
            )
        special = list(zip(row.ids, row.type_ids, strict=True))
        return cls(
            before=tuple(special[: first[0]]),
            between=tuple(special[first[-1] + 1 : second[0]]),
            behind=tuple(special[second[-1] + 1 :]),
            segments=(row.type_ids[first[0]], row.type_ids[second[0]]),
        )

    @property
    def size(self) -> int:
        """How many special tokens a pair has."""
        return len(self.before) + len(self.between) + len(self.behind)


def kept(first: Tensor, second: Tensor, room: int) -> tuple[Tensor, Tensor]:
    """How many of (n,) tokens of each text stay, together at most `room`: the longer one is cut, or
    where both are longer than half the room, each to half of it."""
    short, long = torch.minimum(first, second), torch.maximum(first, second)
    cut = torch.maximum(short, room - short)
    both = short + cut > room
    short = torch.where(both, room // 2, short)
    cut = torch.where(both, room - room // 2, torch.minimum(cut, long))
    swapped = first > second
    return torch.where(swapped, cut, short), torch.where(swapped, short, cut)


def joined(
    first: dict[str, Tensor],
    second: dict[str, Tensor],
    template: Template,
    max_length: int,
    *,
    pad: int = 0,
    from_left: bool = False,
) -> dict[str, Tensor]:
    """input_ids, attention_mask and token_type_ids (n, t) of n pairs, padded on the right.

    first, second: `IDS` and `LENGTHS` of the texts. from_left: what is cut off is their beginning.
    """
    one, other = kept(first[LENGTHS], second[LENGTHS], max_length - template.size)
    total = one + other + template.size
    width = int(total.max())
    place = torch.arange(width, device=total.device).expand(len(total), width)
    ids = torch.full_like(place, pad)
    segments = torch.zeros_like(place)
    rows = torch.arange(len(total), device=total.device)
    start = torch.zeros_like(one)
    blocks = ((template.before, first, one, 0), (template.between, second, other, 1))
    for specials, texts, length, number in blocks:
        start = _put(ids, segments, rows, start, specials)
        own = place - start[:, None]
        inside = (own >= 0) & (own < length[:, None])
        if from_left:
            own = own + (texts[LENGTHS] - length)[:, None]
        found = texts[IDS].gather(1, own.clamp(0, texts[IDS].shape[1] - 1))
        ids = torch.where(inside, found, ids)
        segments = torch.where(inside, template.segments[number], segments)
        start = start + length
    _put(ids, segments, rows, start, template.behind)
    mask = (place < total[:, None]).long()
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}


def _put(
    ids: Tensor, segments: Tensor, rows: Tensor, start: Tensor, specials: tuple[Special, ...]
) -> Tensor:
    """Write special tokens from `start` (n,) on; where they end."""
    for token, segment in specials:
        ids[rows, start], segments[rows, start] = token, segment
        start = start + 1
    return start
