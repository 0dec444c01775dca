"""`till-provision`: what stands on a card afterwards, and every mistake that people make before."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from edge.cli.main import main as till_edge
from provision import values
from provision.command import main
from tests.support.cards import COMMAND_LINES, CONFIG, KEY, PACKAGE, PASSWORD, ROOT, TOKEN, WIFI, Laptop, bundle, listed
from tests.support.provisioning_page import PAGE, in_page, page_part

PSK = values.wifi(WIFI[1], "correcto caballo", "AR").psk
PREPARED = ROOT / "build" / "cloud-init"


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


def written(laptop: Laptop, release: str, *words: object) -> dict[str, bytes]:
    """What is new or other on a fresh card."""
    card = laptop.card(release)
    before = listed(card)
    code, said = laptop.one(*words)
    assert code == 0, said
    return {name: content for name, content in listed(card).items() if before.get(name) != content}


# --- what stands on the card ------------------------------------------------------------------------------------------

COMMON = {
    "till-edge/access_token",
    "till-edge/broker_password",
    "till-edge/config.yaml",
    "till-edge-setup/first-boot.sh",
    "till-edge-setup/install.sh",
    "till-edge-setup/till-edge-install.service",
    f"till-edge-setup/{PACKAGE}",
}

EACH_BOOT = "till-edge-setup/each-boot.sh"


def test_a_card_of_trixie(laptop):
    files = written(laptop, "trixie", *WIFI)
    assert set(files) == COMMON | {"user-data", "meta-data", "network-config", "ssh", EACH_BOOT}
    told = yaml.safe_load(files["user-data"])
    assert (told["hostname"], told["timezone"], told["ssh_pwauth"]) == (
        "caja01",
        "America/Argentina/Buenos_Aires",
        False,
    )
    (user,) = told["users"]
    assert (user["name"], user["lock_passwd"], user["ssh_authorized_keys"]) == ("till", True, [KEY.strip()])
    network = yaml.safe_load(files["network-config"])["network"]
    assert list(network["wifis"]["wlan0"]["access-points"]) == ['Kiosco "Ñandú"']
    assert network["wifis"]["wlan0"]["regulatory-domain"] == "AR"
    assert yaml.safe_load(files["meta-data"])["instance-id"].startswith("till-edge-caja01-")


def test_a_card_of_bookworm(laptop):
    files = written(laptop, "bookworm", *WIFI)
    assert set(files) == COMMON | {"firstrun.sh", "cmdline.txt", "till-edge-setup/wifi"}
    assert files["cmdline.txt"].decode() == (
        COMMAND_LINES["bookworm"].strip()
        + " systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot"
        + " systemd.unit=kernel-command-line.target\n"
    )
    ssid, psk, country = files["till-edge-setup/wifi"].decode().splitlines()
    assert (ssid, len(psk), country) == ('Kiosco "Ñandú"', 64, "AR")


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_till_on_a_cable_has_no_word_of_a_radio(laptop, release):
    files = written(laptop, release)
    assert "till-edge-setup/wifi" not in files
    assert not any(b"wlan" in content and name != "firstrun.sh" for name, content in files.items())


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_secrets_stand_only_where_they_are_wiped(laptop, release):
    files = written(laptop, release, *WIFI)
    holding = {
        secret: {name for name, content in files.items() if secret.encode() in content}
        for secret in (TOKEN, PASSWORD, PSK)
    }
    assert list(holding.values()) == [
        {"till-edge/access_token"},
        {"till-edge/broker_password"},
        {"till-edge-setup/wifi" if release == "bookworm" else "network-config"},
    ]
    assert not any(b"correcto caballo" in content for content in files.values())


def test_the_key_of_a_network_is_that_of_the_standard():
    # IEEE 802.11i, H.4.
    derived = values.wifi("IEEE", "password", "US").psk
    assert derived == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"


def test_it_is_said_file_by_file_what_was_written(laptop):
    laptop.card()
    code, said = laptop.one(*WIFI)
    assert (code, said.splitlines()[0]) == (
        0,
        'bootfs: till CAJA01, host caja01, user till, Wi-Fi Kiosco "Ñandú", trixie',
    )
    names = {line.split()[0] for line in said.splitlines() if line.endswith(" bytes")}
    assert names == COMMON | {"user-data", "meta-data", "network-config", "ssh", EACH_BOOT}


def test_the_instance_that_the_imager_wrote_on_the_command_line_hides_ours_no_more(laptop):
    card = laptop.card()
    line = COMMAND_LINES["trixie"].strip()
    (card / "cmdline.txt").write_text(f"{line} ds=nocloud;i=rpi-imager-1790623015181 cfg80211.ieee80211_regdom=AR\n")
    assert laptop.one()[0] == 0
    assert (card / "cmdline.txt").read_text() == f"{line} cfg80211.ieee80211_regdom=AR\n"


def test_the_same_words_make_the_same_card_and_others_another_instance(laptop):
    def instance(name: str, *words: str) -> str:
        card = laptop.card(name=name)
        laptop.type("--boot", name, "--bundle", "CAJA01", "--ssh-key", "me.pub", *words)
        return yaml.safe_load((card / "meta-data").read_text())["instance-id"]

    assert instance("one") == instance("two") != instance("three", "--user", "ana")


@pytest.mark.skipif(shutil.which("mcopy") is None, reason="there are no mtools here: apt-get install mtools dosfstools")
def test_all_of_it_fits_into_the_file_system_of_a_card(laptop):
    laptop.card("bookworm")
    assert laptop.one(*WIFI)[0] == 0
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "MTOOLS_SKIP_CHECK": "1"}
    image = laptop.folder / "card.img"
    subprocess.run(["mkfs.vfat", "-C", image, "40000"], check=True, stdout=subprocess.DEVNULL, env=environ)
    there, back = laptop.folder / "bootfs", laptop.folder / "back"
    subprocess.run(["mcopy", "-s", "-i", image, *there.iterdir(), "::"], check=True, env=environ)
    back.mkdir()
    subprocess.run(["mcopy", "-s", "-n", "-i", image, "::*", back], check=True, env=environ)
    assert listed(back) == listed(there)


# --- as the releases' own tools see it --------------------------------------------------------------------------------


def cloud_init(release: str) -> list[str] | None:
    """How to run a release's cloud-init: what scripts/get-cloud-init fetched, or else what is installed."""
    modules = PREPARED / release / "usr/lib/python3/dist-packages"
    if modules.is_dir():
        return ["env", f"PYTHONPATH={modules}", f"{PREPARED}/venv/bin/python", "-m", "cloudinit.cmd.main"]
    installed = shutil.which("cloud-init")
    return [installed] if installed else None


def schema(release: str, file: Path, kind: str | None = None) -> tuple[int, str]:
    command = cloud_init(release)
    if command is None:
        pytest.skip("there is no cloud-init here: scripts/get-cloud-init fetches it, and installs nothing")
    words = ["schema", "--config-file", file, *(["--schema-type", kind] if kind else [])]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [(), WIFI], ids=["cable", "wifi"])
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_cloud_init_has_nothing_to_say_about_user_data(laptop, release, words):
    card = laptop.card()
    assert laptop.one(*words)[0] == 0
    code, said = schema(release, card / "user-data")
    assert (code, said.count("Valid")) == (0, 1), said


def test_cloud_init_has_nothing_to_say_about_network_config(laptop):
    """Without netplan beside it cloud-init knows cables only; with it, it lets netplan look: the next story."""
    card = laptop.card()
    assert laptop.one()[0] == 0
    code, said = schema("trixie", card / "network-config", "network-config")
    assert (code, said.count("Valid")) == (0, 1), said


def netplan(root: Path) -> None:
    found = [*PREPARED.glob("*/usr/lib*/netplan/generate"), *Path("/usr").glob("lib*/netplan/generate")]
    if not found:
        pytest.skip("there is no netplan here: scripts/get-cloud-init fetches it, and installs nothing")
    libraries = ":".join(map(str, PREPARED.glob("*/usr/lib/*-linux-gnu*")))
    command = [found[0], "--root-dir", root]
    subprocess.run(command, check=True, env={**os.environ, "LD_LIBRARY_PATH": libraries}, capture_output=True)


def test_netplan_makes_of_it_what_networkmanager_reads(laptop):
    card = laptop.card()
    assert laptop.one(*WIFI)[0] == 0
    folder = laptop.folder / "root/etc/netplan"
    folder.mkdir(parents=True)
    # The release's own file, in /usr/lib/netplan.
    (folder / "00-network-manager-all.yaml").write_text("network: {version: 2, renderer: NetworkManager}\n")
    shutil.copy(card / "network-config", folder / "50-cloud-init.yaml")
    netplan(laptop.folder / "root")
    made = listed(laptop.folder / "root/run/NetworkManager/system-connections")
    texts = [content.decode() for content in made.values()]
    (radio,) = [text for text in texts if "type=wifi" in text]
    assert 'ssid=Kiosco "Ñandú"\n' in radio
    assert f"psk={PSK}\n" in radio
    assert [text for text in texts if "type=ethernet" in text]


@pytest.mark.parametrize(
    ("name", "kind", "good", "bad"),
    [
        ("user-data", None, "lock_passwd: true", "lock_passwd: [1]"),
        ("network-config", "network-config", "dhcp4: true", "dhcp4: [1]"),
    ],
)
def test_cloud_init_does_have_something_to_say_about_a_mistake(laptop, name, kind, good, bad):
    card = laptop.card()
    laptop.one()
    text = (card / name).read_text()
    assert good in text
    (card / name).write_text(text.replace(good, bad))
    assert schema("trixie", card / name, kind)[0] != 0


@pytest.mark.parametrize(
    "script", ["firstrun.sh", "till-edge-setup/first-boot.sh", "till-edge-setup/install.sh", EACH_BOOT]
)
def test_the_scripts_that_root_runs_are_valid(laptop, script):
    files = written(laptop, "trixie" if script == EACH_BOOT else "bookworm", *WIFI)
    path = laptop.folder / "script"
    path.write_bytes(files[script])
    subprocess.run(["sh", "-n", path], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", path], check=True)


def test_first_boot_begins_again_at_each_boot_until_the_till_is_installed(laptop):
    """cloud-init notes down that it ran a command before it runs it: what a power cut ends there, it takes for done."""
    card = laptop.card()
    laptop.one()
    root = laptop.folder / "root"
    for folder in ("usr/local/lib", "etc/systemd/system", "bin"):
        (root / folder).mkdir(parents=True)
    (root / "bin/systemctl").write_text(f"#!/bin/sh\necho $* >>{root}/asked\n")
    (root / "bin/systemctl").chmod(0o755)
    for script in card.glob("till-edge-setup/*.sh"):
        text = script.read_text().replace("/boot/firmware", str(card))
        script.write_text(
            text.replace("/usr/local", f"{root}/usr/local").replace("/etc/systemd", f"{root}/etc/systemd")
        )

    def boot() -> str:
        (root / "asked").unlink(missing_ok=True)
        environ = {**os.environ, "PATH": f"{root}/bin:{os.environ['PATH']}"}
        subprocess.run(["sh", card / EACH_BOOT], check=True, env=environ)
        return (root / "asked").read_text() if (root / "asked").exists() else ""

    begun = "daemon-reload\nenable till-edge-install.service\nstart --no-block till-edge-install.service\n"
    kept = root / "usr/local/lib/till-edge-setup"
    assert boot() == begun
    shutil.rmtree(kept)  # the plug was pulled before it was on the disk
    kept.mkdir()
    (kept / "till-edge_0.0.9_all.deb").touch()  # or the card was prepared again, with a newer package
    assert boot() == begun
    assert {path.name for path in kept.iterdir()} == {"install.sh", PACKAGE}
    shutil.copy(card / "meta-data", root / "usr/local/lib/till-edge-installed")
    assert boot() == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_has_nothing_to_say_about_the_unit_that_installs(laptop):
    unit = laptop.folder / "till-edge-install.service"
    unit.write_bytes(written(laptop, "trixie")["till-edge-setup/till-edge-install.service"])
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""


# --- the mistakes that people make ------------------------------------------------------------------------------------


def refused(laptop: Laptop, said: str, *words: object) -> None:
    """Nothing is written, and it is said what to do."""
    before = listed(laptop.folder)
    code, told = laptop.one(*words)
    assert code == 1
    assert said in told
    assert listed(laptop.folder) == before


def test_the_wrong_folder(laptop):
    (laptop.folder / "bootfs").mkdir()
    refused(
        laptop, "bootfs has no cmdline.txt and no config.txt: it is not the boot partition of a Raspberry Pi OS card"
    )


def test_a_card_that_is_prepared_already(laptop):
    card = laptop.card()
    assert laptop.one()[0] == 0
    refused(laptop, "bootfs: there is a folder till-edge, of the till CAJA01; --again overwrites it")
    (card / "till-edge" / "config.yaml").unlink()  # as after first boot
    refused(laptop, "bootfs: there is a folder till-edge, of the till caja01; --again overwrites it")
    (card / "meta-data").unlink()
    refused(laptop, "bootfs: there is a folder till-edge; --again overwrites it", "--release", "trixie")
    (card / "till-edge" / "DONE.txt").write_text("done")
    (card / "till-edge" / "client.key").write_text("of the till before")
    assert laptop.one("--again", "--hostname", "caja02")[0] == 0
    assert {name for name in listed(card) if name.startswith("till-edge")} == COMMON | {EACH_BOOT}


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_card_on_which_the_imager_has_settings_of_its_own(laptop, release):
    card = laptop.card(release)
    if release == "trixie":
        (card / "user-data").write_text("#cloud-config\nhostname: pi\nusers: [{name: me}]\n")
    else:
        (card / "firstrun.sh").write_text("#!/bin/sh\n")
    refused(laptop, "as Raspberry Pi Imager")


def test_bookworm_prepared_twice_runs_one_script(laptop):
    card = laptop.card("bookworm")
    assert laptop.one()[0] == laptop.one("--again")[0] == 0
    assert (card / "cmdline.txt").read_text().count("systemd.run=") == 1


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_card_that_has_run_before(laptop, release):
    """Its command line has lost the word by which the release is known."""
    card = laptop.card("bookworm")
    (card / "cmdline.txt").write_text("console=tty1 root=PARTUUID=8acef004-02 rootwait\n")
    refused(laptop, "doesn't show its release; add --release bookworm or trixie")
    code, said = laptop.one("--release", release)
    assert code == 0
    assert said.splitlines()[0].endswith(release)


def test_a_release_that_there_is_not(laptop, capsys):
    laptop.card()
    with pytest.raises(SystemExit, match="2"):
        main(["--deb", "x.deb", "--release", "trixe"])
    assert "argument --release: 'trixe' is no release; choose bookworm or trixie" in capsys.readouterr().err


def test_another_release_than_the_one_that_is_there(laptop):
    laptop.card("trixie")
    refused(laptop, "bootfs looks like trixie, not bookworm; leave --release out", "--release", "bookworm")


def test_a_command_line_that_was_broken_by_an_editor(laptop):
    card = laptop.card()
    (card / "cmdline.txt").write_text("console=tty1\nroot=PARTUUID=1 resize\n")
    refused(laptop, "is no kernel's command line, which is one line; flash the card again")


def test_a_private_key(laptop):
    laptop.card()
    (laptop.folder / "me").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n")
    refused(laptop, "--ssh-key: me holds a private key, which must never leave your laptop", "--ssh-key", "me")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("ssh-ed25519 AAAA me\n", "has a line that is no public key"),
        ("hello\n", "has a line that is no public key"),
        (KEY.replace("ssh-ed25519", "ssh-rsa", 1), "has a line that is no public key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\n", "ssh-keygen -i -f FILE"),
    ],
)
def test_a_file_that_is_no_public_key(laptop, content, said):
    laptop.card()
    (laptop.folder / "me.pub").write_text(content)
    refused(laptop, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--hostname", "caja_01"), "'caja_01' is no hostname: at most 63 of a-z 0-9 -, and no _; write caja-01"),
        (("--hostname", "-"), "is no hostname"),
        (("--user", "Ana"), "--user: 'Ana' is no user: at most 32 of a-z 0-9 -, a letter first"),
        (("--user", "root"), "'root' is a user of the system"),
        ((*WIFI[:4],), "a Wi-Fi needs a name, a password and a country; give --wifi-country"),
        ((*WIFI[:2],), "give --wifi-password-file and --wifi-country"),
        (("--wifi-country", "AR"), "--wifi-country: a Wi-Fi needs"),
        ((*WIFI[:5], "UK"), "--wifi-country: 'UK' is no country: two capital letters"),
        ((*WIFI[:5], "ar"), "'ar' is no country: two capital letters"),
        (("--wifi-ssid", "x" * 33, *WIFI[2:]), "at most 32 letters"),
        (("--ssh-key", "nowhere.pub"), "nowhere.pub: there is no such file; ssh-keygen -t ed25519 makes a key"),
        (("--ssh-key", "."), "--ssh-key: . can't be read: Is a directory"),
        (("--deb", "nowhere.deb"), "nowhere.deb: there is no such file; make deb makes it"),
        (("--deb", "me.pub"), "me.pub is not the package till-edge; make deb makes it"),
        (("--bundle", "CAJA99"), "--bundle: there is no folder CAJA99; till-relay enroll makes one"),
    ],
)  # fmt: skip
def test_a_value_that_can_not_be(laptop, words, said):
    laptop.card()
    refused(laptop, said, *words)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("siete77\n", "the Wi-Fi's password has 7 letters; it must have 8 to 63"),
        ("x" * 64 + "\n", "has 64 letters"),
        ("contraseña\n", "of plain ASCII"),
        ("one\ntwo\n", "must hold the password on one line"),
    ],
)
def test_a_password_that_no_wifi_has(laptop, password, said):
    laptop.card()
    (laptop.folder / "wifi.txt").write_text(password)
    refused(laptop, said, *WIFI)


def test_a_bundle_without_its_token(laptop):
    laptop.card()
    (laptop.folder / "CAJA01/access_token").unlink()
    refused(
        laptop,
        "--bundle: CAJA01/access_token: is missing, or empty; put the access token of Mercado Pago into it, alone",
    )


def test_a_bundle_that_does_not_load_is_told_in_the_words_of_the_till(laptop):
    laptop.card()
    config = CONFIG.format(till="CAJA01").replace("timezone: America", "timezone: Amerika").replace("usb", "usbb")
    (laptop.folder / "CAJA01/config.yaml").write_text(config)
    refused(laptop, "--bundle: CAJA01/config.yaml:3: till.timezone: no time zone is called")
    refused(laptop, "--bundle: CAJA01/config.yaml:14: printer.connection: is 'usbb'; write one of usb, serial")


def test_all_mistakes_are_told_at_once(laptop):
    laptop.card()
    (laptop.folder / "CAJA01/access_token").write_text("")
    _, said = laptop.one("--hostname", "a_b", "--user", "root", "--wifi-ssid", "x", "--ssh-key", "wifi.txt")
    places = [line.split(": ")[1] for line in said.splitlines()]
    assert places == ["--bundle", "--hostname", "--user", "--ssh-key", "--wifi-ssid"]


@pytest.mark.parametrize(
    "words",
    [(), ("--boot", "bootfs"), ("--csv", "x.csv"), ("--csv", "x.csv", "--out", "o", "--bundle", "CAJA01")],
)
def test_half_of_a_command(laptop, words):
    code, said = laptop.type("--ssh-key", "me.pub", *words)
    assert code == 2
    assert "for one card give --boot and --bundle; for many --csv and --out" in said


def test_a_card_that_takes_nothing(laptop):
    """As one whose write protection is on."""
    card = laptop.card()
    (card / "till-edge-setup").write_text("a file where a folder must be")
    code, said = laptop.one("--again")
    assert code == 1
    assert "till-edge-setup" in said


@pytest.mark.parametrize("words", [(), ("--help",), ("--boot", "bootfs", "--csv", "x"), ("-h", "x", "--again")])
def test_the_command_of_earlier_versions_says_where_cards_are_made_now(capsys, words):
    assert till_edge(["provision", *words]) == 2
    assert capsys.readouterr().err == (
        "till-edge: cards are now made by till-provision, on the installer's laptop, in a clone: docs/provisioning.md\n"
    )


def test_it_can_be_run_as_a_module(laptop):
    laptop.card()
    words = ["--deb", PACKAGE, "--boot", "bootfs", "--bundle", "CAJA01", "--ssh-key", "me.pub"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "provision", *words], cwd=laptop.folder, env=environ, check=False)
    assert done.returncode == 0
    assert set(listed(laptop.folder / "bootfs")) >= COMMON


def test_a_till_that_is_to_update_itself_gets_the_package_with_the_archives_key_too(laptop):
    archive = "till-edge-archive_0.1.0+1_all.deb"
    (laptop.folder / archive).write_bytes(b"!<arch>\ndebian-binary   and so on")
    made = written(laptop, "trixie", "--archive", archive)
    assert {f"till-edge-setup/{PACKAGE}", f"till-edge-setup/{archive}"} < set(made)
    code, said = laptop.one("--again", "--archive", PACKAGE)
    assert code == 1
    assert f"{PACKAGE} is not the package till-edge-archive; make apt-repository makes it" in said


# --- a table of them --------------------------------------------------------------------------------------------------


def shops(laptop: Laptop, *tills: str) -> None:
    for till in tills:
        bundle(laptop.folder / till, till)


def test_a_table_makes_a_folder_for_each_till(laptop):
    shops(laptop, "CAJA02", "CAJA03")
    table = (
        "bundle,hostname,wifi_ssid,wifi_password,wifi_country\n"
        "CAJA01,,,,\n"
        'CAJA02,kiosco-2,"Kiosco, 2",correcto caballo,AR\n'
        "\n"
        "CAJA03,,,,\n"
    )
    code, said = laptop.many(table, "--release", "trixie")
    assert code == 0, said
    cards = laptop.folder / "cards"
    assert {path.name for path in cards.iterdir()} == {"caja01", "kiosco-2", "caja03"}
    assert "Kiosco, 2" in (cards / "kiosco-2/network-config").read_text()
    assert "wlan0" not in (cards / "caja03/network-config").read_text()
    assert b"CAJA03" in listed(cards)["caja03/till-edge/config.yaml"]
    assert said.splitlines()[-1].startswith("3 folders.")


def test_a_hundred_cards(laptop):
    tills = [f"CAJA{number:03}" for number in range(100)]
    shops(laptop, *tills)
    code, said = laptop.many("bundle\n" + "\n".join(tills), "--release", "trixie", *WIFI)
    assert code == 0, said
    instances = {path.read_text() for path in laptop.folder.glob("cards/*/meta-data")}
    assert len(instances) == 100


@pytest.mark.parametrize(
    "coded",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("cp1252"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace(";", "\t").encode(),
        lambda text: text.replace("\n", ";;\r\n").encode(),
        lambda text: f"sep=;\r\n{text}".encode(),
    ],
    ids=["mark", "latin", "crlf", "tabs", "empty columns", "sep"],
)
def test_a_table_of_a_spanish_excel(laptop, coded):
    table = "Bundle;Hostname;WIFI_SSID;wifi_password;wifi_country\nCAJA01;caja1;Almacén Ñandú;correcto caballo;AR\n"
    code, said = laptop.many(coded(table), "--release", "trixie")
    assert code == 0, said
    assert "Almacén Ñandú:" in (laptop.folder / "cards/caja1/network-config").read_text()


def test_two_tills_with_one_point_of_sale_would_print_the_same_sales(laptop):
    copied = (laptop.folder / "CAJA01" / "config.yaml").read_text().replace("id: CAJA01", "id: CAJA02")
    bundle(laptop.folder / "CAJA02", "CAJA02", **{"config.yaml": copied})
    code, said = laptop.many("bundle\nCAJA01\nCAJA02\n", "--release", "trixie")
    assert code == 1
    assert "tills.csv:3: bundle: the point of sale POSCAJA01 of account 700100200 is in line 2 already" in said


def test_all_mistakes_of_a_table_are_told_at_once_and_nothing_is_written(laptop):
    shops(laptop, "CAJA02")
    table = (
        "bundle,hostname,wifi_ssid,wifi_password,wifi_country\n"
        "CAJA01,caja,,,\n"
        "CAJA02,CAJA,,,\n"
        "CAJA01,other,,,\n"
        "CAJA03,a_b,,,\n"
        "CAJA02,third,Kiosco,short,AR\n"
        "CAJA02,fourth,Kiosco,,AR\n"
    )
    code, said = laptop.many(table, "--release", "trixie")
    assert code == 1
    assert said.replace("till-provision: ", "").splitlines() == [
        "tills.csv:5: bundle: there is no folder CAJA03; till-relay enroll makes one for each till",
        "tills.csv:5: hostname: 'a_b' is no hostname: at most 63 of a-z 0-9 -, and no _; write a-b",
        "tills.csv:6: wifi_password: the Wi-Fi's password has 5 letters; it must have 8 to 63, of plain ASCII",
        "tills.csv:7: wifi_ssid: a Wi-Fi needs a name, a password and a country; give tills.csv:7: wifi_password",
        "tills.csv:3: hostname: caja is in line 2 already; each card has its own",
        "tills.csv:4: bundle: the till CAJA01 is in line 2 already; each card has its own",
        "tills.csv:4: bundle: the point of sale POSCAJA01 of account 700100200 is in line 2 already;"
        " each card has its own",
    ]
    assert not (laptop.folder / "cards").exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("bundel,hostname\nCAJA01,x\n", "tills.csv:1: bundel: there is no such column; did you mean bundle?"),
        ("hostname\nx\n", "tills.csv:1: bundle: there is no such column; add it"),
        ("bundle,bundle\nCAJA01,CAJA01\n", "tills.csv:1: bundle: is here twice; remove one of them"),
        ("bundle,hostname\nCAJA01,x,y\n", "tills.csv:2: has more cells than columns"),
        ("bundle\n", "tills.csv: has no tills; the first line names the columns"),
        ("", "tills.csv: has no tills"),
        ('bundle,hostname\nCAJA01,"x\n', "is no table"),
        ("bundle,hostname\nCAJA01,#¿NOMBRE?\n", "tills.csv:2: hostname: a spreadsheet took the text for a number"),
        ("bundle;wifi_password\nCAJA01;1,23457E+11\n", "tills.csv:2: wifi_password: a spreadsheet took the text"),
        ("bundle\nCAJA01\n".encode("utf-16"), "tills.csv: is no text table; save it as CSV (UTF-8)"),
    ],
)
def test_a_table_that_is_none(laptop, table, said):
    code, told = laptop.many(table, "--release", "trixie")
    assert code == 1
    assert said in told
    assert not (laptop.folder / "cards").exists()


def test_what_a_spreadsheet_changed_is_told_with_all_else(laptop):
    table = "bundle,hostname,user\nCAJA01,#REF!,Ana\nCAJA01,a_b,\n"
    code, told = laptop.many(table, "--release", "trixie")
    assert code == 1
    for said in ("2: hostname: a spreadsheet", "2: user: 'Ana'", "3: hostname: 'a_b'"):
        assert said in told


def test_a_table_without_its_first_line_tells_nobody_the_passwords_in_it(laptop):
    code, told = laptop.many("CAJA01,,Kiosco,correcto caballo,AR\n" * 2, "--release", "trixie")
    assert code == 1
    assert "tills.csv:1: is not the names of the columns (bundle, hostname" in told
    assert "caballo" not in told


def test_a_fault_of_the_command_line_is_told_once_for_all_tills(laptop):
    shops(laptop, "CAJA02")
    code, said = laptop.many("bundle\nCAJA01\nCAJA02\n", "--release", "trixie", "--user", "root")
    assert (code, said.count("--user: 'root'")) == (1, 1)


def test_what_a_table_made_is_not_written_over_unasked(laptop):
    table = ("bundle\nCAJA01\n", "--release", "trixie")
    assert laptop.many(*table)[0] == 0
    code, said = laptop.many(*table)
    assert code == 1
    assert "tills.csv:2: hostname: cards/caja01 exists already; --again overwrites it" in said
    assert laptop.many(*table, "--again")[0] == 0


def test_bookworm_needs_the_command_line_of_its_image(laptop):
    table = "bundle\nCAJA01\n"
    code, said = laptop.many(table, "--release", "bookworm")
    assert code == 1
    assert "add --boot, the partition bootfs of one of the freshly flashed cards" in said
    laptop.card("bookworm")
    code, said = laptop.many(table, "--boot", "bootfs")
    assert code == 0, said
    line = (laptop.folder / "cards/caja01/cmdline.txt").read_text()
    assert line.startswith(COMMAND_LINES["bookworm"].strip() + " systemd.run=")
    assert (laptop.folder / "bootfs/cmdline.txt").read_text() == COMMAND_LINES["bookworm"]


# --- the page ---------------------------------------------------------------------------------------------------------


def test_what_the_page_shows_is_what_is_written():
    text = PAGE.read_text()
    begin, end = in_page(text)
    assert text[begin:end] == page_part(), "run python -m tests.support.provisioning_page"
