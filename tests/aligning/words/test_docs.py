"""The page's code runs and prints what it says, and its tables name every method and option."""

import inspect
import re
from pathlib import Path

from dipole.aligning.words.methods import METHODS, Aligner
from dipole.aligning.words.symmetrising import METHODS as SYMMETRIES
from dipole.lookup import find

TEXT = (Path(__file__).parents[3] / "docs" / "word-alignment.md").read_text(encoding="utf-8")


def test_the_examples_of_the_page_run(capsys):
    names = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    said = re.findall(r"print\(.*\)  +# (.*)", TEXT)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == said


def test_the_tables_name_every_method_with_its_options():
    rows = re.findall(r"^\| (`.*?) \|(.*)\|$", TEXT, re.M)
    named: dict[str, str] = {}
    for names, row in rows:  # measured ones come later
        for name in re.findall(r"`([a-z0-9-]+)`", names):
            named.setdefault(name, row)
    assert named.keys() >= {*METHODS, *SYMMETRIES}
    for name in METHODS:
        found = find("aligner", name, METHODS, base=Aligner, package="dipole.aligning.words")
        for option, parameter in inspect.signature(found).parameters.items():
            if option in ("layer", "average"):  # said of all below the table
                continue
            assert f"`{option}`" in named[name], (name, option)
            default = parameter.default
            if isinstance(default, float | int) and not isinstance(default, bool):
                assert re.search(rf"`{option}` \({default:g}\b", named[name]), (name, option)
