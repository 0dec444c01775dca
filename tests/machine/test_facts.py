"""Power, as each Pi tells it."""

from pathlib import Path

import pytest

from edge.machine.facts import Machine

PI_4 = "devices/platform/soc/soc:firmware/get_throttled"
PI_5 = "devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


def throttled(sysfs: Path, **files: str) -> list[str] | None:
    for name, content in files.items():
        path = sysfs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Machine(sysfs, lambda: None, sysfs).facts()["throttled"]


@pytest.mark.parametrize("place", [PI_4, PI_5])
@pytest.mark.parametrize(
    ("bits", "words"), [("0\n", []), ("5\n", ["throttled", "under_voltage"]), ("50000\n", []), ("x", None)]
)
def test_the_firmware_is_found_on_each_pi(tmp_path, place, bits, words):
    assert throttled(tmp_path, **{place: bits}) == words


@pytest.mark.parametrize(("alarm", "words"), [("0\n", []), ("1\n", ["under_voltage"]), ("", None)])
def test_a_plain_kernel_has_a_sensor_whatever_its_number(tmp_path, alarm, words):
    sensors = {"class/hwmon/hwmon0/name": "cpu_thermal\n", "class/hwmon/hwmon3/name": "rpi_volt\n"}
    assert throttled(tmp_path, **sensors, **{"class/hwmon/hwmon3/in0_lcrit_alarm": alarm}) == words


def test_both_are_asked(tmp_path):
    sensor = {"class/hwmon/hwmon0/name": "rpi_volt\n", "class/hwmon/hwmon0/in0_lcrit_alarm": "1\n"}
    assert throttled(tmp_path, **{PI_5: "8"}, **sensor) == ["hot", "under_voltage"]


def test_another_machine_says_nothing(tmp_path):
    assert throttled(tmp_path) is None


def test_an_update_that_was_taken_back_is_told_with_its_reason(tmp_path):
    """The file is as packaging/update-gate writes it: tests/house/test_update_gate.py reads one by this, too."""
    refused = tmp_path / "refused"
    assert Machine(tmp_path, lambda: None, tmp_path, refused).facts()["update_error"] == ""
    refused.write_text("# it doesn't come up\nPackage: till-edge\nPin: version 0.2.0\nPin-Priority: -1\n")
    assert Machine(tmp_path, lambda: None, tmp_path, refused).facts()["update_error"] == "0.2.0: it doesn't come up"
    refused.write_text("somebody's own words")
    assert Machine(tmp_path, lambda: None, tmp_path, refused).facts()["update_error"] == ""
