"""What a type checker sees of parts: `make check` runs mypy over this file.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from typing import assert_type

from dipole.declared import Positive
from dipole.training.parts import Part, Queue, Teacher


class Doubler(Part):
    takes = ("positive",)
    gives = ("positive",)
    factor: Positive = 2.0


assert_type(Queue(size=160), Queue)
assert_type(Queue(160, holds="anchor").size, int)
assert_type(Teacher().decay, float | None)
assert_type(Doubler(factor=3).factor, float)

Queue()  # type: ignore[call-arg]
Queue(sise=3)  # type: ignore[call-arg]
Queue(3, holds=2)  # type: ignore[arg-type]
Doubler(factor="many")  # type: ignore[arg-type]
