"""What the fixtures say, as `dipole systems show` has it: `python -m parity.summary` writes it.

Which agree is what addresses.py and differences.py claim, and test_parity.py holds them to it.
"""

from __future__ import annotations

import json
from pathlib import Path

import dipole
from dipole.systems.catalogue import entries
from parity.differences import DIFFERENCES
from parity.test_parity import FIXTURES, TOLERANCE, UNMENDED

PATH = Path(dipole.__file__).parent / "systems" / "parity.json"


def summary() -> str:
    """The content of parity.json: system -> [fixture, part, source, why it differs]."""
    systems: dict[str, list[list[str]]] = {}
    for name, path in FIXTURES.items():
        fixture = json.loads(path.read_text(encoding="utf-8"))
        if is_of_a_measure(name, fixture["source"]) or fixture["system"] not in entries():
            continue
        row = [name, fixture["part"], fixture["source"]]
        if why := _difference(name):
            row.append(why)
        systems.setdefault(fixture["system"], []).append(row)
    lines = [
        f"  {json.dumps(system)}: [\n"
        + ",\n".join(f"   {json.dumps(row, ensure_ascii=False)}" for row in rows)
        + "\n  ]"
        for system, rows in sorted(systems.items())
    ]
    body = ",\n".join(lines)
    return f'{{\n "tolerance": {TOLERANCE},\n "systems": {{\n{body}\n }}\n}}\n'


def is_of_a_measure(name: str, source: str) -> bool:
    """Whether a measure or BM25 is compared with a library's: that says nothing of a system."""
    return name.startswith(("evaluation-", "bm25-")) and source.startswith("PyPI ")


def _difference(name: str) -> str:
    if name in UNMENDED:
        return f"not mended yet: {UNMENDED[name]}"
    found = DIFFERENCES.get(name)
    return f"{found.kind}: {found.reason}" if found else ""


if __name__ == "__main__":
    PATH.write_text(summary(), encoding="utf-8")
