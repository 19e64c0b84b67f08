"""The command line as a tree of plain values: what manual pages are made of."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Argument:
    """An option with its ``flags``, or a positional argument without.

    ``value``: what stands for its value, empty if it takes none.
    """

    flags: tuple[str, ...]
    value: str
    help: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """``path``: the words that lead here, without the program's name; () for the program."""

    path: tuple[str, ...]
    help: str
    description: str
    arguments: tuple[Argument, ...] = ()
    children: tuple[Command, ...] = field(default=())

    @property
    def options(self) -> tuple[Argument, ...]:
        """What begins with dashes."""
        return tuple(one for one in self.arguments if one.flags)

    @property
    def positionals(self) -> tuple[Argument, ...]:
        """What does not."""
        return tuple(one for one in self.arguments if not one.flags)

    def walk(self) -> Iterator[Command]:
        """This command and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def command_tree(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = (), text: str = ""
) -> Command:
    """The tree of a parser. Positional arguments come in their order."""
    arguments, children = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {one.dest: one.help or "" for one in action._choices_actions}
            children += [
                command_tree(child, (*path, name), helps.get(name, ""))
                for name, child in action.choices.items()
            ]
        elif action.help != argparse.SUPPRESS:
            arguments.append(_argument(action))
    return Command(path, text, parser.description or "", tuple(arguments), tuple(children))


def _argument(action: argparse.Action) -> Argument:
    takes_value = action.nargs != 0
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    choices = tuple(str(one) for one in action.choices or ())
    return Argument(
        flags=tuple(action.option_strings),
        value=("" if not takes_value else "|".join(choices) if choices else name),
        help=(action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%"),
        is_optional=not action.required,
    )
