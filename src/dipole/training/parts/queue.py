"""Negatives from the past: a queue of the last keys, and mixtures of the hardest of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from dipole.data.options import check_memory
from dipole.declared import Count, Range, Share
from dipole.errors import InputError
from dipole.kernels import settings
from dipole.kernels.collectives import world
from dipole.objectives.maths import everywhere
from dipole.sampling.mixed_negatives import mixed_negatives
from dipole.training.parts.base import Part, Setup

# What a queue can be to an objective: argument -> the argument with its content hashes or labels.
USES = {"negative": "negative_ids", "queue": None, "support": "support_labels"}


class Queue(Part):
    """The last `size` positives (or what it `holds`) of all processes, first in, first out, without
    gradient.

    They are more `negative` vectors of the objective (with `negative_ids`: a past copy of an
    anchor's positive is none of its negatives), or its `queue`, or its labelled `support`,
    whichever it takes. A batch enters after its step, so it never meets itself; what belongs to
    one of its anchors by another row of the data stays out of it.

    Of two views `anchor` is the first (ESimCSE: the sentence without the repetition).

    Every process holds the same queue and hands its share of it to the objective, which meets the
    shares of all; so the number of processes changes nothing, also on resume.

    Sources: He et al. 2020, arXiv 1911.05722; Wang et al. 2020, arXiv 1912.06798 (labelled); Wu
    et al. 2021, ESimCSE, arXiv 2109.04380 (it holds the anchors: sentences without the repetition).
    """

    takes = ("anchor", "positive")
    may_take = ("teacher_anchor", "teacher_positive", "ids", "labels")
    gives = ("negative", "negative_ids", "negative_rows", "queue", "support", "support_labels")

    size: Count
    holds: Literal["positive", "anchor"] = "positive"

    def __post_init__(self) -> None:
        self.use = ""
        self.vectors: Tensor
        self.keys: Tensor  # content hashes, or labels
        self.register_buffer("vectors", torch.zeros(0, 0))
        self.register_buffer("keys", torch.zeros(0, dtype=torch.int64))
        self._arriving: tuple[Tensor, Tensor] | None = None

    def bind(self, setup: Setup) -> None:
        use = next((use for use in USES if use in setup.inputs), None)
        if use is None:
            raise InputError(
                "queue: the objective takes no past vectors; expected one with 'negative', "
                "'queue' or 'support', as infonce, queue-infonce, siglip, triplet, swav"
            )
        self.use = use
        if self.holds == "anchor" and "positive" in setup.examples.FIELDS:
            raise InputError(
                "queue: holds anchor, found pairs; expected holds=positive: the queue knows which "
                "past positives are copies, not which anchors (two views of one text are alike)"
            )
        # Vectors, and a key of two of their numbers for each.
        check_memory(self.size * (setup.encoder.dim + 2), f"queue: {self.size:,} vectors")

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        key = USES[self.use]
        labels = batch.get("labels" if self.use == "support" else "ids")
        # Where a teacher's vectors stand beside the student's, they are the ones to keep.
        vectors = batch.get(f"teacher_{self.holds}", batch[self.holds]).detach().float()
        if labels is None:
            labels = torch.zeros(len(vectors), dtype=torch.int64, device=vectors.device)
        self._arriving = vectors, labels
        if self.use == "support":  # a class is looked for among the batch's own as well
            now = {"support": batch["positive"], "support_labels": labels}
        else:
            now = {name: batch[name] for name in (self.use, key) if name and name in batch}
        there = self.negatives_of(batch)
        if there.any():
            past: dict[str, Tensor] = {self.use: share(self.vectors[there])}
            if key is not None:
                past[key] = share(self.keys[there])
                if self.use in now and key not in now:  # made by another part: copies of nothing
                    now[key] = past[key].new_full((len(now[self.use]),), -1)
            if self.use == "negative" and "negative_rows" in batch:  # listed for no row
                now["negative_rows"] = batch["negative_rows"]
                past["negative_rows"] = torch.full_like(past["negative_ids"], -1)
            now = {k: torch.cat([now[k], v.to(now[k])]) if k in now else v for k, v in past.items()}
        return batch | now

    def negatives_of(self, batch: dict[str, Tensor], *, copies: bool = True) -> Tensor:
        """Which entries the batch may take for negatives, (size,) bool: all but those that belong
        to one of its anchors by the data, and past `copies` of its positives if those may not."""
        there = torch.ones(len(self.keys), dtype=torch.bool, device=self.keys.device)
        if self.use != "negative":
            return there
        if "no_negatives" in batch:
            there &= ~torch.isin(self.keys, batch["no_negatives"].to(self.keys.device))
        if not copies and "ids" in batch:
            there &= ~torch.isin(self.keys, everywhere(batch["ids"]))
        return there

    def after_step(self) -> None:
        assert self._arriving is not None
        vectors, keys = (everywhere(x) for x in self._arriving)
        if not len(self.vectors):
            self.vectors = vectors[:0]
        self.vectors = torch.cat([self.vectors, vectors])[-self.size :]
        self.keys = torch.cat([self.keys, keys])[-self.size :]
        self._arriving = None

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A queue is as long as it has become.
        self.vectors = torch.empty_like(state[f"{prefix}vectors"], device=self.vectors.device)
        self.keys = torch.empty_like(state[f"{prefix}keys"], device=self.keys.device)
        super()._load_from_state_dict(state, prefix, *rest)


class Mixed(Part):
    """Mixtures of an anchor's hardest queue entries, as its own `candidates` (MoCHi).

    The settings are those of `sampling.mixed_negatives`, and `after`: the share of the training
    that is done before there are any.
    Source: Kalantidis et al. 2020, arXiv 2010.01028.
    """

    takes = ("anchor", "negative")
    gives = ("candidates",)

    hardest: Count = 1024
    mixes: Annotated[int, Range(0)] = 1024
    with_anchor: Annotated[int, Range(0)] = 128
    after: Share = 0.0

    def __post_init__(self) -> None:
        self.done = 1.0

    def at(self, done: float) -> None:
        self.done = done

    def bind(self, setup: Setup) -> None:
        queue = setup.find(Queue)
        if queue is None:
            raise InputError("mixed: found no queue to mix; expected --part queue:size=N too")
        if "candidates" not in setup.inputs or queue.use != "negative":
            raise InputError(
                "mixed: the objective takes no candidates beside negatives; "
                "expected queue-infonce or triplet"
            )
        self._queue = [queue]  # in a list: the queue's tensors are not this module's

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        (queue,) = self._queue
        there = queue.negatives_of(batch, copies=False)
        if self.done < self.after or not there.any():
            return batch
        past = queue.vectors[there]
        own = {name: value for name, value in self.settings().items() if name != "after"}
        made = mixed_negatives(batch["anchor"].detach().float(), past, **own)
        return batch | {"candidates": made}


def share(x: Tensor) -> Tensor:
    """This process's rows of what every process holds."""
    if settings().executor in ("dense", "tiled"):
        return x
    rank, processes = world()
    return x.tensor_split(processes)[rank]
