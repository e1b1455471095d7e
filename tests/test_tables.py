"""What objects show of themselves: in a terminal and in a notebook."""

from __future__ import annotations

import numpy as np
import pytest

import dipole
from dipole.encoders import Encoder, StaticText
from dipole.evaluation import evaluate
from dipole.retrieval import Index, read_corpus
from dipole.tables import Shown, Table
from dipole.training.run.folder import Run

TEXTS = ["open a <file>", "close the file", "sort a list"]


@pytest.fixture(scope="module")
def encoder() -> StaticText:
    return StaticText.from_texts(TEXTS, TEXTS, dim=16)


def test_text_is_aligned_and_html_is_escaped() -> None:
    table = Table("a <b>", [("漢字", "1"), ("x\x1b[2J", "10")], ("name", "n"), ["note & more"])
    assert str(table).splitlines() == [
        "a <b>", "  name    n", "  漢字    1", "  x [2J  10", "note & more",
    ]  # fmt: skip
    html = table.html()
    assert html.startswith("<table><caption>a &lt;b&gt;</caption><thead><tr><th>name</th>")
    assert html.endswith("<td>10</td></tr></tbody></table><p>note &amp; more</p>")
    assert "\x1b" not in html
    assert str(Table("x", [("a" * 100,)])).splitlines()[1] == "  " + "a" * 57 + "..."


def test_an_encoder(encoder: StaticText) -> None:
    lines = repr(encoder).splitlines()
    assert lines[:2] == ["StaticText", "  vectors  16 numbers"]
    assert lines[-1] == "  device   cpu"
    count = sum(x.numel() for x in encoder.weights().values())
    assert f"  weights  {count:,} (" in repr(encoder)
    html = encoder._repr_html_()
    assert html is not None
    assert "<td>16 numbers</td>" in html


def test_a_result_shows_numbers_and_none_of_its_queries(encoder: StaticText) -> None:
    pairs = [(text, f"{text} now") for text in TEXTS]
    result = evaluate(encoder, pairs)
    shown = repr(result)
    assert shown.splitlines()[0] == "retrieval of encoder: 3 queries"
    assert shown.splitlines()[1].split() == ["metric", "value", "95", "%", "interval"]
    assert f"{result.value('MRR@10'):.3f}" in shown
    html = result._repr_html_()
    assert html is not None
    for text in (*TEXTS, *result.ids):
        assert text not in shown.replace("encoder", "")
        assert f">{text}<" not in html
    assert len(shown.splitlines()) == 2 + len(result.metrics)


def test_an_index_and_a_run(encoder: StaticText) -> None:
    documents = [{"id": str(i), "text": text} for i, text in enumerate(TEXTS)]
    index = Index.create("notes", encoder, read_corpus(documents))
    assert repr(index).splitlines()[:3] == [
        "Index notes", "  documents  3", "  vectors    16 numbers",
    ]  # fmt: skip
    index.delete(["0"])
    assert "documents  2" in repr(index)  # as it is now
    pairs = dipole.Pairs.from_columns({"anchor": TEXTS, "positive": [f"{t} now" for t in TEXTS]})
    run = dipole.fit(pairs, encoder, out="runs/a", max_steps=1, show_progress=False)
    assert repr(run).splitlines()[:4] == [
        "Run runs/a", "  encoder   StaticText, vectors of 16 numbers", "  steps     1",
        "  examples  3",
    ]  # fmt: skip


def test_what_is_half_made_shows_its_type_and_raises_nothing() -> None:
    class Half(Encoder):
        def __init__(self) -> None:
            pass  # as in a debugger before `super().__init__()`

    assert "Half object at" in repr(Half())
    assert Half()._repr_html_() is None
    assert "Index" in repr(Index.__new__(Index))
    assert repr(Run("gone", None, {})).splitlines()[0] == "Run gone"  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError):
        Shown()._table()


def test_the_names_of_the_package_are_there_and_complete() -> None:
    from dipole import Index, Pairs, evaluate, fit, load_encoder

    assert all(callable(name) for name in (Index, Pairs, evaluate, fit, load_encoder))
    for name in dir(dipole):
        assert getattr(dipole, name) is not None
    assert {"Index", "Pairs", "evaluate", "fit", "load_encoder"} <= set(dir(dipole))
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        _ = dipole.fitt  # type: ignore[attr-defined]


def test_numbers_of_a_result_are_those_of_its_intervals(encoder: StaticText) -> None:
    result = evaluate(encoder, [(text, f"{text} now") for text in TEXTS])
    row = next(line.split() for line in repr(result).splitlines() if "MRR@10" in line)
    found = result["MRR@10"]
    assert float(row[1]) == pytest.approx(found.value, abs=5e-4)
    assert np.isfinite(found.value)
