"""Objects that show themselves as a short table: text in a terminal, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dipole.showing import plain

# Characters of a cell that are shown.
WIDTH = 60


@dataclass(frozen=True)
class Table:
    """A title, rows of cells, and perhaps names of the columns and lines below."""

    title: str
    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        """As aligned text: the first column to the left, the others to the right where they have
        names.

        >>> print(Table("numbers", [("one", "1"), ("ten", "10")], ("word", "digits")))
        numbers
          word  digits
          one        1
          ten       10
        """
        from rich.cells import cell_len

        lines = [[_cell(cell) for cell in row] for row in ([self.head] if self.head else [])]
        lines += [[_cell(cell) for cell in row] for row in self.rows]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        found = [plain(self.title)]
        for line in lines:
            cells = []
            for number, (cell, width) in enumerate(zip(line, widths, strict=True)):
                gap = " " * (width - cell_len(cell))
                cells.append(gap + cell if self.head and number else cell + gap)
            found.append("  " + "  ".join(cells).rstrip())
        return "\n".join([*found, *map(plain, self.notes)])

    def html(self) -> str:
        """As HTML of the notebook's own style; text of the data is never markup."""

        def row(cells: Sequence[str], tag: str) -> str:
            inner = "".join(f"<{tag}>{escape(_cell(cell))}</{tag}>" for cell in cells)
            return f"<tr>{inner}</tr>"

        head = f"<thead>{row(self.head, 'th')}</thead>" if self.head else ""
        body = "".join(row(cells, "td") for cells in self.rows)
        notes = "".join(f"<p>{escape(plain(line))}</p>" for line in self.notes)
        title = f"<caption>{escape(plain(self.title))}</caption>"
        return f"<table>{title}{head}<tbody>{body}</tbody></table>{notes}"


class Shown:
    """What shows itself as its `_table()`; an object whose table cannot be made shows its type."""

    def _table(self) -> Table:
        raise NotImplementedError

    def __repr__(self) -> str:
        try:
            return str(self._table())
        except Exception:  # a debugger shows objects that are half made
            return object.__repr__(self)

    def _repr_html_(self) -> str | None:
        try:
            return self._table().html()
        except Exception:
            return None  # the notebook shows the text


def _cell(text: str) -> str:
    line = plain(text)
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."
