"""Lines of a YAML file that can't be what somebody meant, and what to do about each.

YAML notices a forgotten blank or colon only lines later, if at all: until then `user_id:7` and `user_id 7` are texts
that may go on. Here a line is looked at as a person sees it.
"""

import re
from collections.abc import Iterator, Sequence

ODD_BLANK = "[\t\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]"
KEY = r"[A-Za-z_][A-Za-z0-9_]*"

ODD_LINES = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (rf" *{ODD_BLANK}", "an odd blank, as web pages have them; indent with plain blanks only"),
        (rf" *({KEY}) *:{ODD_BLANK}", r"a tab or an odd blank; write a plain blank after `\1:`"),
        (rf" *({KEY}) *[\uff1a\ufe55\ua789]", r"a colon of another alphabet; write `\1:` anew, and a blank"),
        (rf""" *(["']?{KEY}["']?):(?!//)[^\s:]""", r"write a blank after `\1:`"),
        (rf" *({KEY}) *=", r"write `\1:` and a blank, and no ="),
        (rf" *- ({KEY}): ", r"there is a dash before `\1:`; remove it"),
        (r" *[-\u2022\u2013\u2014][^\s-]", "write each line of a list behind a dash and a blank: - text"),
        (rf" *{KEY}(?: +[^\s:#][^:]*)?$", "a key without a colon; write it as: key: value"),  # a secret isn't shown
        (r" *(?://|;)", "a remark begins with #"),
        (r"\.\.\.", "remove the line with ..."),
    )
)
WELL_FORMED = re.compile(rf" *({KEY}):(?: .*)?$")


def advice_for(line: str) -> str:
    """What to do about a line; "" if it may well be right."""
    for pattern, advice in ODD_LINES:
        if found := pattern.match(line):
            return found.expand(advice)
    return ""


def blamed(lines: Sequence[str], noticed: int) -> Iterator[tuple[int, str]]:
    """Find the lines that are to blame for a mistake noticed in the line `noticed`; each with what to do.

    They are counted from 0. It is the noticed line, or those just before it.
    """
    for number in range(min(noticed, len(lines) - 1), -1, -1):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if advice := advice_for(line):
            yield number, advice
        elif number < noticed:
            return


def stands_out(lines: Sequence[str], noticed: int) -> int | None:
    """The line before the noticed one, if it is that one which is not indented like its neighbours."""
    keys = [number for number in range(min(noticed, len(lines) - 1) + 1) if WELL_FORMED.match(lines[number])]
    if len(keys) < 3 or keys[-1] != noticed:
        return None
    before, between, here = (_indentation(lines[number]) for number in keys[-3:])
    return keys[-2] if between < here == before else None


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
