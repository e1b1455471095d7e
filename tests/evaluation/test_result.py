import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation import compare, evaluate_run
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import MEAN, bootstrap_interval, paired_test


def result(values, system="a", ids=None, task="toy"):
    values = np.asarray(values, dtype=np.float32)
    ids = [str(i) for i in range(len(values))] if ids is None else ids
    columns = {"half": values / 2, "whole": values}
    return Result(task, system, "query", ids, columns, ("half", "whole"), MEAN)


def test_values_and_intervals():
    values = np.random.default_rng(0).integers(0, 8, 30)
    one = result(values)
    assert one.value("whole") == pytest.approx(values.mean())
    assert one["half"] == pytest.approx(bootstrap_interval(values / 2))
    assert one.intervals["whole"] == one["whole"]
    assert one.values.dtype == np.float64
    assert one.named("b").system == "b"
    assert one.named("b")["half"] == one["half"]


def test_unknown_metric():
    with pytest.raises(InputError, match="no metric 'third' in task toy; expected half, whole"):
        result([1, 2]).value("third")


def test_compare_is_the_paired_test_of_each_metric():
    a, b = np.random.default_rng(1).integers(0, 8, (2, 30))
    tests = compare(result(a), result(b, "b"))
    assert list(tests) == ["half", "whole"]
    expected = paired_test(a, b)
    assert tests["whole"].difference == pytest.approx(expected.difference)
    assert tests["whole"][1:] == expected[1:]
    # Half of everything: the same test.
    assert tests["half"].p_permutation == expected.p_permutation


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (result([1, 2], "b", ["0", "2"]), r"different items \(2 and 2, 1 in common\)"),
        (result([1, 2], "b", ["1", "0"]), "different items"),
        (result([1, 2], "b", task="other"), "cannot compare toy with other"),
    ],
)
def test_different_items_are_not_compared(other, match):
    with pytest.raises(InputError, match=match):
        compare(result([1, 2]), other)


def test_the_run_is_kept():
    run = {"q": {"a": 1.0, "b": 0.5}}
    assert evaluate_run(run, {"q": {"b": 1}}).run == run
