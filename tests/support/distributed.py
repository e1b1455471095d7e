"""Real processes for tests: `run(4, function, *args)` runs it on four gloo ranks at once.

The processes start once per session (importing torch takes seconds) and take jobs afterwards.
`function` is any module-level function of a file; its arguments and results are pickled.
"""

from __future__ import annotations

import atexit
import importlib.util
import multiprocessing
import os
import pickle
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

_SECONDS = 240  # a busy machine may need a minute to import torch several times
_workers: list[tuple[Any, Any]] = []
_group: dict[str, Any] = {"processes": 0, "store": ""}


def run(processes: int, function: Callable[..., Any], *args: Any) -> list[Any]:
    """What `function(*args)` returns on each rank of a group of `processes`."""
    while len(_workers) < processes:
        _workers.append(_start(len(_workers)))
    if _group["processes"] != processes:
        _group.update(processes=processes, store=tempfile.mktemp(prefix="dipole-gloo-"))
    file, name = function.__code__.co_filename, function.__qualname__
    job = (file, name, processes, _group["store"], args)
    for _, pipe in _workers[:processes]:
        pipe.send_bytes(pickle.dumps(job))
    results = []
    for rank, (_, pipe) in enumerate(_workers[:processes]):
        # One rank's error leaves the others waiting for it: report it and start afresh.
        fine, result = (
            pickle.loads(pipe.recv_bytes())
            if pipe.poll(_SECONDS)
            else (False, f"no answer in {_SECONDS} s")
        )
        if not fine:
            close()
            raise AssertionError(f"rank {rank} of {processes}: {result}")
        results.append(result)
    return results


def enter() -> tuple[int, int]:
    """Be a process of a training, whatever this one was for the job before; rank and processes."""
    import torch.distributed as dist
    from accelerate.state import AcceleratorState, PartialState

    import dipole.encoders.loading

    rank, processes = dist.get_rank(), dist.get_world_size()
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "1"}  # the group is there already
    AcceleratorState._reset_state(True)
    PartialState._reset_state()
    # Another job may have put its own in place.
    dipole.encoders.load_encoder = dipole.encoders.loading.load_encoder
    assert PartialState(cpu=True).num_processes == processes
    return rank, processes


def close() -> None:
    """Stop the processes; the next job starts new ones."""
    for process, pipe in _workers:
        pipe.close()
        process.terminate()
        process.join()
    _workers.clear()
    _group.update(processes=0)


def _start(rank: int) -> tuple[Any, Any]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(rank, there, sys.path), daemon=True)
    process.start()
    there.close()
    if rank == 0:
        atexit.register(close)
    return process, here


def _work(rank: int, pipe: Any, path: list[str]) -> None:
    import torch
    import torch.distributed as dist

    sys.path[:] = path
    torch.set_num_threads(1)
    modules: dict[str, Any] = {}
    group = ""
    while True:
        try:
            file, name, processes, store, args = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        try:
            if file not in modules:
                spec = importlib.util.spec_from_file_location(f"job_{Path(file).stem}", file)
                assert spec is not None
                assert spec.loader is not None
                modules[file] = importlib.util.module_from_spec(spec)
                sys.modules[spec.name] = modules[file]  # dataclasses look for it there
                spec.loader.exec_module(modules[file])
            if group != store:
                if dist.is_initialized():
                    dist.destroy_process_group()
                dist.init_process_group(
                    "gloo",
                    init_method=f"file://{store}",
                    rank=rank,
                    world_size=processes,
                    timeout=timedelta(seconds=_SECONDS - 60),
                )
                group = store
            answer = (True, getattr(modules[file], name)(*args))
        except BaseException:
            answer = (False, traceback.format_exc())
        pipe.send_bytes(pickle.dumps(answer))
