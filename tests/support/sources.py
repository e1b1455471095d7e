"""Small data sets of two kinds, and what every step of a training was of."""

import pytest

from dipole.data import Scored
from dipole.training.loop import Trainer
from support.tiny import word_pairs

GIVEN = {"batch_size": 8, "show_progress": False}


def graded(count=24):
    """Words and other words, with scores."""
    words = list(word_pairs(count).column("anchor"))
    return Scored.from_columns(
        {
            "first": words,
            "second": [f"{word}q" for word in words[7:] + words[:7]],
            "score": [i % 5 / 4 for i in range(count)],
        }
    )


@pytest.fixture
def files(tmp_path):
    """Pairs, other pairs and graded pairs as files, of 24, 16 and 40 rows."""
    words = [f"{a}{b} {c}" for a in "abcde" for b in "fghi" for c in "klmn"]
    for name, start, stop in (("pairs", 0, 24), ("more", 24, 40)):
        rows = "".join(f"{w},{w[::-1]} it is\n" for w in words[start:stop])
        (tmp_path / f"{name}.csv").write_text(f"question,answer\n{rows}")
    rows = "".join(
        f"{w},{v},{i % 6}\n" for i, (w, v) in enumerate(zip(words, words[40:], strict=False))
    )
    (tmp_path / "graded.csv").write_text(f"left,right,similarity\n{rows}")
    return {name: str(tmp_path / f"{name}.csv") for name in ("pairs", "more", "graded")}


def spied(monkeypatch):
    """What every step was of: (task, ids)."""
    steps = []
    step = Trainer._step

    def told(trainer, batch):
        steps.append((batch.task, list(batch.row_ids)))
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "_step", told)
    return steps
