"""`python -m benchmarks [WHAT] [--quick] [--out FOLDER]`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

DOCUMENTS = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"
TRIAL = DOCUMENTS.parent.parent / "build" / "benchmarks"


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ["objectives", "training", "gradient-cache", "data-size", "multi-vector"]
    parser.add_argument("what", nargs="?", choices=names, help="default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, into build/benchmarks")
    parser.add_argument("--out", type=Path, help="the folder to write (default: docs/benchmarks)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for every row")
    given = parser.parse_args()
    from benchmarks import data_size, gradient_cache, multi_vector, objectives, training

    modules = (objectives, training, gradient_cache, data_size, multi_vector)
    for name, module in zip(names, modules, strict=True):
        if given.what in (None, name):
            module.run(
                given.out or (TRIAL if given.quick else DOCUMENTS),
                quick=given.quick,
                threads=given.threads,
                command=f"python -m benchmarks {name}" + (" --quick" if given.quick else ""),
            )


if __name__ == "__main__":
    main()
