"""What a type checker, and so an editor, sees of the names of `dipole` itself.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from typing import Any, assert_type

import dipole
from dipole import (
    Encoder,
    Index,
    Pairs,
    Result,
    Run,
    StepRecord,
    StopTraining,
    ValidationRecord,
    evaluate,
    fit,
    load_encoder,
    on_device,
)
from dipole.training.run.history import History

encoder = load_encoder("runs/a", device="cuda:0")
assert_type(encoder, Encoder)
assert_type(evaluate(encoder, [("a", "b")], "retrieval", at=[10]), Result)
assert_type(evaluate("runs/a", "pairs.csv"), Result)
assert_type(Index.open("notes"), Index)
assert_type(dipole.Pairs.from_columns({"anchor": ["a"], "positive": ["b"]}), Pairs)
load_encoder("runs/a", device=0)  # type: ignore[arg-type]
evaluate(encoder, 3)  # type: ignore[arg-type]
evaluate(encoder, "pairs.csv", "knn", trian="a.csv", train=3)  # type: ignore[arg-type]
_ = dipole.evalute  # type: ignore[attr-defined]


def step(record: StepRecord) -> None:
    assert_type(record.loss, float)
    if record.step > 10:
        raise StopTraining("enough")


def visit(record: ValidationRecord) -> bool:
    return record.value > record.best


def measure(encoder: Encoder, examples: Any) -> float:
    return float(len(examples))


with on_device("cpu"):
    run = fit("pairs.csv", out="runs/a", on_step=step, on_validate=visit,
              validation_measure=measure)  # fmt: skip
assert_type(run, Run)
assert_type(run.history, History)
assert_type(run.history[0], dict[str, Any])
fit("pairs.csv", out="runs/a", on_step=visit)  # type: ignore[arg-type]
fit("pairs.csv", out="runs/a", on_step=3)  # type: ignore[arg-type]
fit("pairs.csv", out="runs/a", validation_measure=3)  # type: ignore[arg-type]
