"""Draws the life of an order from `edge.life.LIFE`; `make diagram` puts it into ARCHITECTURE.md."""

from pathlib import Path

from edge.core.lifecycle import FINISHED, LIFE, Stage

PAGE = Path(__file__).parent.parent / "ARCHITECTURE.md"
BEGIN, END = "```mermaid\n", "```\n"


def diagram() -> str:
    """The table of moves as a Mermaid state diagram."""
    lines = [
        "stateDiagram-v2",
        f"    [*] --> {Stage.WAITING}: seen on the till",
        f"    [*] --> {Stage.PAID}: a doorbell of money",
    ]
    for stage, moves in LIFE.items():
        lines += [f"    {stage} --> {target}: {move}" for move, target in moves.items()]
    lines += [f"    {stage} --> [*]" for stage in LIFE if stage in FINISHED]
    return "\n".join(lines) + "\n"


def in_page(text: str) -> tuple[int, int]:
    """Where in ARCHITECTURE.md the diagram stands."""
    begin = text.index(BEGIN) + len(BEGIN)
    return begin, text.index(END, begin)


if __name__ == "__main__":
    text = PAGE.read_text()
    begin, end = in_page(text)
    PAGE.write_text(text[:begin] + diagram() + text[end:])
