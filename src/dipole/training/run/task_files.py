"""What the files of a run are called that each of its tasks has."""

from __future__ import annotations


def of_task(name: str, number: int | str) -> str:
    """The file of a task: its name for the first (0), with the place of a later one behind it.

    >>> of_task("mined.jsonl", 0), of_task("mined.jsonl", 1), of_task("mined.jsonl", "*")
    ('mined.jsonl', 'mined-2.jsonl', 'mined-*.jsonl')
    """
    if number == 0:
        return name
    stem, _, end = name.partition(".")
    return f"{stem}-{number + 1 if isinstance(number, int) else number}.{end}"
