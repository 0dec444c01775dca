"""Draws docs/wiring.svg: lights, resistors and button at the Pi's header, on the default pins of `PanelConfig`.

    python -m scripts.wiring

The resistor is computed from what an LED may draw; a test holds the drawing against this script.
"""

from collections.abc import Iterator
from pathlib import Path

from edge.config.schema import UART_PINS, PanelConfig

PAGE = Path(__file__).parent.parent / "docs" / "wiring.svg"

# --- electricity ---------------------------------------------------------------------------------------------------

SUPPLY_V = 3.3
"""A GPIO that is on."""
FORWARD_V = {"green": 2.1, "yellow": 2.0, "red": 1.8}
"""The forward voltage of a standard LED. A "pure green", blue or white one needs 3 V and is too dim here."""
MAX_CURRENT_A = 0.005
"""A GPIO gives 16 mA, all of them together 50; an indicator half a metre away needs little."""
E12 = (10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82)


def resistor() -> int:
    """Ohms: the smallest of the E12 series with which no LED draws too much."""
    needed = max((SUPPLY_V - volts) / MAX_CURRENT_A for volts in FORWARD_V.values())
    return next(ohms for decade in (1, 10, 100) for each in E12 if (ohms := each * decade) >= needed)


def current(color: str, ohms: int) -> float:
    """The current of a light, in mA."""
    return (SUPPLY_V - FORWARD_V[color]) / ohms * 1000


# --- the header ----------------------------------------------------------------------------------------------------

GND, V3, V5, ID = "GND", "3.3 V", "5 V", "ID"
ODD = (V3, 2, 3, 4, GND, 17, 27, 22, V3, 10, 9, 11, GND, ID, 5, 6, 13, 19, 26, GND)
EVEN = (V5, V5, GND, 14, 15, 18, GND, 23, 24, GND, 25, 8, 7, ID, GND, 12, GND, 16, 20, 21)
HEADER = {number: what for row in range(20) for number, what in ((2 * row + 1, ODD[row]), (2 * row + 2, EVEN[row]))}
"""Physical pin -> GPIO (BCM), or its other use; the 40 pins of every Raspberry Pi since the B+."""
GROUNDS = tuple(number for number, what in HEADER.items() if what == GND)


def pin_of(gpio: int) -> int:
    """The physical number of a GPIO."""
    return next(number for number, what in HEADER.items() if what == gpio)


def ground_near(*pins: int) -> int:
    """The ground pin nearest to these, in their own column if there is one."""
    return min(GROUNDS, key=lambda ground: sum((ground % 2 != pin % 2) * 100 + abs(ground - pin) for pin in pins))


# --- the drawing ---------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 1000, 720
PITCH, TOP = 30, 92
LEFT, RIGHT = 700, 730
"""The two columns of pins."""
INK, DULL, PALE, PAPER = "#22252b", "#6b7280", "#e6e8ec", "#ffffff"
COLORS = {"green": "#1e9e4a", "yellow": "#dba800", "red": "#d3302f"}
BLUE = "#2563c9"
HEIGHTS = {"green": 150, "yellow": 250, "red": 350}
NAMES = {
    "green": "verde · verde · green",
    "yellow": "amarillo · amarelo · yellow",
    "red": "rojo · vermelho · red",
    "button": "botón · botão · button",
}
RINGS = ("#111111", "#7b3f00", "#d3302f", "#f08c00", "#f2cf00", "#1e9e4a", "#2563c9", "#8a2be2", "#888888", "#ffffff")
GOLD = "#b8912a"
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"


def draw(panel: PanelConfig) -> str:
    """The whole drawing, as SVG. The same panel gives the same text."""
    lights = {color: pin_of(getattr(panel.leds, color)) for color in COLORS}
    button = pin_of(panel.button.pin)
    grounds = ground_near(*lights.values()), ground_near(button)
    used = {pin: COLORS[color] for color, pin in lights.items()} | {button: BLUE} | dict.fromkeys(grounds, INK)
    parts = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="{FONT}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        _text(40, 44, "Raspberry Pi · GPIO", 22, weight="bold"),
        *_lights(lights, grounds[0]),
        *_button(button, grounds[1]),
        *_header(used),
        *_labels(used),
        *_board(),
        *_legend(),
        "</svg>",
    )
    return "\n".join(parts) + "\n"


def _text(
    x: float, y: float, words: str, size: int = 15, fill: str = INK, anchor: str = "start", weight: str = ""
) -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"{bold}>{words}</text>'


def _box(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"{more}/>'


def _circle(x: float, y: float, radius: float, fill: str, edge: str = "none", thick: float = 1) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}" stroke="{edge}" stroke-width="{thick:g}"/>'


def _wire(color: str, *points: tuple[float, float]) -> str:
    """With a white edge, so that crossings can be told apart."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    style = 'fill="none" stroke-linejoin="round"'
    return (
        f'<polyline points="{path}" stroke="{PAPER}" stroke-width="9" {style}/>'
        f'<polyline points="{path}" stroke="{color}" stroke-width="3.5" {style}/>'
    )


def _place(pin: int) -> tuple[float, float]:
    """Where a pin of the header is drawn: odd ones left, pin 1 at the top."""
    return (LEFT if pin % 2 else RIGHT), TOP + (pin - 1) // 2 * PITCH


def _into(pin: int) -> tuple[tuple[float, float], ...]:
    """The last bit of a wire that comes from the left; to the right column it goes between two rows."""
    x, y = _place(pin)
    return ((x, y),) if pin % 2 else ((x, y + PITCH / 2), (x, y))


def _lights(lights: dict[str, int], ground: int) -> Iterator[str]:
    ohms = resistor()
    top, bottom = min(HEIGHTS.values()), max(HEIGHTS.values())
    yield _wire(
        INK, (200, bottom), (90, bottom), (90, top - 50), (575, top - 50), (575, _into(ground)[0][1]), *_into(ground)
    )
    yield from (_wire(INK, (90, y), (200, y)) for y in HEIGHTS.values() if y != bottom)
    for color, pin in lights.items():
        y, end = HEIGHTS[color], _into(pin)
        yield _wire(COLORS[color], (200, y), (540, y), (540, end[0][1]), *end)
        yield from _led(200, y, color)
        yield from _resistor(340, y, ohms, current(color, ohms))
    yield from (_circle(90, y, 5.5, INK) for y in HEIGHTS.values() if y != bottom)


def _led(x: float, y: float, color: str) -> Iterator[str]:
    """Cathode to the left, at ground."""
    yield _circle(x, y, 24, COLORS[color], INK, 2)
    yield f'<path d="M{x + 11},{y - 11} V{y + 11} L{x - 9},{y} Z" fill="{PAPER}"/>'
    yield f'<path d="M{x - 10},{y - 11} V{y + 11}" stroke="{PAPER}" stroke-width="3.5"/>'
    yield _text(x - 36, y - 10, "−", 20, anchor="middle", weight="bold")
    yield _text(x + 36, y - 10, "+", 20, anchor="middle", weight="bold")
    yield _text(x, y + 44, NAMES[color], 14, anchor="middle")


def _resistor(x: float, y: float, ohms: int, milliampere: float) -> Iterator[str]:
    """With the rings of its value: two digits, zeros, 5 %."""
    digits = f"{ohms:.1e}"
    rings = (int(digits[0]), int(digits[2]), int(digits[-2:]) - 1)
    yield _box(x, y - 14, 110, 28, "#ead9b5", f' rx="12" stroke="{INK}" stroke-width="2"')
    for place, fill in zip((20, 38, 56, 88), (*(RINGS[ring] for ring in rings), GOLD), strict=True):
        yield _box(x + place - 5, y - 13, 10, 26, fill)
    yield _text(x + 55, y - 24, f"{ohms} Ω", 16, anchor="middle", weight="bold")
    yield _text(x + 55, y + 36, f"{milliampere:.1f} mA", 13, DULL, "middle")


def _button(pin: int, ground: int) -> Iterator[str]:
    """Between the pin and ground, and nothing else: the Pi pulls up by itself."""
    x, y = 245, 560
    yield _wire(BLUE, (x + 45, y), (540, y), (540, _into(pin)[0][1]), *_into(pin))
    yield _wire(INK, (x - 45, y), (90, y), (90, _into(ground)[0][1]), *_into(ground))
    yield _box(x - 45, y - 34, 90, 68, "#3a3f4a", ' rx="10"')
    yield _circle(x, y, 25, BLUE, PAPER, 3)
    yield from (_circle(end, y, 6, GOLD, INK) for end in (x - 45, x + 45))
    yield _text(x, y + 58, NAMES["button"], 14, anchor="middle")


# --- the Pi --------------------------------------------------------------------------------------------------------

FILLS = {GND: "#9aa1ad", V3: "#f3c58b", V5: "#f0a3a0"}


def _header(used: dict[int, str]) -> Iterator[str]:
    yield _box(LEFT - 18, TOP - 18, RIGHT - LEFT + 36, 19 * PITCH + 36, "#2f343d", ' rx="6"')
    for pin, what in HEADER.items():
        x, y = _place(pin)
        fill = used.get(pin) or FILLS.get(str(what), PALE)
        corner = 2 if pin == 1 else 12
        edge = f' rx="{corner}" stroke="{PAPER}" stroke-width="2"' if pin in used else f' rx="{corner}"'
        yield _box(x - 12, y - 12, 24, 24, fill, edge)
        yield _text(x, y + 4.5, str(pin), 12, PAPER if pin in used else INK, "middle", "bold" if pin in used else "")


def _name(what: int | str) -> str:
    return f"GPIO {what}" if isinstance(what, int) else what


def _labels(used: dict[int, str]) -> Iterator[str]:
    """The names of the pins that matter, on the wires of those that are used."""
    for pin, what in HEADER.items():
        x, y = _place(pin)
        if pin in used:
            yield _box(x - 103 if pin % 2 else x + 26, y - 11, 74, 22, used[pin], ' rx="11"')
            yield _text(x - 66 if pin % 2 else x + 63, y + 5, _name(what), 13, PAPER, "middle", "bold")
        elif what in (*UART_PINS, V5):
            yield _text(RIGHT + 26, y + 5, f"{_name(what)} · serial" if what in UART_PINS else _name(what), 12, DULL)


def _board() -> Iterator[str]:
    """Which way the header is to be held, so that pin 1 is at the top left: it lies on another edge of the Zero."""
    x, y, width, height = 815, 330, 150, 226
    header = x + width - 24
    yield _box(x, y, width, height, "#2d7a4f", ' rx="10"')
    yield from (_circle(x + dx, y + dy, 5, PAPER) for dx in (10, width - 10) for dy in (10, 165))
    yield _box(header, y + 20, 16, 130, "#2f343d")
    yield from (_circle(header + dx, y + 25 + row * 6.3, 1.8, "#e8d28a") for row in range(20) for dx in (4.5, 11.5))
    yield _text(header - 10, y + 31, "1", 15, PAPER, "middle", "bold")
    for place in (8, 56, 104):
        yield _box(x + place, y + height - 34, 38, 42, "#b9c0cb", f' rx="3" stroke="{DULL}"')
    yield _text(x + width / 2, y - 12, "Zero 2 W: microSD ↑", 13, DULL, "middle")
    yield _text(x + width / 2, y + height + 28, "3 · 4 · 5: USB ↓", 13, DULL, "middle")
    yield _text(x + width / 2 - 14, y + 100, "Raspberry Pi", 13, PAPER, "middle", "bold")


def _legend() -> Iterator[str]:
    """Under the lights: how to tell an LED's legs, and what pins are that nothing is wired to."""
    x, y = 130, 432
    dome = f"M{x},{y + 26} V{y + 12} A14,14 0 0 1 {x + 28},{y + 12} V{y + 26} Z"
    yield f'<path d="{dome}" fill="{PALE}" stroke="{INK}" stroke-width="2"/>'
    yield f'<path d="M{x + 8},{y + 26} V{y + 44} M{x + 20},{y + 26} V{y + 62}" stroke="{INK}" stroke-width="2.5"/>'
    yield _text(x - 2, y + 52, "−", 18, anchor="end", weight="bold")
    yield _text(x + 30, y + 62, "+", 18, weight="bold")
    yield _text(x + 56, y + 24, "+ : pata larga · perna longa · long leg", 14)
    volts = f"{min(FORWARD_V.values())}–{max(FORWARD_V.values())} V"
    yield _text(x + 56, y + 46, f"LED {volts}, R {resistor()} Ω ¼ W, {SUPPLY_V} V", 14, DULL)
    for number, (name, fill) in enumerate(FILLS.items()):
        yield _box(815, 610 + number * 26, 18, 18, fill, ' rx="9"')
        yield _text(842, 624 + number * 26, name, 13, DULL)


def main() -> None:
    PAGE.write_text(draw(PanelConfig()))


if __name__ == "__main__":
    main()
