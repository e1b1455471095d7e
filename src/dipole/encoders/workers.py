"""Batches of an encoder shared among workers: threads of the CPU, or one for each device."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dipole.encoders.evaluating import evaluating
from dipole.encoders.precision import Precision, at_precision
from dipole.encoders.threads import alone
from dipole.progress import counting

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

# The rows of a batch, and what `forward` takes.
Batch = tuple[np.ndarray, dict[str, Tensor]]


def copies(encoder: Encoder, devices: Sequence[torch.device]) -> list[Encoder]:
    """The encoder, moved to the first of the devices, and a copy of it on each of the others."""
    first, *others = devices
    return [encoder.to(first), *(copy.deepcopy(encoder).to(device) for device in others)]


def encode_with(
    encoders: Sequence[Encoder],
    inputs: Sequence[Any],
    role: str,
    *,
    show_progress: bool = False,
    token_budget: int | None = None,
    dtype: Precision | None = None,
) -> np.ndarray:
    """`Encoder.encode` by several copies: each takes the next batch when it is done with one.

    The first makes the batches, as it would alone, so the vectors are the same however many
    there are. They are threads of this process: tokenising stays in one of them.
    """
    vectors = np.empty((len(inputs), encoders[0].dim), dtype=np.float32)
    encode_batches(
        encoders,
        inputs,
        role,
        vectors.__setitem__,
        show_progress=show_progress,
        token_budget=token_budget,
        dtype=dtype,
    )
    return vectors


def encode_batches(
    encoders: Sequence[Encoder],
    inputs: Sequence[Any],
    role: str,
    put: Callable[..., None],
    *,
    outputs: Sequence[str] = (),
    show_progress: bool = False,
    token_budget: int | None = None,
    dtype: Precision | None = None,
) -> None:
    """`encode_with` that hands every batch on, `put(rows, vectors)`, from several threads; with
    `outputs` those of the encoder instead, `put(rows, tokens, mask)`."""
    first = encoders[0]
    budget = first.default_budget() if token_budget is None else token_budget
    workers = [_worker(encoder, dtype or first.dtype, put, outputs) for encoder in encoders]
    batches = evaluating(first).batches(inputs, role, budget)
    if len(encoders) == 1 and first.device.type == "cpu":
        workers *= torch.get_num_threads()
    free: SimpleQueue[Callable[[Batch], int]] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def work(batch: Batch) -> int:
        worker = free.get()
        try:
            return worker(batch)
        finally:
            free.put(worker)

    with counting("encoding", len(inputs), show_progress) as advance:
        for count in _each(work, batches, len(workers)):
            advance(count)


def _worker(
    encoder: Encoder, precision: Precision, put: Callable[..., None], outputs: Sequence[str]
) -> Callable[[Batch], int]:
    """What hands on the vectors of a batch, and says how many they are."""
    twin, device = evaluating(encoder), encoder.device  # someone else may be training it
    with at_precision(device, precision):
        pass  # checked, and "auto" measured, before threads do it at the same time

    def work(batch: Batch) -> int:
        rows, features = batch
        with torch.inference_mode(), _current(device), at_precision(device, precision):
            there = {name: x.to(device, non_blocking=True) for name, x in features.items()}
            if outputs:
                shown = twin.outputs(there, outputs)
                put(rows, *(shown[name].cpu().numpy() for name in outputs))
            else:
                put(rows, twin(there).float().cpu().numpy())
        return len(rows)

    return work


def _current(device: torch.device) -> AbstractContextManager[Any]:
    """The device as torch's current one: of several GPUs each thread has its own."""
    if device.type == "cpu" or device.index is None:
        return nullcontext()
    found: AbstractContextManager[Any] = torch.get_device_module(device).device(device)
    return found


def _each(work: Callable[[Batch], int], batches: Iterator[Batch], threads: int) -> Iterator[int]:
    """`work` of every batch, in order, in so many threads.

    A thread that has a batch of its own waits for nobody, where threads that share one meet after
    every operation.
    """
    first = list(islice(batches, threads))
    if len(first) < 2:
        yield from map(work, chain(first, batches))
        return
    waiting: deque[Future[int]] = deque()
    with ThreadPoolExecutor(threads, initializer=alone) as pool:
        for batch in chain(first, batches):
            waiting.append(pool.submit(work, batch))
            if len(waiting) == 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
