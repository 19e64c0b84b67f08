"""``completion``: scripts that let a shell complete commands, options and their values.

They are made from the command line itself, so they know what it knows.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator

from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.tree import Argument, Command, command_tree

_PROGRAM = "i2ptunnel"
_HOW = {
    "bash": "i2ptunnel completion bash > ~/.local/share/bash-completion/completions/i2ptunnel",
    "zsh": "i2ptunnel completion zsh > DIRECTORY/_i2ptunnel, a directory of $fpath",
    "fish": "i2ptunnel completion fish > ~/.config/fish/completions/i2ptunnel.fish",
}


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel completion``."""
    parser.description = _completion.__doc__
    parser.add_argument("shell", choices=tuple(_HOW), help="; ".join(_HOW.values()))
    parser.set_defaults(run=_completion)


def _completion(arguments: argparse.Namespace) -> int:
    """Print a script that completes commands and options in a shell."""
    # Not at the top: the command line is what imports this module.
    build = importlib.import_module("i2ptunnel.cli.main").build_parser
    print(SCRIPTS[arguments.shell](command_tree(build())), end="")
    return Exit.OK


def _key(command: Command) -> str:
    return " ".join(command.path)


def _quoted(text: str) -> str:
    """In single quotes, for every one of the shells."""
    return "'" + text.replace("'", "'\\''") + "'"


def _words(command: Command) -> list[str]:
    """What can follow at once: commands, choices, options."""
    words = [child.path[-1] for child in command.children]
    for one in command.positionals:
        words += one.choices
    return words + [flag for option in command.options for flag in option.flags]


def _known_paths(root: Command) -> list[str]:
    return [_key(command) for command in root.walk() if command.path]


def _takes_names(command: Command) -> bool:
    """Whether a name of a tunnel follows its action."""
    return command.path == ("tunnels",)


# bash


def bash(root: Command) -> str:
    """For ``complete -F``."""
    lines = [
        "# Completion of i2ptunnel for bash; made by: i2ptunnel completion bash",
        "_i2ptunnel() {",
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path='' next i",
        "    COMPREPLY=()",
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        next="${path:+$path }${COMP_WORDS[i]}"',
        '        case "$next" in',
        f"            {'|'.join(map(_quoted, _known_paths(root)))}) path=$next ;;",
        "        esac",
        "    done",
        '    case "$path $prev" in',
    ]
    for command in root.walk():
        for option in command.options:
            if option.value:
                pattern = "|".join(_quoted(f"{_key(command)} {flag}") for flag in option.flags)
                lines.append(f"        {pattern}) {_bash_value(option)} return ;;")
    lines += ["    esac", '    case "$path" in']
    for command in root.walk():
        reply = f'COMPREPLY=($(compgen -W {_quoted(" ".join(_words(command)))} -- "$cur"))'
        if any(one.is_path for one in command.positionals):
            reply += (
                '; [[ $cur == -* ]] || COMPREPLY+=($(compgen -f -- "$cur")); compopt -o filenames'
            )
        if _takes_names(command):
            names = "$(i2ptunnel tunnels list 2>/dev/null | cut -f1)"
            reply += (
                '; case "$prev" in start|stop|restart) '
                f'COMPREPLY=($(compgen -W "{names}" -- "$cur")) ;; esac'
            )
        lines.append(f"        {_quoted(_key(command))}) {reply} ;;")
    lines += ["    esac", "}", f"complete -F _i2ptunnel {_PROGRAM}"]
    return "\n".join(lines) + "\n"


def _bash_value(option: Argument) -> str:
    if option.choices:
        return f'COMPREPLY=($(compgen -W {_quoted(" ".join(option.choices))} -- "$cur"));'
    if option.is_path:
        return 'COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames;'
    return ""


# zsh


def zsh(root: Command) -> str:
    """For a file ``_i2ptunnel`` in a directory of ``$fpath``."""
    lines = [
        f"#compdef {_PROGRAM}",
        "# Completion of i2ptunnel for zsh; made by: i2ptunnel completion zsh",
        "_i2ptunnel() {",
        "    local path_so_far='' next i",
        "    local -a entries",
        "    for ((i = 2; i < CURRENT; i++)); do",
        '        next="${path_so_far:+$path_so_far }${words[i]}"',
        '        case "$next" in',
        f"            {'|'.join(map(_zsh_pattern, _known_paths(root)))}) path_so_far=$next ;;",
        "        esac",
        "    done",
        '    case "$path_so_far $words[CURRENT-1]" in',
    ]
    for command in root.walk():
        for option in command.options:
            if option.value:
                keys = (_zsh_pattern(f"{_key(command)} {flag}") for flag in option.flags)
                lines.append(f"        {'|'.join(keys)}) {_zsh_value(option)} ;;")
    lines += ["    esac", '    case "$path_so_far" in']
    for command in root.walk():
        entries = [_zsh_entry(child.path[-1], child.help) for child in command.children]
        for one in command.positionals:
            entries += [_zsh_entry(choice, "") for choice in one.choices]
        entries += [
            _zsh_entry(flag, option.help) for option in command.options for flag in option.flags
        ]
        lines.append(f"        {_quoted(_key(command))})")
        lines.append(f"            entries=({' '.join(entries)})")
        lines.append("            _describe i2ptunnel entries")
        if any(one.is_path for one in command.positionals):
            lines.append("            _files")
        if _takes_names(command):
            lines.append(
                "            case $words[CURRENT-1] in start|stop|restart) compadd -- "
                '${(f)"$(i2ptunnel tunnels list 2>/dev/null | cut -f1)"} ;; esac'
            )
        lines.append("            ;;")
    lines += ["    esac", "}", '_i2ptunnel "$@"']
    return "\n".join(lines) + "\n"


def _zsh_pattern(text: str) -> str:
    return _quoted(text)


def _zsh_entry(word: str, text: str) -> str:
    clean = text.replace(":", "\\:").replace("\n", " ")
    return _quoted(f"{word}:{clean}" if clean else word)


def _zsh_value(option: Argument) -> str:
    if option.choices:
        return f"compadd -- {' '.join(map(_quoted, option.choices))}; return"
    return "_files; return" if option.is_path else "return"


# fish


def fish(root: Command) -> str:
    """For ``~/.config/fish/completions``."""
    lines = [
        "# Completion of i2ptunnel for fish; made by: i2ptunnel completion fish",
        "function __i2ptunnel_path",
        "    set -l path ''",
        "    for word in (commandline -opc)[2..-1]",
        '        set -l next (string trim -- "$path $word")',
        f'        contains -- "$next" {" ".join(map(_quoted, _known_paths(root)))}',
        '        and set path "$next"',
        "    end",
        '    echo -- "$path"',
        "end",
        "function __i2ptunnel_at",
        '    test (__i2ptunnel_path) = "$argv"',
        "end",
        f"complete -c {_PROGRAM} -f",
    ]
    for command in root.walk():
        lines += _fish_of(command)
    return "\n".join(lines) + "\n"


def _fish_of(command: Command) -> Iterator[str]:
    at = f"complete -c {_PROGRAM} -n {_quoted('__i2ptunnel_at ' + _key(command))}"
    for child in command.children:
        yield f"{at} -a {_quoted(child.path[-1])} -d {_quoted(child.help)}"
    for one in command.positionals:
        if one.choices:
            yield f"{at} -a {_quoted(' '.join(one.choices))}"
        if one.is_path:
            yield f"{at} -F"
    if _takes_names(command):
        yield f"{at} -a '(i2ptunnel tunnels list 2>/dev/null | cut -f1)'"
    for option in command.options:
        flags = " ".join(
            f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
        )
        value = ""
        if option.choices:
            value = f" -x -a {_quoted(' '.join(option.choices))}"
        elif option.value:
            value = " -r -F" if option.is_path else " -x"
        yield f"{at} {flags}{value} -d {_quoted(option.help)}"


SCRIPTS: dict[str, Callable[[Command], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
