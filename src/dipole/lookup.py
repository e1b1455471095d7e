"""Names to classes, the same way for objectives, encoders, views, samplers, parts ...

    find("encoder", name, table, base=Encoder)

A name is, in this order: one of dipole's own table; `file.py:Class`, a file of yours by its path;
`module:Class`, anything that can be imported; a name that an installed package gives as an entry
point of the group `dipole.encoders`, `dipole.objectives`, `dipole.views` ...
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from functools import reduce
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from dipole.errors import InputError


def find(
    kind: str,
    name: str,
    table: Mapping[str, str],
    *,
    base: type | None = None,
    instance: type | None = None,
    package: str = "",
    others: str = "",
) -> Any:
    """The class (or, without `base`, the function) of this name.

    kind: what it is in a message, and which entry points: "view" has those of `dipole.views`;
    table: dipole's own names, each `module:Class`, of modules in `package`;
    base: the class that it must be a subclass of; instance: the class that it must be an object
    of; others: what else the name may be, for a message.

    Raises:
        InputError: no such name, file, module or attribute, with the nearest there is; an error
            in the file, with its line; not a subclass of `base`, no object of `instance`.
    """
    if name in table:
        module, _, path = table[name].partition(":")
        return _attribute(
            importlib.import_module(f"{package}.{module}" if package else module), path
        )
    if ":" in name:
        found = _at(kind, name)
    elif name in (installed := plugins(kind)):
        found = _at(kind, f"{installed[name].module}:{installed[name].attr}")
    else:
        raise InputError(f"{kind}: found '{name}'; {nearest(name, [*table, *installed], others)}")
    if instance is not None:
        if isinstance(found, instance):
            return found
        what = "class" if inspect.isclass(found) else type(found).__name__
        raise InputError(f"{kind}: found '{name}', a {what}; expected a {instance.__name__}")
    if base is None and not callable(found):
        raise InputError(f"{kind}: found a {type(found).__name__} at '{name}'; expected a function")
    if base is not None and not (inspect.isclass(found) and issubclass(found, base)):
        what = "class" if inspect.isclass(found) else type(found).__name__
        expected = f"a subclass of {base.__module__}.{base.__name__}"
        raise InputError(f"{kind}: found a {what} at '{name}'; expected {expected}")
    return found


def nearest(word: str, known: Iterable[str], others: str = "") -> str:
    """What to say of a word that is not known: the nearest that are, or all.

    >>> nearest("statik", ["static", "conv"]), nearest("x", ["static", "conv"], "a folder")
    ("did you mean 'static'?", 'expected one of static, conv, or a folder')
    """
    known = list(known)
    if close := close_to(word, known):
        return f"did you mean {' or '.join(map(repr, close))}?"
    if not known:
        return f"expected {others}"
    return f"expected one of {', '.join(known)}" + (f", or {others}" if others else "")


def close_to(word: str, known: Iterable[str]) -> list[str]:
    """The nearest names, three at most, in large or small letters."""
    plain = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), plain, n=3, cutoff=0.6)
    return [plain[name] for name in close]


def plugins(kind: str) -> dict[str, EntryPoint]:
    """Name -> what an installed package gives under the entry points of `dipole.<kind>s`."""
    group = "dipole.data" if kind == "data" else f"dipole.{kind}s"
    return {point.name: point for point in entry_points(group=group)}


def place_of(cls: type) -> str:
    """Where `find` finds a class again: `file.py:Class` as it was named, or `module:Class`."""
    module = sys.modules.get(cls.__module__)
    if cls.__module__ == "__main__" and (file := getattr(module, "__file__", None)):
        return f"{_from_here(Path(file))}:{cls.__qualname__}"
    return f"{_given.get(cls.__module__, cls.__module__)}:{cls.__qualname__}"


def is_place(name: str) -> bool:
    """Whether a name is a `file.py:Class` or `module:Class` by its form."""
    return _PLACE.fullmatch(name) is not None


def is_loaded(place: str) -> bool:
    """Whether the code of `file.py:Class` or `module:Class` has run in this process already."""
    source = place.rpartition(":")[0]
    return (_of_file(Path(source)) if _is_file(source) else sys.modules.get(source)) is not None


_PLACE = re.compile(r"(\S.*\.py|[\w.]+):[^\W\d][\w.]*")
# Module -> the path of its file as it was named.
_given: dict[str, str] = {}


def _at(kind: str, place: str) -> Any:
    """What is at `file.py:Class` or `module:Class`."""
    source, _, path = place.rpartition(":")
    what = f"{kind}: found '{place}'"
    if not source or not path:
        raise InputError(f"{what}; expected file.py:Class or module:Class")
    module = _file(what, source) if _is_file(source) else _module(what, source)
    try:
        return _attribute(module, path)
    except AttributeError:
        names = [name for name in vars(module) if not name.startswith("_")]
        raise InputError(f"{what}; {source} has no {path}; {nearest(path, names)}") from None


def _attribute(owner: Any, path: str) -> Any:
    return reduce(getattr, path.split("."), owner)


def _is_file(source: str) -> bool:
    return source.endswith(".py")


def _module(what: str, name: str) -> ModuleType:
    """A module by its name, of the working directory too."""
    _add_folder(Path())
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and name.startswith(error.name or "?"):
            raise InputError(
                f"{what}; no module '{error.name}' here or installed; expected "
                "file.py:Class or module:Class"
            ) from None
        raise InputError(f"{what}; {reason(error)}") from error


def _file(what: str, source: str) -> ModuleType:
    """A file as a module, imported once; its own folder is where it imports from, as a script."""
    path = Path(source).expanduser()
    if not path.is_file():
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        close = close_to(path.name, [file.name for file in path.parent.glob("*.py")])
        hint = f"did you mean {path.with_name(close[0])}?" if close else "expected file.py:Class"
        raise InputError(f"{what}; no such file{where}; {hint}")
    module = _of_file(path)
    if module is None:
        _add_folder(path.parent)
        try:
            module = importlib.import_module(path.stem) if _is_its_name(path) else _loaded(path)
        except (Exception, SystemExit) as error:
            raise InputError(f"{what}; {reason(error)}") from error
    _given.setdefault(module.__name__, source)
    return module


def _of_file(path: Path) -> ModuleType | None:
    """The module that a file is already, however it came to be imported."""
    path = path.expanduser().resolve()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(path.name) and Path(file).resolve() == path:
            return module
    return None


def _is_its_name(path: Path) -> bool:
    """Whether `import stem` is this file: then other processes find its classes too (pickle)."""
    try:
        spec = importlib.util.find_spec(path.stem)
    except (ImportError, ValueError):
        return False
    return spec is not None and bool(spec.origin) and Path(str(spec.origin)) == path.resolve()


def _loaded(path: Path) -> ModuleType:
    """A file under a name that follows from its path: another module has its own."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"{path.stem}_{digest}", path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _add_folder(folder: Path) -> None:
    """Behind all others: what is installed is not hidden by a file of the same name."""
    if (place := str(folder.resolve())) not in sys.path:
        sys.path.append(place)
        importlib.invalidate_caches()


def reason(error: BaseException, skip: int = 0) -> str:
    """An error in someone's file in one line, with the line in the file where it came about.

    skip: frames of the caller's own.
    """
    said = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{_from_here(Path(error.filename))}, line {error.lineno}: "
        return f"{where}{type(error).__name__}: {error.msg}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)[skip:]
        if frame.filename not in _MACHINERY and not frame.filename.startswith("<")
    ]
    if not frames:
        return said
    last = [frame for frame in frames if frame.filename == frames[0].filename][-1]
    return f"{_from_here(Path(last.filename))}, line {last.lineno}: {said}"


_MACHINERY = (__file__, importlib.__file__)


def _from_here(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
