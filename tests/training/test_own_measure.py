"""A validation measure of the user's own, by name and as a function of Python."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from dipole.encoders import trusting_code
from dipole.errors import InputError
from dipole.training.fit import fit
from support.tiny import word_pairs

WORDS = word_pairs(24)
SETTINGS = {
    "encoder_options": {"dim": 16, "buckets": 64}, "batch_size": 8, "epochs": 2,
    "validation": 0.3, "validate_every": 2, "show_progress": False,
}  # fmt: skip
FILE = """
def first(encoder, examples):
    a, b = (encoder.encode(examples.column(name), role)
            for name, role in (("anchor", "query"), ("positive", "document")))
    return float((a * b).sum(1).mean())

def several(encoder, examples):
    return {"cosine": first(encoder, examples), "rows": len(examples)}

def broken(encoder, examples):
    return {}["x"]

def one(encoder):
    return 1.0
"""


@pytest.fixture(autouse=True)
def _file():
    Path("mine.py").write_text(FILE, encoding="utf-8")


def cosine(encoder, examples):
    a = encoder.encode(examples.column("anchor"), "query")
    return float((a * encoder.encode(examples.column("positive"))).sum(1).mean())


def test_a_name_and_its_function_measure_the_same_and_decide():
    named = fit(WORDS, out="a", validation_measure="mine.py:first", **SETTINGS)
    given = fit(WORDS, out="b", validation_measure=cosine, **SETTINGS)
    assert named.result["measure"] == "first"
    assert given.result["measure"] == "cosine"
    assert named.result["best"] == pytest.approx(given.result["best"], abs=1e-7)
    values = [r["validation/first"] for r in named.history if "validation/first" in r]
    assert named.result["best"] == max(values)
    stored = {out: yaml.safe_load(Path(out, "config.yaml").read_text()) for out in "ab"}
    assert stored["a"]["validation_measure"] == "mine.py:first"
    assert stored["b"]["validation_measure"] == "python: cosine"


def test_the_held_out_rows_are_what_it_is_given():
    seen = []
    fit(WORDS, out="a", validation_measure=lambda encoder, x: seen.append(x) or 0.0, **SETTINGS)
    assert {type(examples) for examples in seen} == {type(WORDS)}
    assert 0 < len(seen[0]) < len(WORDS)


def test_of_several_numbers_the_first_decides():
    run = fit(WORDS, out="a", validation_measure="mine.py:several", **SETTINGS)
    last = [record for record in run.history if "validation/rows" in record][-1]
    assert last["validation/several"] == last["validation/cosine"]
    assert run.result["measure"] == "several"


def test_on_resume_a_function_is_given_again():
    fit(WORDS, out="a", validation_measure=cosine, **SETTINGS)
    longer = SETTINGS | {"epochs": 3}
    with pytest.raises(InputError, match="validation_measure: the run was given cosine; expected"):
        fit(WORDS, out="a", resume=True, **longer)
    run = fit(WORDS, out="a", resume=True, validation_measure=cosine, **longer)
    assert run.result["measure"] == "cosine"
    whole = fit(WORDS, out="b", validation_measure=cosine, **SETTINGS)
    assert np.isfinite([run.result["best"], whole.result["best"]]).all()


def test_code_that_only_the_folder_names_is_not_run():
    Path("a").mkdir()
    settings = {"data": "pairs.csv", "validation": "0.3", "validation_measure": "other.py:evil"}
    Path("a/config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(InputError, match=r"validation_measure is other\.py:evil, code"):
        fit(out="a", resume=True)
    with trusting_code(), pytest.raises(InputError, match=r"found 'other\.py:evil'; no such file"):
        fit(out="a", resume=True)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("mine.py:fist", r"found 'mine.py:fist'; mine.py has no fist; did you mean 'first'"),
        ("recall", "found 'recall'; expected one of your own, as file.py:function"),
        ("mine.py:one", r"one\(encoder\) does not take two arguments; expected a function of"),
        ("mine.py:broken", "mine.py:broken: mine.py, line 11: KeyError: 'x'"),
        (lambda encoder, examples: "good", "own measure gave 'good'; expected a finite number"),
        (lambda encoder, examples: float("nan"), "own measure gave nan; expected a finite number"),
        (lambda encoder, examples: {}, "own measure gave no number; expected at least one"),
    ],
)
def test_what_is_wrong_is_one_line(measure, message):
    with pytest.raises(InputError, match=f"^validation_measure: {message}"):
        fit(WORDS, out="a", validation_measure=measure, **SETTINGS)
    assert not Path("a/config.yaml").exists()


def test_without_a_validation_it_does_nothing():
    settings = {name: value for name, value in SETTINGS.items() if not name.startswith("valid")}
    with pytest.raises(InputError, match="validation_measure: does nothing without --validation"):
        fit(WORDS, out="a", validation_measure=cosine, **settings)


def test_an_error_of_a_function_of_python_is_as_it_came():
    def mine(encoder, examples):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        fit(WORDS, out="a", validation_measure=mine, **SETTINGS)
