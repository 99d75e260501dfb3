# SPDX-License-Identifier: Apache-2.0
"""What `nightjar doctor` says of a configuration apart from its certificates, and of what is no broker, or one
that refuses for other reasons than TLS."""
import json
import resource
import socket
import subprocess
import threading

import pytest

from support.broker import NIGHTJAR, Broker
from support.dns import Network
from support.peer import TIMEOUT
from support.tool import run


CERTIFICATE = {"depth": int, "subject": str, "issuer": str, "serial": str, "names": str, "not_before": str, "not_after": str}
FINDING = {"name": str, "severity": {"note", "warning", "fault"}, "is_guess": bool, "end": {"client", "broker"}, "cause": str,
           "mend": str}
STEP = {"step": str, "result": {"good", "failed", "skipped"}, "tried": str, "came": str, "findings": [FINDING]}
REPORT = {"steps": [STEP], "faults": int, "warnings": int, "is_cut": bool}
OPTIONAL = {"file": str, "certificate": CERTIFICATE}      # of a finding


def fits(value, shape):
    """Whether a report is what the manual's JSON section says, with nothing more and nothing less."""
    if isinstance(shape, set):
        return value in shape
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(v, shape[0]) for v in value)
    if isinstance(shape, type):
        return type(value) is shape
    more = {k: s for k, s in OPTIONAL.items() if shape is FINDING and k in value}
    shape = {**shape, **more}
    return set(value) == set(shape) and all(fits(value[k], s) for k, s in shape.items())


def read_report(text):
    report = json.loads(text)
    assert fits(report, REPORT), report
    certain = [f["severity"] for s in report["steps"] for f in s["findings"] if not f["is_guess"]]
    assert (report["faults"], report["warnings"]) == (certain.count("fault"), certain.count("warning"))
    return report["steps"]


def steps(folder, text, limit=None):
    """The steps of the report about a configuration, by name; `limit`: descriptors for the doctor."""
    (folder / "broker.conf").write_text(text)
    done = subprocess.run(
        [NIGHTJAR, "doctor", "--config", str(folder / "broker.conf"), "--files", "--json"], capture_output=True,
        stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False,
        preexec_fn=lambda: limit and resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert done.returncode in (0, 1), done.stderr.decode()
    return read_report(done.stdout)


def names(report):
    return {f["name"] for step in report for f in step["findings"]}


OPEN = "listener 18830 127.0.0.1\nallow_anonymous true\n"


@pytest.mark.parametrize("line, is_too_much", (
    ("global_max_connections 256", True), ("max_connections 256", True), ("max_connections 200", False), ("", False)))
def test_more_connections_than_descriptors_are_warned_of(tmp_path, line, is_too_much):
    assert ("few_descriptors" in names(steps(tmp_path, f"{OPEN}{line}\n", limit=256))) == is_too_much


def test_connections_of_listeners_count_together_up_to_the_global_limit(tmp_path):
    two = "max_connections 200\nlistener 18831 127.0.0.1\nmax_connections 200\n"
    assert "few_descriptors" in names(steps(tmp_path, OPEN + two, limit=256))
    assert "few_descriptors" not in names(steps(tmp_path, f"{OPEN}{two}global_max_connections 200\n", limit=256))


@pytest.mark.parametrize("limit, is_too_much", ((10**15, True), (10**8, False), (0, False)))
def test_more_memory_than_the_machine_has_is_warned_of(tmp_path, limit, is_too_much):
    assert ("memory_limit_too_large" in names(steps(tmp_path, f"{OPEN}memory_limit {limit}\n"))) == is_too_much


def test_included_files_are_judged_as_the_broker_reads_them(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.conf").write_text("listener 18832\n")
    (tmp_path / "more" / "a.conf").write_text("listener 18831 127.0.0.1\n")
    (tmp_path / "more" / "c.other").write_text("listener 18833\n")
    report = steps(tmp_path, f"{OPEN}include_dir {tmp_path}/more\n")
    assert [s["tried"] for s in report if s["step"] == "listener"] == [
        "port 18830 of 127.0.0.1", "port 18831 of 127.0.0.1", "port 18832"]
    assert "open_to_all" in {f["name"] for f in report[-1]["findings"]}


@pytest.mark.parametrize("text, level", (
    ("listener 18830\nallow_anonymous true\n", "open: no protection"),
    ("listener 18830\nallow_anonymous false\n", "password, readable on the network"),
    ("listener 18830\npsk_hint h\nallow_anonymous false\n", "TLS + password")))
def test_each_listener_is_given_its_level(tmp_path, text, level):
    assert [s["came"] for s in steps(tmp_path, text) if s["step"] == "listener"] == [level]


def test_a_byte_order_mark_is_called_that_and_its_mend_mends(tmp_path):
    report = steps(tmp_path, "\ufeff" + OPEN)
    assert [s["tried"] for s in report if s["step"] == "listener"] == ["port 18830 of 127.0.0.1"]
    (found,) = [f for s in report for f in s["findings"] if f["name"] == "config_refused"]
    assert "byte order mark" in found["cause"]
    subprocess.run(found["mend"], shell=True, check=True)
    assert "config_refused" not in names(steps(tmp_path, (tmp_path / "broker.conf").read_text()))


def test_a_report_about_a_certificate_has_its_shape(tmp_path):
    subprocess.run([NIGHTJAR, "pki", "init", "--dir", tmp_path / "pki"], check=True, capture_output=True)
    subprocess.run([NIGHTJAR, "pki", "server", "b", "--days", "10", "--dir", tmp_path / "pki"], check=True, capture_output=True)
    home = tmp_path / "pki" / "hosts" / "b"
    report = steps(tmp_path, f"{OPEN}certfile {home}/server.crt\nkeyfile {home}/server.key\n")
    assert ["certificate" in f for s in report for f in s["findings"] if f["name"] == "expires_soon"] == [True]


# ------------------------------------------------------------------------------------- the way there

def test_a_socket_that_is_not_there(tmp_path):
    _, found = doctor("--unix", str(tmp_path / "socket"))
    assert (found["name"], found["mend"]) == ("port_closed", "start the broker, or correct the path")


@pytest.fixture(scope="module")
def network():
    """Without a way out, and with names that have no address, or one of IPv6 alone."""
    with Network({"six.example.test AAAA": ["2001:db8::1"], "four.example.test A": ["192.0.2.1"]}) as network:
        reason = network.refused()
        if reason:
            pytest.skip(reason)
        yield network


@pytest.mark.parametrize("host, name, says", (
    ("none.example.test", "name_unknown", "has no address"), ("six.example.test", "unreachable", "IPv6 addresses only"),
    ("four.example.test", "unreachable", "Network is unreachable")))
def test_a_name_that_leads_nowhere(network, host, name, says):
    _, found = doctor(host, inside=network.inside)
    assert found["name"] == name and says in found["cause"]


# ------------------------------------------------------------------------------------- what answers

def doctor(*words, inside=()):
    """(exit code, the one finding)"""
    code, out, err = run([*inside, NIGHTJAR, "doctor", "--json", *words])
    assert code in (0, 1), err
    found = [f for s in read_report(out) for f in s["findings"] if f["severity"] == "fault"]
    assert len(found) == code, found
    return code, found[0] if found else None


class Stranger:
    """Answers whoever comes with `greeting`, at once or to the first bytes; with None it keeps silent."""

    def __init__(self, greeting, is_asked):
        self.greeting, self.is_asked = greeting, is_asked
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.peers = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.server.accept()
                if self.greeting is None:
                    self.peers.append(peer)
                    continue
                if self.is_asked:
                    peer.recv(4096)
                peer.sendall(self.greeting)
                peer.close()
            except OSError:
                if self.server.fileno() < 0:
                    return


@pytest.mark.parametrize("options", ([], ["--tls-use-os-certs"]), ids=("plain", "tls"))
@pytest.mark.parametrize("greeting, is_asked, name, says", (
    (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", True, "plain_http", "web server"),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", False, "not_mqtt", "SSH-2.0-OpenSSH_9.2p1"),
    (b"", True, "not_mqtt", "without a word"), (None, False, "not_mqtt", "says nothing")),
    ids=("http", "ssh", "end", "silence"))
def test_what_is_no_broker_is_called_what_it_is(greeting, is_asked, name, says, options):
    stranger = Stranger(greeting, is_asked)
    with stranger.server:
        _, found = doctor(f"127.0.0.1:{stranger.port}", "-W", "1", *options)
    assert found["name"] == name and says in found["cause"], found


@pytest.fixture(scope="module", params=["nightjar", "mosquitto"])
def guarded(request, tmp_path_factory):
    """A broker with a password on one port, and with room for one client on the other."""
    passwords = tmp_path_factory.mktemp("pw") / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "u", "open sesame"], check=True,
                   capture_output=True)
    broker = Broker(request.param, "per_listener_settings true\n"
                    f"listener {{port}} 127.0.0.1\npassword_file {passwords}\nallow_anonymous false\nuser root\n"
                    "listener {port2} 127.0.0.1\nmax_connections 1\nallow_anonymous true\n")
    broker.start()
    yield broker
    assert broker.stop() == 0


@pytest.mark.parametrize("version", ("311", "5"))
@pytest.mark.parametrize("options, says", (
    ([], "gave none"), (["-u", "u", "-P", "wrong"], "u with this password"), (["-u", "u"], "u with no password"),
    (["-u", "nobody", "-P", "open sesame"], "nobody with this password")), ids=str)
def test_a_login_that_is_refused(guarded, version, options, says):
    _, found = doctor(f"127.0.0.1:{guarded.port}", "-V", version, *options)
    assert found["name"] in ("not_allowed", "bad_password") and says in found["cause"]
    assert ("nightjar passwd PASSWORD_FILE" in found["mend"]) == bool(options)


def test_a_login_that_works(guarded):
    assert doctor(f"127.0.0.1:{guarded.port}", "-u", "u", "-P", "open sesame") == (0, None)


def test_a_full_broker(guarded):
    peer = guarded.peer(port=guarded.port2)
    try:
        peer.connect("first")
        _, found = doctor(f"127.0.0.1:{guarded.port2}")
    finally:
        peer.close()
    assert "max_connections" in found["cause"] and "log" in found["mend"]
