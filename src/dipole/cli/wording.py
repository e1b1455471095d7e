"""What a message calls by the name of a setting is called by the option that the user gave."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from dipole.errors import DipoleError, InputError

# Options that take the file a command works on.
_FILES = ("--data", "--corpus")


class _Worded:
    """A command whose errors begin with its options: `--batch-size: found 0`.

    The library says `batch_size: found 0`, which is right for Python and for a recipe, so only
    what was given on the command line is called otherwise.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)  # type: ignore[misc]
        except DipoleError as error:
            if worded := _worded(str(error), ctx):
                raise type(error)(worded) from None
            raise


class Command(_Worded, TyperCommand):
    """A command whose errors begin with its options, and that says where a file belongs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            found = ctx.args[0]
            known = {name for option in self.params for name in option.opts}
            option = next((name for name in _FILES if name in known), None)
            expected = f"{option} {found}" if option else "options, or quotes around several words"
            raise InputError(f"dipole {ctx.info_name}: found {found!r}; expected {expected}")
        return rest


class Group(_Worded, TyperGroup):
    """A command that has others below it."""


class Listing(Group):
    """A group that lists things by itself, and shows one of them with `show`."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            own = ctx.info_name
            raise InputError(f"{own}: found {cmd_name!r}; expected dipole {own} show {cmd_name}")
        return command


def check_nothing_given(context: Any) -> None:
    """Raise InputError for an option of a listing that stands before one of its commands."""
    for option in context.command.params:
        if option.name and context.params.get(option.name):
            name = option.opts[0]
            raise InputError(
                f"{name}: found before {context.invoked_subcommand}; expected behind it"
            )


def _worded(message: str, ctx: Any) -> str | None:
    found = re.match(r"([a-z_]+?)(s?)(\[\d+\])?(?=: )", message)
    if not found:
        return None
    for option in ctx.command.params:  # of a repeatable --weight the library says weights[0]
        is_meant = option.name in (found[1] + found[2], found[1])
        if is_meant and option.param_type_name == "option" and _is_given(option.name, ctx):
            return str(option.opts[0]) + message[found.end() :]
    return None


def _is_given(name: str, ctx: Any) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
