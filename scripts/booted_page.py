"""The story of the page's real service in a booted Debian: it sells, and sees no secret of the daemon's."""

import re

import requests
from booted import CONFIG, TOKEN, Till
from debian import check, wait_for

from sim.network import free_port

PAGE = "till-edge-page.service"
SECRET = "no-one-guesses-this-secret-of-a-session-here"
LET_IN = f"""
import hashlib, json, pathlib, time
hashed, now = hashlib.sha256(b"{SECRET}").hexdigest(), time.time()
session = dict(id="0" * 16, secret_hash=hashed, label="test", since=now, seen=now)
kept = dict(sessions=[session], pairing=None, wrong_codes=0, locked_at=0.0)
pathlib.Path("/var/lib/till-edge/journal.page-access").write_text(json.dumps(kept))
"""
"""No finger is at this till's pins: the session is made where a code would have made it."""
AS_USER = "setpriv --reuid=till-edge --regid=till-edge --init-groups"


def serves_its_page(till: Till) -> str:
    """Off, then on; a sale by way of it; and what its process can reach."""
    machine, port = till.machine, free_port()
    wait_for(lambda: machine.show("ActiveState", PAGE) == "inactive", "there is a page that nobody asked for", 30)
    check(machine.show("Result", PAGE) == "success", f"a page that nobody asked for is a failure:\n{_log(till)}")
    machine.run(f"{AS_USER} python3 -c '{LET_IN}'; printf 'page: {{port: {port}}}\\n' >> {CONFIG}")
    machine.run("systemctl restart till-edge.service")
    wait_for(lambda: machine.show("ActiveState", PAGE) == "active", "the page did not start with the daemon")
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: _answers(url), "the page doesn't answer")
    ticket = _sell(till, url)
    process = machine.show("MainPID", PAGE)
    seen = _seen_by(till, process)
    machine.run(f"kill -KILL {process}")
    wait_for(lambda: machine.show("MainPID", PAGE) not in (process, "0"), "the page did not come back")
    machine.run("systemctl stop till-edge-page.service")
    check(machine.show("Result", PAGE) == "success", "it did not end as it should")
    machine.run(f"sed -i '/^page:/d' {CONFIG}; systemctl restart till-edge.service")
    till.shop.wait_for_state("ready", timeout=60)
    return f"the page sells: {ticket}; {seen}"


def _log(till: Till) -> str:
    return till.machine.run(f"journalctl --no-pager --output cat --unit {PAGE} | tail -n 20")


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _sell(till: Till, url: str) -> str:
    till.shop.wait_for_state("ready", timeout=60)
    order = {"key": "20260302-214500-00abcd", "lines": [{"title": "Yerba", "quantity": "2", "price": "50"}]}
    headers = {"Origin": url, "Cookie": f"till-session={SECRET}"}
    answer = requests.post(f"{url}/api/order", json=order, headers=headers, timeout=20)
    check(answer.ok, answer.text)
    reference = answer.json()["reference"]
    account = till.shop.mercadopago.account
    wait_for(lambda: account.order_on(account.till()), "the order is not on the till")
    till.shop.mercadopago.pay()
    wait_for(lambda: reference in till.reported(), "no ticket")
    with requests.get(f"{url}/api/live", headers=headers, stream=True, timeout=20) as stream:
        shown = next(line for line in stream.iter_lines() if line.startswith(b"data: "))
    check(reference.encode() in shown and b'"printed"' in shown, shown)
    return reference


def _seen_by(till: Till, process: str) -> str:
    """What the page's process finds in its sandbox, and what it may do to the daemon."""
    inside = f"nsenter --target {process} --mount"
    etc = till.machine.run(f"{inside} ls /etc/till-edge").split()
    check(etc == ["config.yaml"], f"it sees {etc}")
    told = till.machine.run(f"{inside} cat {TOKEN} /run/credentials/till-edge.service/access_token", status=1)
    check("APP_USR" not in told, told)
    status = till.machine.run(f"cat /proc/{process}/status")
    rights = re.findall(r"(CapEff|NoNewPrivs|Seccomp):\s+(\S+)", status)
    check(dict(rights) == {"CapEff": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}, rights)
    memory = int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
    pss = int(re.findall(r"Pss:\s+(\d+)", till.machine.run(f"cat /proc/{process}/smaps_rollup"))[0]) / 1024
    return f"in its sandbox it sees no secret and has no capability; {memory:.0f} MB, its own share {pss:.0f} MB"
