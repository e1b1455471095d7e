"""One row of the benchmark in its own fresh process."""

from __future__ import annotations

import os
import resource
import time
from multiprocessing.connection import Connection

import torch

from benchmarks.cases import Implementation, find_case
from benchmarks.data import Batch, make_batch

# Loads all that a row needs before its memory is measured; dipole works in tiles from here on.
WARM_ROWS = 136


def step(implementation: Implementation, batch: Batch) -> float | None:
    """Forward and backward, once."""
    batch.anchor.grad = batch.positive.grad = None
    loss = implementation.run(batch)
    if loss is None:
        return None
    if loss.requires_grad:
        loss.backward()
    return float(loss.detach())


def status(field: str) -> int:
    """A size in bytes from /proc/self/status."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def forget_peak() -> bool:
    """Make the highest resident size the present one."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True


def limit_memory(more: int) -> None:
    """Allocations beyond `more` bytes fail with an error instead of filling the machine."""
    now = status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))


def timed(implementation: Implementation, batch: Batch) -> tuple[float, float, float | None]:
    """Seconds on the clock, seconds of all threads together, and the loss of one step."""
    start, spent = time.perf_counter(), time.process_time()
    loss = step(implementation, batch)
    return time.perf_counter() - start, time.process_time() - spent, loss


def measured(
    implementation: Implementation, batch: Batch
) -> tuple[float, float, int, float | None]:
    """`timed`, with the growth of the peak resident size in bytes before the loss."""
    fresh = forget_peak()
    before = status("VmRSS") if fresh else status("VmHWM")
    seconds, cpu, loss = timed(implementation, batch)
    return seconds, cpu, max(0, status("VmHWM") - before), loss


def serve(pipe: Connection, key: str, name: str, n: int, d: int, threads: int, memory: int) -> None:
    """Ready; then one timed step per message, the first one with its memory, until None."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(threads)
    try:
        implementation = find_case(key).find(name)
        step(implementation, make_batch(WARM_ROWS, d))
        batch = make_batch(n, d)
        limit_memory(memory)
        pipe.send(("ready", None))
        first = True
        while pipe.recv() is not None:
            if first:
                pipe.send(("first", measured(implementation, batch)))
                first = False
                continue
            seconds, cpu, _ = timed(implementation, batch)
            pipe.send(("again", (seconds, cpu)))
    except ImportError as error:
        pipe.send(("missing", str(error)))
    except (RuntimeError, MemoryError) as error:
        pipe.send(("failed", str(error).strip().splitlines()[0] if str(error) else "MemoryError"))
