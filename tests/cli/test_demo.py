"""The demo from end to end on a small part of its data; the whole is `make demo`."""

import pytest
from typer.testing import CliRunner

from dipole.cli import app


@pytest.mark.slow
def test_the_demo_trains_measures_and_finds(tmp_path, monkeypatch):
    """Few dimensions and epochs; the questions it answers are those of the real demo."""
    from dipole.training import fit as training

    real = training.fit

    def small(*arguments, **settings):
        settings["encoder_options"] = {**settings["encoder_options"], "dim": 32}
        return real(*arguments, **settings, epochs=2)

    monkeypatch.setattr(training, "fit", small)
    out = tmp_path / "demo"
    first = CliRunner().invoke(app, ["demo", "--out", str(out)], catch_exceptions=False)
    assert first.exit_code == 0
    for words in ("BM25", "untrained", "trained + BM25", "MRR@10", "mimetypes.py:"):
        assert words in first.output
    again = CliRunner().invoke(app, ["demo", "--out", str(out)], catch_exceptions=False)
    assert (
        again.output.split("2. Measure")[1].split("done in")[0]
        == (first.output.split("2. Measure")[1].split("done in")[0])
    )
