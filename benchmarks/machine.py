"""Where and with what a benchmark ran."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform

PACKAGES = (
    "dipole",
    "torch",
    "sentence-transformers",
    "pytorch-metric-learning",
    "lightly",
    "open_clip_torch",
)


def processor() -> str:
    """Name and number of processors."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} processors"


def load() -> str:
    """Running processes, mean over the last minute."""
    return f"{os.getloadavg()[0]:.2f}"


def available() -> int:
    """Free memory in bytes."""
    with open("/proc/meminfo") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)


def versions() -> dict[str, str]:
    """Package -> version, or "not installed"."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def facts(threads: int) -> dict[str, str]:
    """When and where a run was, for its page."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "threads": str(threads),
        "load average at the end": load(),
        **versions(),
    }
