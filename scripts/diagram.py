"""Draws the life of an order from `edge.core.lifecycle.LIFE`, and puts drawings into ARCHITECTURE.md: `make diagram`.

A drawing is a block of Mermaid in the page; the first line of the block says which one it is.
"""

from pathlib import Path

from edge.core.lifecycle import FINISHED, LIFE, Stage

PAGE = Path(__file__).parent.parent / "ARCHITECTURE.md"
BEGIN, END = "```mermaid\n", "```\n"
LIFE_HEAD = "stateDiagram-v2\n"


def life() -> str:
    """The table of moves as a state diagram."""
    lines = [f"    [*] --> {Stage.WAITING}: seen on the till", f"    [*] --> {Stage.PAID}: a doorbell of money"]
    for stage, moves in LIFE.items():
        lines += [f"    {stage} --> {target}: {move}" for move, target in moves.items()]
    lines += [f"    {stage} --> [*]" for stage in LIFE if stage in FINISHED]
    return LIFE_HEAD + "\n".join(lines) + "\n"


def in_page(text: str, head: str) -> slice:
    """Where the drawing with this first line stands in a page. Raises `ValueError` if it isn't there."""
    begin = text.index(BEGIN + head) + len(BEGIN)
    return slice(begin, text.index(END, begin))


def put(head: str, drawing: str) -> None:
    """Replace a drawing in ARCHITECTURE.md."""
    text = PAGE.read_text()
    place = in_page(text, head)
    PAGE.write_text(text[: place.start] + drawing + text[place.stop :])


if __name__ == "__main__":
    put(LIFE_HEAD, life())
