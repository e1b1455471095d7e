"""What a run logged, as records, as a table and as a picture."""

import json
from pathlib import Path

import pytest

from dipole.errors import InputError
from dipole.training.run.folder import Run
from dipole.training.run.history import History, read_history

LINES = [
    {"step": step, "stage": 1 + (step > 20), "loss": 1 / step, "learning_rate": 0.1}
    for step in range(1, 41)
]
VALID = [{"step": step, "validation/MRR@10": step / 40} for step in (20, 30, 40)]


def made(lines, **result):
    folder = Path("run")
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Run(folder, None, result)


def test_records_as_they_were_logged():
    run = made([*LINES, *VALID])
    assert isinstance(run.history, list)
    assert run.history == [*LINES, *VALID]
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 41, "lo')  # a kill cut it
    assert run.history == [*LINES, *VALID]
    assert read_history(Path("none")) == []


def test_a_long_history_is_a_short_table():
    lines = str(History(LINES)).splitlines()
    assert lines[0] == "History of 40 records"
    assert len(lines) == 2 + 5 + 1 + 5
    assert lines[1].split() == ["step", "stage", "loss", "learning_rate"]
    assert lines[-1].split() == ["40", "2", "0.025", "0.1"]
    assert History(LINES)._repr_html_().count("<tr>") == 12
    assert str(History()) == "History of 0 records"


def test_a_panel_for_each_of_loss_validation_and_rate():
    run = made([*LINES, *VALID], measure="MRR@10", best=1.0, best_step=40)
    figure = run.plot()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["loss", "validation MRR@10: best 1.0000 at step 40", "learning rate"]
    loss, valid, rate = (axes.lines[0] for axes in figure.axes)
    assert loss.get_xydata().tolist() == [[line["step"], line["loss"]] for line in LINES]
    assert valid.get_xydata().tolist() == [[20, 0.5], [30, 0.75], [40, 1.0]]
    assert set(rate.get_ydata()) == {0.1}
    assert figure.axes[0].lines[1].get_xdata()[0] == 20  # where the first stage ends
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_without_a_validation_there_are_two_panels():
    figure = made([{"step": 1, "loss": 2.0, "learning_rate": 0.1}], measure=None).plot()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "learning rate"]


def test_nothing_to_draw_is_one_line():
    with pytest.raises(InputError, match="history: found no logged step"):
        made([]).plot()
