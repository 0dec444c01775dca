"""What a person answered about how a printer prints: how wide, and which of its code pages has our letters. Pure.

Each question shows a candidate: a ruler that fills the line, then a line of accents; then, where it is wanted, its bell
rings. A person says that it is right, or wants the next one.
"""

from dataclasses import dataclass, replace

CANDIDATE_COLUMNS = (48, 42, 32)
"""Widest first: the right one is the first that doesn't wrap. 80 mm, 80 mm at 180 dots to the inch, 58 mm."""
MAX_RULERS = 2 * len(CANDIDATE_COLUMNS)
"""Each comes once more, for a finger may have slipped. Whoever says no to all of them again gets the narrowest."""


NO_BELL = "none"


@dataclass(frozen=True)
class Calibration:
    """What is known so far, and which candidate is being asked about.

    Made for a printer of which something is not known, anew after each answer; read by the slip that asks.
    """

    pages: tuple[str, ...]
    """The candidates for the code page, best first. The last one is plain ASCII, which needs no question."""
    columns: int | None = None
    codepage: str | None = None
    candidate: int = 0
    """Index of the one that the slip shows."""
    printer: str = ""
    """The name of the printer that it is about; "" if it doesn't say."""
    bells: tuple[str, ...] = ()
    """The candidates for the command of its bell; none where that isn't wanted, or is known."""
    bell: str | None = None

    @property
    def prints(self) -> bool:
        """Whether all is known of how it prints."""
        return self.columns is not None and self.codepage is not None

    @property
    def done(self) -> bool:
        return self.prints and (not self.bells or self.bell is not None)

    @property
    def question(self) -> str | None:
        """What a person is asked now, as the status names it; None if all is known."""
        if self.done:
            return None
        if self.prints:
            return "bell"
        return "codepage" if self.columns else "columns"

    @property
    def width(self) -> int:
        """The columns of the slip that asks."""
        return self.columns or CANDIDATE_COLUMNS[self.candidate % len(CANDIDATE_COLUMNS)]

    @property
    def rung(self) -> str:
        """The command by which the bell is rung with the slip that asks for it."""
        return self.bells[self.candidate]

    @property
    def page(self) -> str:
        """The code page of the slip that asks; for a ruler any will do."""
        return self.codepage or self.pages[self.candidate if self.columns else 0]

    def right(self) -> "Calibration":
        """What is shown is right, or was heard."""
        if self.prints:
            return replace(self, bell=self.rung)
        if self.columns is None:
            return replace(self, columns=self.width, candidate=0).settled()
        return replace(self, codepage=self.page, candidate=0)

    def next(self) -> "Calibration":
        """It isn't. After the last code page plain letters are taken, after the last ruler the narrowest width."""
        following = replace(self, candidate=self.candidate + 1)
        if self.prints:
            return following if following.candidate < len(self.bells) else replace(self, bell=NO_BELL)
        if self.columns is None and following.candidate == MAX_RULERS:
            return replace(self, columns=min(CANDIDATE_COLUMNS), candidate=0).settled()
        return following if self.columns is None else following.settled()

    def settled(self) -> "Calibration":
        """Where no page is left to be asked about, plain letters are taken."""
        left = self.codepage is None and self.candidate < len(self.pages) - 1
        return self if left else replace(self, codepage=self.codepage or self.pages[-1], candidate=0)
