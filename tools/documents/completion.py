"""Completions of `pyvs` and `pyvsadm` for bash, zsh and fish.

`pyvs` completes itself, by the protocol that click speaks (`_PYVS_COMPLETE`); pyvsadm's switches come from its grammar.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.documents.switches import CHOICES, WORDS

from pyvs.cli.ipvsadm.grammar import SWITCHES, Argument, Switch

MADE: Final = "# Written by tools/make_docs.py."

PYVS_BASH: Final = """\
{made}
_pyvs() {{
    local line kind
    COMPREPLY=()
    while IFS= read -r line; do
        kind=${{line%%,*}}
        case $kind in
            dir) COMPREPLY=($(compgen -d -- "${{COMP_WORDS[COMP_CWORD]}}")) ;;
            file) COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")) ;;
            plain) COMPREPLY+=("${{line#*,}}") ;;
        esac
    done < <(COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD=$COMP_CWORD _PYVS_COMPLETE=bash_complete "$1" 2>/dev/null)
}}
complete -o nosort -F _pyvs pyvs
"""

PYVS_ZSH: Final = """\
#compdef pyvs
{made}
_pyvs() {{
    local -a answer plain described
    local -x COMP_WORDS="${{words[*]}}" COMP_CWORD=$((CURRENT - 1)) _PYVS_COMPLETE=zsh_complete
    answer=("${{(@f)$(pyvs 2>/dev/null)}}")
    local kind name said
    for kind name said in $answer; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) if [[ $said == _ ]]; then plain+=("$name"); else described+=("$name:$said"); fi ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
}}
if [[ $funcstack[1] == _pyvs ]]; then _pyvs "$@"; else compdef _pyvs pyvs; fi
"""

PYVS_FISH: Final = """\
{made}
function __pyvs_complete
    set -lx _PYVS_COMPLETE fish_complete
    set -lx COMP_WORDS (commandline -cp)
    set -lx COMP_CWORD (commandline -t)
    set -l answer (pyvs 2>/dev/null)
    for line in $answer
        set -l parts (string split -m 1 "," $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command pyvs --arguments "(__pyvs_complete)"
"""

PYVSADM_BASH: Final = """\
{made}
_pyvsadm() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    case $before in
{cases}
        *)
            COMPREPLY=($(compgen -W "{switches}" -- "$word"))
            ;;
    esac
}}
complete -F _pyvsadm pyvsadm
"""


def pyvs_bash() -> str:
    """For bash."""
    return PYVS_BASH.format(made=MADE)


def pyvs_zsh() -> str:
    """For zsh."""
    return PYVS_ZSH.format(made=MADE)


def pyvs_fish() -> str:
    """For fish."""
    return PYVS_FISH.format(made=MADE)


def _names(switch: Switch) -> list[str]:
    return [f"--{switch.long}", *([f"-{switch.short}"] if switch.short else [])]


def _once() -> Iterator[Switch]:
    """The switches, --list (which has two short names) only once."""
    return (switch for switch in SWITCHES if (switch.long, switch.short) != ("list", "l"))


def pyvsadm_bash() -> str:
    """For bash: words after a switch that has some, files never, else switches."""
    cases = []
    for switch in _once():
        if switch.argument is Argument.NONE:
            continue
        if switch.long in CHOICES:
            words = f'COMPREPLY=($(compgen -W "{" ".join(CHOICES[switch.long])}" -- "$word"))'
        elif switch.long == "mcast-interface":
            words = 'COMPREPLY=($(compgen -W "$(command ls /sys/class/net)" -- "$word"))'
        elif switch.argument is Argument.REQUIRED:
            words = "COMPREPLY=()"
        else:
            continue
        cases.append(f"        {'|'.join(_names(switch))}) {words} ;;")
    names = " ".join(f"--{switch.long}" for switch in _once())
    return PYVSADM_BASH.format(made=MADE, cases="\n".join(cases), switches=names)


def pyvsadm_zsh() -> str:
    """For zsh."""
    lines = ["#compdef pyvsadm", MADE, "_arguments -s \\"]
    for switch in _once():
        names = _names(switch)
        given = f"'({' '.join(names)})'{{{','.join(names)}}}" if len(names) > 1 else f"'{names[0]}"
        said = WORDS[switch.long][1].replace("'", "'\\''").replace(":", "\\:")
        quote = "'" if len(names) > 1 else ""
        lines.append(f"    {given}{quote}[{said}]{_zsh_argument(switch)}' \\")
    return "\n".join([*lines, "    '*:value:'", ""])


def _zsh_argument(switch: Switch) -> str:
    if switch.argument is Argument.NONE:
        return ""
    name = WORDS[switch.long][0].strip("[]").replace(":", "\\:")
    if switch.long in CHOICES:
        action = f"({' '.join(CHOICES[switch.long])})"
    else:
        action = "_net_interfaces" if switch.long == "mcast-interface" else " "
    return f"{'::' if switch.argument is Argument.OPTIONAL else ':'}{name}:{action}"


def pyvsadm_fish() -> str:
    """For fish."""
    lines = [MADE, "complete -c pyvsadm -f"]
    for switch in SWITCHES:
        short = f" -s {switch.short}" if switch.short else ""
        said = WORDS[switch.long][1].replace("'", "\\'")
        argument = "" if switch.argument is not Argument.REQUIRED else " -x"
        if switch.long in CHOICES:
            argument += f" -a '{' '.join(CHOICES[switch.long])}'"
        elif switch.long == "mcast-interface":
            argument += " -a '(command ls /sys/class/net)'"
        lines.append(f"complete -c pyvsadm{short} -l {switch.long}{argument} -d '{said}'")
    return "\n".join([*lines, ""])
