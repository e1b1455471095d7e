"""A room imports those below it (`make check`); what is named as a string is listed here."""

import ast
import re
import tomllib
from pathlib import Path

import dipole

PACKAGE = Path(dipole.__file__).parent
# Where a name of a room above is looked up as a string, by `importlib`: no other way leads up.
UP = {
    "encoders/names.py": "dipole.language.causal:CausalLM",
    "objectives/contract/registry.py": "dipole.systems",
    "studies/benches/masked.py": "dipole.systems.text.clear:Masked",  # the loss of a generator
    "training/recipe.py": "dipole.systems",
}
# A group of entry points is called as the room is.
GROUPS = {"lookup.py": "dipole.data"}


def test_the_only_ways_up():
    pyproject = PACKAGE.parents[1] / "pyproject.toml"
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(c for c in contracts["contracts"] if c["containers"] == ["dipole"])["layers"]
    height = {name.strip("()"): -i for i, name in enumerate(layers)}
    found = {}
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE)
        own = height.get(place.parts[0].removesuffix(".py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if own is None or not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            named = re.fullmatch(r"dipole\.(\w+)(\.\w+)*(:\w+)?", node.value)
            if named and height.get(named[1], own) > own:
                found[str(place)] = node.value
    assert found == UP | GROUPS
