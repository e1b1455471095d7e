"""Threads that compute with one core each, beside others that keep theirs."""

from __future__ import annotations

import ctypes

import torch

# OpenMP's number of threads and MKL's, each of the thread that asks.
_SETTERS = ("omp_set_num_threads", "MKL_Set_Num_Threads_Local")


def alone() -> None:
    """From here on this thread shares no operation with others.

    `torch.set_num_threads(1)` would also settle it for threads that start later, and for the
    products of those that run. Where a library has no such setting of a thread, nothing happens.
    """
    torch.get_num_threads()  # torch settles a new thread's number when it is first asked
    libraries = ctypes.CDLL(torch._C.__file__)  # its names, and those of all that it links to
    for name in _SETTERS:
        if (setter := getattr(libraries, name, None)) is not None:
            setter(ctypes.c_int(1))
