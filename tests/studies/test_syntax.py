import pytest

from dipole.data.cache import digest
from dipole.studies.syntax import Source

TEXT = '''"""A file."""

import numpy as np
from dipole.objectives import maths as m

HERE = "mine"


class Loss(Base):
    """A loss."""

    size: int = 3  # how many

    def forward(self, x: Tensor) -> Tensor:
        """The maths."""
        return m.reduce(x * self.size, f"{HERE}:Loss", f"{x!r:.3}")


SYSTEM = System(id="mine", paper="Me 2026", recipe=Recipe(objective=f"{HERE}:Loss"),
                claim=Claim(sentence="It holds.", seeds=5, notes="Tried."))
'''


def shapes(text, name="Loss"):
    return Source(text).definition(name).shape


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A loss."""', '"""Another."""'),
        ('        """The maths."""\n', ""),
        ("  # how many", ""),
        ("x: Tensor) -> Tensor", "x)"),
        ("size: int = 3", "size: int = (3)"),
    ],
)
def test_what_says_nothing_to_the_interpreter_changes_nothing(old, new):
    assert old in TEXT
    assert shapes(TEXT.replace(old, new)) == shapes(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * self.size", "0 * x * self.size"),
        ("size: int = 3", "size: int = 4"),
        ("size: int = 3", "size: float = 3"),
        ("Loss(Base)", "Loss(Other)"),
        ("m.reduce", "m.mean"),
    ],
)
def test_what_it_computes_changes_it(old, new):
    assert shapes(TEXT.replace(old, new)) != shapes(TEXT)


def test_the_prose_of_a_claim_decides_nothing():
    for old in ("Me 2026", "It holds.", "Tried."):
        assert shapes(TEXT.replace(old, "Else"), "SYSTEM") == shapes(TEXT, "SYSTEM")
    assert shapes(TEXT.replace("seeds=5", "seeds=6"), "SYSTEM") != shapes(TEXT, "SYSTEM")
    recipe = shapes(TEXT, "SYSTEM.recipe")
    assert shapes(TEXT.replace("seeds=5", "seeds=6"), "SYSTEM.recipe") == recipe
    assert (
        shapes(TEXT.replace("objective=", "temperature=0.1, objective="), "SYSTEM.recipe") != recipe
    )


def test_names_and_texts_of_a_definition():
    found = Source(TEXT).definition("Loss")
    assert {("Base", ""), ("m", "reduce"), ("HERE", "")} <= found.names
    assert ("Tensor", "") not in found.names
    assert "mine:Loss" in found.texts
    assert Source(TEXT).imports == {"np": ("numpy", ""), "m": ("dipole.objectives", "maths")}


def test_the_name_of_the_file_is_filled_in():
    text = 'HERE = "mine"\nRECIPE = Recipe(objective=f"gml + {__name__}:Loss", view=f"{HERE}:View")'
    found = Source(text, "my.losses").definition("RECIPE")
    assert {"gml + my.losses:Loss", "mine:View"} <= found.texts


def test_the_shape_is_the_same_in_every_version_of_python():
    """Of all of a file with most of the grammar; 3.11, 3.12 and 3.13 gave this number."""
    text = TEXT + (
        "async def f(*a, b=1, **c): pass\n"
        + "x, (y, *z) = [i async for i in f()], {**{1: 2}}\n"
        + "try:\n    with open(x) as file: del file\nexcept (A, B) as e:\n    raise e from None\n"
        + "match x:\n    case [1, *_] | {'a': A(b=2)} if x > 1: y = lambda: (yield)\n"
        + "print(f'{x:>{y}}', 'a' f'b{x}' 'c', b'1', 1j, ..., x[1:2, ::3], not -x, x if y else z)\n"
    )
    assert digest(shapes(text, "")) == "2406895a591649ba"
