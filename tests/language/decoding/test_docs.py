"""The page's code runs and prints what it says, and its table names every method and option."""

import inspect
import re
from pathlib import Path

from dipole.language.decoding import METHODS
from dipole.language.decoding.methods import Method
from dipole.lookup import find

PAGE = Path(__file__).parents[3] / "docs" / "generate.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_examples_of_the_page_run(capsys):
    names = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(block, names)
    said = re.findall(r"print\(.*\)  +# (.*)", TEXT)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == said


def test_the_table_names_every_method_with_its_options():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|(.*)\|$", TEXT, re.M))
    assert rows.keys() == METHODS.keys()
    package = "dipole.language.decoding"
    for name, row in rows.items():
        found = find("method", name, METHODS, base=Method, package=package)
        for option, parameter in inspect.signature(found).parameters.items():
            if option in ("temperature", "top_k", "top_p") and name != "sample":
                continue
            assert f"`{option}`" in row, (name, option)
            default = parameter.default
            if isinstance(default, float | int) and not isinstance(default, bool):
                assert re.search(rf"`{option}` \((T, )?{default:g}\)", row) or option == "top_p"
