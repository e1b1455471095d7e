"""A part that knows its training, without one."""

from dipole.data import Inputs
from dipole.training.parts import Setup
from support.tiny import TinyEncoder


def bound(part, inputs, *, encoder=None, examples=None, parts=(), seed=0):
    """`part` after `bind`, for an objective that takes `inputs` and two texts."""
    examples = examples or Inputs.from_columns({"input": ["a", "b"]})
    part.bind(Setup(encoder or TinyEncoder(), examples, inputs, parts=parts, seed=seed))
    return part
