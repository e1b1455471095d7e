"""What an objective is given of an encoder beside one vector per input: tokens and what is like
them, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from dipole.encoders.base import OUTPUTS, Encoder, Features
from dipole.encoders.reading import gives_tokens
from dipole.errors import InputError
from dipole.kernels import settings
from dipole.kernels.collectives import world
from dipole.objectives.contract.base import COLUMNS, Objective, Over, forward_inputs
from dipole.training.examples import objectives_taking

# Who gives what, for a message.
_GIVERS = (
    "a language model, lm:FOLDER (all but attention), a transformer, vit (tokens, hidden, "
    "attention), conv, static (tokens)"
)
# The dimensions of an output that are of tokens.
_OF_TOKENS = {"tokens": [1], "mask": [1], "hidden": [2], "attention": [3, 4]}
_OF_TOKENS |= {"logps": [1], "foreseen": [1]}
# Column -> the outputs that are asked for.
Asked = dict[str, tuple[str, ...]]


def asked_of(objective: nn.Module, more: Collection[str] = ()) -> Asked:
    """The outputs that an objective takes, of each column: `anchor_tokens`, `positive_mask`, ...
    are arguments of its `forward`, or its `anchor` is one of tokens by its shape.

    more: other names of that kind, that parts take.
    """
    names: Collection[str] = forward_inputs(type(objective).forward)
    if isinstance(objective, Objective):
        names = objective.asks()
    asked: dict[str, set[str]] = {}
    for name in {*names, *more}:
        column, _, output = name.rpartition("_")
        if column in COLUMNS and output in OUTPUTS:
            asked.setdefault(column, set()).update({output, "mask"})
    return {column: tuple(o for o in OUTPUTS if o in asked[column]) for column in sorted(asked)}


def check_outputs(asked: Asked, encoder: Encoder, what: str) -> None:
    """Raise InputError where the encoder does not give what is asked of it."""
    wanted = {output for names in asked.values() for output in names}
    missing = [output for output in OUTPUTS if output in wanted and output not in encoder.shows]
    if missing:
        gives = ", ".join(encoder.shows) or "vectors alone"
        raise InputError(
            f"encoder: {what} takes the {missing[0]} of {', '.join(asked)}, and "
            f"{type(encoder).__name__} gives {gives}; expected an encoder that does: {_GIVERS}"
        )


def check_pairs(inputs: Mapping[str, bool], encoder: Encoder, what: str) -> None:
    """Raise InputError where the encoder reads two inputs together, and the objective vectors."""
    if encoder.reads_pairs and "logits" not in inputs:
        raise InputError(
            f"encoder: {type(encoder).__name__} gives logits of pairs, and {what} takes vectors; "
            f"expected one of {objectives_taking('logits', 'relevance', 'teacher_scores')}"
        )


def check_tokens(objective: nn.Module, encoder: Encoder, what: str) -> None:
    """Raise InputError where the encoder gives a vector for each token, and the objective, or one
    of those that it is made of, takes vectors of inputs."""
    if not gives_tokens(encoder):
        return
    parts = [part for part in objective.modules() if isinstance(part, Objective)]
    for part in parts:
        if isinstance(part, Over) or "logits" in part.inputs() or part.asks():
            continue
        raise InputError(
            f"encoder: {type(encoder).__name__} gives a vector for each token, and {what} takes "
            "vectors of whole inputs; expected late-interaction, or an objective of logits: "
            f"{objectives_taking('logits')}"
        )


def encode_outputs(
    encoder: Encoder, column: str, pieces: Sequence[Features], names: tuple[str, ...]
) -> dict[str, Tensor]:
    """{column: vectors, column_tokens: ...} of a batch that is encoded piece by piece.

    Pieces and processes are padded to the longest text of all.
    """

    def shown(features: Features) -> tuple[Tensor, ...]:
        found = encoder.outputs(features, names)
        return tuple(found[name] for name in ("vectors", *names))

    if len(pieces) == 1 or not torch.is_grad_enabled():
        parts = [shown(piece) for piece in pieces]
    else:
        parts = [checkpoint(shown, piece, use_reentrant=False) for piece in pieces]
    place = 1 + names.index("mask")
    longest = _most(max(part[place].shape[1] for part in parts), parts[0][place].device)
    vectors, *others = (
        torch.cat([_padded(x, name, longest) for x in column_parts])
        for name, column_parts in zip(("vectors", *names), zip(*parts, strict=True), strict=True)
    )
    found = dict(zip(names, others, strict=True))
    if "tokens" in found:  # what stands at padding depends on the others of a piece
        found["tokens"] = found["tokens"].masked_fill(~found["mask"][:, :, None], 0)
    return {column: vectors} | {f"{column}_{name}": x for name, x in found.items()}


def no_rows(column: str, like: Mapping[str, Tensor], names: tuple[str, ...]) -> dict[str, Tensor]:
    """Outputs of no input, of the sizes of the anchor's."""
    return {f"{column}_{n}": like[f"anchor_{n}"][:0] for n in names if f"anchor_{n}" in like}


def _padded(x: Tensor, name: str, longest: int) -> Tensor:
    """With `longest` places in every dimension of tokens."""
    for axis in _OF_TOKENS.get(name, []):
        after = [0, 0] * (x.dim() - 1 - axis) + [0, longest - x.shape[axis]]
        x = F.pad(x, after)
    return x


def _most(length: int, device: torch.device) -> int:
    """The largest of all processes: what they exchange has one shape."""
    if world()[1] == 1 or settings().executor in ("dense", "tiled"):
        return length
    found = torch.tensor(length, device=device)
    dist.all_reduce(found, op=dist.ReduceOp.MAX)
    return int(found)
