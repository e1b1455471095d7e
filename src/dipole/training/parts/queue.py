"""Negatives from the past: a queue of the last keys, and mixtures of the hardest of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zlib import crc32

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.data.options import check_memory
from dipole.declared import Count, Range, Share
from dipole.errors import InputError
from dipole.kernels import settings
from dipole.kernels.collectives import world
from dipole.objectives.contract.given import ids_of
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

    It may hold any tensor of a row of the batch: of two views `anchor` is the first (ESimCSE: the
    sentence without the repetition), `teacher_positive_view` what a teacher makes of a view. Where
    a teacher's vectors stand beside the student's, they are the ones that it keeps. It starts
    empty, or full of `random` vectors of length 1, as published code often has it. It hands over
    nothing before the share `after` of a training.

    Every process holds the same queue and hands its share of it to the objective, which meets the
    shares of all; so the number of processes changes nothing, also on resume.

    Sources: He et al. 2020, arXiv 1911.05722; Wang et al. 2020, arXiv 1912.06798 (labelled); Wu
    et al. 2021, ESimCSE, arXiv 2109.04380 (it holds the anchors: sentences without the repetition).
    """

    takes = ("anchor", "positive")
    may_take = ("ids", "labels")
    gives = ("negative", "negative_ids", "negative_rows", "queue", "support", "support_labels")
    stems = ("queue", "negative", "support")

    size: Count
    holds: str = "positive"
    starts: Literal["empty", "random"] = "empty"
    after: Share = 0.0

    def __post_init__(self) -> None:
        self.use = ""
        self.ids = ids_of(self.holds)
        self.no_negatives = "no_negatives"
        if self.ids == "anchor_ids":  # what is left out then is decided for the other side
            self.no_negatives = "no_negative_anchors"
        self.vectors: Tensor
        self.keys: Tensor  # content hashes, or labels
        self.register_buffer("vectors", torch.zeros(0, 0))
        self.register_buffer("keys", torch.zeros(0, dtype=torch.int64))
        self._arriving: tuple[Tensor, Tensor] | None = None
        self.waits = False

    def at(self, done: float) -> None:
        self.waits = done < self.after

    def needed(self) -> set[str]:
        return {*(() if self.name else self.takes), self.holds}

    def taken(self) -> set[str]:
        return super().taken() | {f"teacher_{self.holds}", self.ids, self.no_negatives}

    def bind(self, setup: Setup) -> None:
        use = next((use for use in USES if use in setup.inputs), None)
        if self.name and use is None:
            use = "negative"  # of another part
        if use is None:
            raise InputError(
                "queue: the objective takes no past vectors; expected one with 'negative', "
                "'queue' or 'support', as infonce, queue-infonce, siglip, triplet, swav"
            )
        self.use = use
        own = self.ids == "anchor_ids" and use == "negative" and not self.name
        if own and "positive" in setup.examples.FIELDS:
            raise InputError(
                f"queue: holds {self.holds}, found pairs; expected holds=positive, or a name: the "
                "objective's positives are not what it holds (infonce(anchor=positive, "
                "positive=anchor, negative=NAME))"
            )
        self._seed = setup.seed, crc32(self.name.encode())
        # Vectors, and a key of two of their numbers for each.
        check_memory(self.size * (setup.encoder.dim + 2), f"queue: {self.size:,} vectors")

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        key = USES[self.use]
        ids = batch.get(self.ids, batch.get("ids"))  # a view of a text without a partner has its
        labels = batch.get("labels") if self.use == "support" else ids
        held = f"teacher_{self.holds}"
        vectors = batch[held if held in batch else self.holds].detach().float()
        if labels is None:
            labels = torch.zeros(len(vectors), dtype=torch.int64, device=vectors.device)
        self._arriving = vectors, labels
        if self.starts == "random" and not len(self.vectors):
            self._fill(vectors)
        if self.use == "support":  # a class is looked for among the batch's own as well
            now = {"support": batch["positive"], "support_labels": labels}
        else:
            now = {name: batch[name] for name in (self.use, key) if name and name in batch}
        there = self.negatives_of(batch)
        if there.any() and not self.waits:
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
        if self.no_negatives in batch:
            there &= ~torch.isin(self.keys, batch[self.no_negatives].to(self.keys.device))
        if not copies and self.ids in batch:
            there &= ~torch.isin(self.keys, everywhere(batch[self.ids]))
        return there

    def _fill(self, like: Tensor) -> None:
        """With vectors that are a function of the seed and the name, copies of nothing."""
        words = np.random.SeedSequence(self._seed).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(words[0]) >> 1)
        drawn = torch.randn(self.size, like.shape[1], generator=generator)
        self.vectors = F.normalize(drawn, dim=1).to(like.device)
        self.keys = torch.full((self.size,), -1, device=like.device)

    def after_step(self) -> None:
        if self._arriving is None:  # the step was another task's
            return
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
    stems = ("candidates",)

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
        made = mixed_negatives(
            batch["anchor"].detach().float(),
            past,
            hardest=self.hardest,
            mixes=self.mixes,
            with_anchor=self.with_anchor,
        )
        return batch | {"candidates": made}


def share(x: Tensor) -> Tensor:
    """This process's rows of what every process holds."""
    if settings().executor in ("dense", "tiled"):
        return x
    rank, processes = world()
    return x.tensor_split(processes)[rank]
