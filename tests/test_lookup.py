"""One lookup: names, files, modules and entry points to classes, with errors of one line."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dipole import lookup
from dipole.errors import InputError
from dipole.lookup import find, is_loaded, nearest, place_of

TABLE = {"ordered": "collections:OrderedDict", "json": "decoder:JSONDecoder.decode"}
CLASS = "class Mine(dict):\n    size = 3\n\n\nnumber = 3\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is imported in a test is forgotten after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(lookup, "_given", {})
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def found(name: str, **options: Any) -> Any:
    return find("thing", name, TABLE, base=dict, **options)


def test_a_name_of_the_table_is_its_class() -> None:
    assert found("ordered") is OrderedDict
    assert find("thing", "json", TABLE, package="json").__name__ == "decode"


@pytest.mark.parametrize("absolute", [False, True])
def test_a_file_is_imported_once_and_its_classes_pickle(here: Path, absolute: bool) -> None:
    folder = here / "own"
    folder.mkdir()
    (folder / "mine_of_lookup.py").write_text("import beside_it\n" + CLASS)
    (folder / "beside_it.py").write_text("")
    path = folder / "mine_of_lookup.py"
    name = f"{path if absolute else path.relative_to(here)}:Mine"
    assert not is_loaded(name)
    cls = found(name)
    assert is_loaded(name)
    assert cls.size == 3
    assert found(name) is found(f"{folder}/../own/mine_of_lookup.py:Mine") is cls
    assert found("mine_of_lookup:Mine") is cls
    assert type(pickle.loads(pickle.dumps(cls()))) is cls
    assert place_of(cls) == name


def test_two_files_of_one_name_are_two_modules_and_hide_nothing(here: Path) -> None:
    for folder in ("a", "b"):
        (here / folder).mkdir()
        (here / folder / "twin_of_lookup.py").write_text(CLASS)
    (here / "json.py").write_text(CLASS)
    first, second = found("a/twin_of_lookup.py:Mine"), found("b/twin_of_lookup.py:Mine")
    assert first is not second
    assert found("b/twin_of_lookup.py:Mine") is second
    assert type(pickle.loads(pickle.dumps(second()))) is second
    assert place_of(second) == "b/twin_of_lookup.py:Mine"
    assert found("json.py:Mine").size == 3
    assert sys.modules["json"].__file__ != str(here / "json.py")


def test_the_running_script_is_not_imported_a_second_time(here: Path) -> None:
    script = here / "script.py"
    script.write_text(
        f"from dipole.lookup import find, place_of\n{CLASS}"
        "assert find('thing', 'script.py:Mine', {}, base=dict) is Mine\n"
        "assert place_of(Mine) == 'script.py:Mine', place_of(Mine)\n"
    )
    subprocess.run([sys.executable, "script.py"], cwd=here, check=True)


def test_a_module_of_the_working_directory_and_a_nested_class(here: Path) -> None:
    (here / "nest_of_lookup.py").write_text("class Outer:\n    class Mine(dict):\n        pass\n")
    cls = found("nest_of_lookup:Outer.Mine")
    assert place_of(cls) == "nest_of_lookup:Outer.Mine"


def test_a_function_where_no_class_is_asked_for(here: Path) -> None:
    (here / "call_of_lookup.py").write_text("def mine():\n    return 3\n\n\nnumber = 3\n")
    assert find("sampler", "call_of_lookup.py:mine", {})() == 3
    with pytest.raises(InputError, match=r"^sampler: found a int at .*; expected a function$"):
        find("sampler", "call_of_lookup.py:number", {})


def test_an_entry_point_is_a_name(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "plugged_of_lookup.py").write_text(CLASS)
    (info := here / "plugged-1.0.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dipole.things]\nplugged = plugged_of_lookup:Mine\n")
    monkeypatch.syspath_prepend(here)
    assert found("plugged").size == 3
    with pytest.raises(InputError, match="thing: found 'plugd'; did you mean 'plugged'"):
        found("plugd")


def test_what_is_near_or_all_there_is() -> None:
    assert nearest("orderd", TABLE) == "did you mean 'ordered'?"
    assert nearest("xyz", TABLE, "a folder") == "expected one of ordered, json, or a folder"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "orderd", "thing: found 'orderd'; did you mean 'ordered'?"),
        ("", "no.py:Mine", "thing: found 'no.py:Mine'; no such file in {here}; expected"),
        ("", "bad_of_loop.py:Mine", "; no such file in {here}; did you mean bad_of_lookup.py?"),
        ("", "/no/no.py:Mine", "thing: found '/no/no.py:Mine'; no such file; expected"),
        ("", "no_such.module:X", "thing: found 'no_such.module:X'; no module 'no_such' here or"),
        ("", ":Mine", "thing: found ':Mine'; expected file.py:Class or module:Class"),
        (CLASS, "FILE:Mien", "; FILE has no Mien; did you mean 'Mine'?"),
        (CLASS, "FILE:number", "thing: found a int at 'FILE:number'; expected a subclass of"),
        ("class Mine:\n    pass\n", "FILE:Mine", "found a class at 'FILE:Mine'; expected a"),
        ("x = 1\n\n1 / 0\n", "FILE:Mine", "; FILE, line 3: ZeroDivisionError: division by"),
        ("x = 1\ny = (\n", "FILE:Mine", "; FILE, line 2: SyntaxError: '(' was never closed"),
        ("import no_such\n", "FILE:Mine", "; FILE, line 1: ModuleNotFoundError: No module named"),
        ("\nimport sys\nsys.exit(3)\n", "FILE:Mine", "; FILE, line 3: SystemExit: 3"),
        ("import json\njson.loads('a\\nb')\n", "FILE:Mine", "; FILE, line 2: JSONDecodeError: "),
        ("1 / 0\n", "bad_of_lookup:Mine", "; FILE, line 1: ZeroDivisionError: division by zero"),
    ],
)
def test_errors_of_one_line(here: Path, text: str, name: str, message: str) -> None:
    file = "bad_of_lookup.py"
    (here / file).write_text(text)
    for _ in range(2):  # a file that failed is not half there
        with pytest.raises(InputError) as caught:
            found(name.replace("FILE", file))
        said = str(caught.value)
        assert message.format(here=here).replace("FILE", file) in said
        assert "\n" not in said


def test_two_points_of_an_entry_are_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    point = SimpleNamespace(module="collections", attr="OrderedDict")
    monkeypatch.setattr(lookup, "plugins", lambda kind: {"other": point})
    assert found("other") is OrderedDict
