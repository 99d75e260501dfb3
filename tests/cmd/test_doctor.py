# SPDX-License-Identifier: Apache-2.0
"""What `nightjar doctor` says of a configuration apart from its certificates, and of what is no broker, or one
that refuses for other reasons than TLS."""
import json
import os
import resource
import socket
import subprocess
import threading
import time

import pytest

from support.broker import NIGHTJAR, Broker, Log
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


# ------------------------------------------------------------------------------------- files beside TLS

HASH = "u:$7$101$" + "A" * 16 + "$" + "A" * 86 + "==\n"


def files(folder, lines, user="root"):
    """The findings about the files that these lines name, by their names."""
    report = steps(folder, f"{OPEN}user {user}\n" + lines.format(dir=folder))
    return {f["name"]: f for s in report if s["step"] == "files" for f in s["findings"]}


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize("line, names", (
    ("password_file {dir}/good", set()), ("password_file {dir}/gone", {"file_missing"}),
    ("psk_file {dir}/gone", {"file_missing"}), ("acl_file {dir}/gone", {"file_missing"}),
    ("password_file {dir}/open", {"secret_exposed"}), ("psk_file {dir}/open", {"secret_exposed"}),
    ("acl_file {dir}/open", set()), ("password_file {dir}/plain", {"password_plain"}),
    ("password_file {dir}", {"file_not_regular"}), ("password_file {dir}/twice", {"file_broken"}),
    ("log_dest file {dir}/gone/log", {"not_writable"}), ("log_dest file {dir}/log", set()), ("log_dest stdout", set()),
    ("pid_file {dir}/gone/pid", {"not_writable"}),
    ("pid_file /run/nj-not-yet/pid", set()), ("persistence_location {dir}/gone/", set()),
    ("persistence false\npersistence_location {dir}/gone/", set()),
    ("persistence_location {dir}/", set())), ids=str)
def test_files_that_a_configuration_names(tmp_path, line, names):
    write(tmp_path / "good", HASH)
    write(tmp_path / "open", HASH, 0o644)
    write(tmp_path / "plain", HASH + "v:open sesame\n")
    write(tmp_path / "twice", HASH + HASH)
    found = files(tmp_path, line + "\n")
    assert set(found) == names
    assert all(f["cause"] and f["mend"] and "open sesame" not in f["cause"] for f in found.values())


def test_what_mends_an_open_password_file_and_one_of_passwords_mends_it(tmp_path):
    write(tmp_path / "p", "u:open sesame\n", 0o644)
    found = files(tmp_path, "password_file {dir}/p\n")
    assert set(found) == {"secret_exposed", "password_plain"}
    for f in found.values():
        subprocess.run(f["mend"].replace("nightjar", NIGHTJAR), shell=True, check=True, capture_output=True)
    assert not files(tmp_path, "password_file {dir}/p\n")


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another")
def test_files_that_the_brokers_user_may_not_use(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o011)
    write(tmp_path / "p", HASH)
    found = files(tmp_path, "password_file {dir}/p\nlog_dest file {dir}/log\npersistence true\n"
                            "persistence_location {dir}\n", user="nobody")
    assert set(found) == {"file_of_another", "not_writable"} and "nobody" in found["not_writable"]["cause"]
    subprocess.run(found["file_of_another"]["mend"], shell=True, check=True)
    assert set(files(tmp_path, "password_file {dir}/p\n", user="nobody")) == set()


def test_a_socket_is_called_that(tmp_path):
    report = steps(tmp_path, f"listener 0 {tmp_path}/socket\nallow_anonymous true\n")
    assert [s["tried"] for s in report if s["step"] == "listener"] == [f"socket {tmp_path}/socket"]


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


def test_a_name_that_nobody_knows_about(network):
    network.publish({"mute.example.test A": None, "mute.example.test AAAA": None})
    _, found = doctor("mute.example.test", inside=network.inside)
    assert found["name"] == "name_unknown" and "no name server tells" in found["cause"] and "resolv.conf" in found["mend"]


@pytest.fixture(scope="module")
def walled():
    """192.0.2.0/24 and 2001:db8::7 swallow what is sent there, as a firewall that drops; others refuse in other ways."""
    with Network({"two.example.test A": ["127.0.0.1"], "two.example.test AAAA": ["2001:db8::7"]}) as network:
        if reason := network.refused():
            pytest.skip(reason)
        # By `lo` the kernel would answer the second SYN, at one second: beyond the cable there is nobody of that address.
        for words in ("link add wall type veth peer name beyond", "link set wall up", "link set beyond up",
                      "address add 2001:db8::1/128 dev lo", "-6 route add 2001:db8::/64 dev wall",
                      "neighbour add 2001:db8::7 lladdr 02:00:00:00:00:07 dev wall",
                      "route add 192.0.2.0/24 dev lo", "route add unreachable 198.51.100.0/24",
                      "route add prohibit 203.0.113.0/24"):
            subprocess.run([*network.inside, "ip", *words.split()], check=True, capture_output=True)
        yield network


@pytest.mark.parametrize("words, name, says", (
    (["192.0.2.7"], "no_answer", "does not answer in 1 s"),
    (["192.0.2.7:8883", "--tls-use-os-certs"], "no_answer", "a firewall drops"),
    (["198.51.100.1"], "unreachable", "No route to host"), (["203.0.113.1"], "unreachable", "does not let the client"),
    (["127.0.0.1", "-A", "192.0.2.99"], "unreachable", "no address of this machine's"),
    (["127.0.0.1"], "port_closed", "nobody listens on port 1883 of 127.0.0.1")), ids=str)
def test_walls(walled, words, name, says):
    began = time.monotonic()
    _, found = doctor(*words, "-W", "1", inside=walled.inside)
    assert found["name"] == name and says in found["cause"]
    assert time.monotonic() - began < 1 + TIMEOUT / 2                  # one second, and a slow machine


def test_an_address_that_swallows_connections_beside_one_that_works(walled, tmp_path):
    (tmp_path / "conf").write_text("listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n")
    with subprocess.Popen([*walled.inside, NIGHTJAR, "broker", "-c", tmp_path / "conf"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "XDG_STATE_HOME": str(tmp_path)}) as broker:
        Log(broker.stdout).wait("running$")
        code, out, _ = run([*walled.inside, NIGHTJAR, "doctor", "two.example.test", "--json", "-W", "1"])
        broker.terminate()
    tcp = {s["step"]: s for s in read_report(out)}["tcp"]
    assert code == 0 and "connected to 127.0.0.1" in tcp["came"] and "2001:db8::7: Connection timed out" in tcp["came"]
    assert [f["name"] for f in tcp["findings"]] == ["address_dead"]


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
    """A broker with a password."""
    passwords = tmp_path_factory.mktemp("pw") / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "u", "open sesame"], check=True,
                   capture_output=True)
    broker = Broker(request.param, f"listener {{port}} 127.0.0.1\npassword_file {passwords}\nallow_anonymous false\nuser root\n")
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


@pytest.mark.parametrize("kind", ("nightjar", "mosquitto"))
@pytest.mark.parametrize("options", ([], ["-V", "5"], ["--tls-use-os-certs"]), ids=str)
def test_a_full_broker(kind, options):
    """A listener for each, untouched before: mosquitto 2.0 miscounts who goes without a CONNECT."""
    broker = Broker(kind, "allow_anonymous true\nlistener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\nmax_connections 1\n")
    broker.start()
    with broker.peer(port=broker.port2) as peer:
        peer.connect("first")
        _, found = doctor(f"127.0.0.1:{broker.port2}", *options)
    assert found["name"] == "broker_full" and "max_connections" in found["cause"] and "log" in found["mend"]
    assert broker.stop() == 0


@pytest.mark.parametrize("kind", ("nightjar", "mosquitto"))
def test_a_client_identifier_that_is_refused_is_among_the_causes(kind):
    broker = Broker(kind, "listener {port} 127.0.0.1\nallow_anonymous true\nclientid_prefixes dev-\n")
    broker.start()
    place = f"127.0.0.1:{broker.port}"
    for version in ("311", "5"):
        _, found = doctor(place, "-V", version, "-i", "lamp")
        assert 'client identifier "lamp"' in found["cause"] and "clientid_prefixes" in found["mend"]
        assert "clientid_prefixes" in doctor(place, "-V", version)[1]["mend"]
        assert doctor(place, "-V", version, "-i", "dev-7") == (0, None)
    assert broker.stop() == 0


# ------------------------------------------------------------------------------------- what it may do there

@pytest.fixture(scope="module")
def ruled():
    """mosquitto with an ACL: nightjar has none yet."""
    broker = Broker("mosquitto", "listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {dir}/acl\n")
    with open(f"{broker.dir}/acl", "w", encoding="ascii") as f:
        f.write("topic readwrite both/#\ntopic read news/#\ntopic write drop/#\n")
    broker.start()
    yield broker
    assert broker.stop() == 0


@pytest.mark.parametrize("version", ("311", "5"))
@pytest.mark.parametrize("topic, name, says", (
    ("both/a", None, ""), ("news/a", "topic_refused", "not let this client publish to news/a"),
    ("drop/a", "message_lost", "but not read it")))
def test_a_topic_that_is_not_allowed(ruled, topic, name, says, version):
    code, found = doctor(f"127.0.0.1:{ruled.port}", "-V", version, "-t", topic, "-W", "1")
    assert code == (1 if name else 0)
    assert name is None or found["name"] == name and says in found["cause"]


def test_the_doctors_own_topic_is_no_fault_of_the_clients(ruled):
    code, out, _ = run([NIGHTJAR, "doctor", f"127.0.0.1:{ruled.port}", "--json", "-W", "1"])
    report = {s["step"]: s for s in read_report(out)}
    (found,) = report["publish"]["findings"]
    assert code == 0 and (found["name"], found["severity"]) == ("topic_refused", "warning") and "-t TOPIC" in found["mend"]


@pytest.mark.parametrize("topic, why", (("a/#", "wildcards"), ("$share/g/a", "group"), ("$SYS/a", "the broker's own")))
def test_where_no_message_can_come_back_none_is_sent(ruled, topic, why):
    code, out, _ = run([NIGHTJAR, "doctor", f"127.0.0.1:{ruled.port}", "--json", "-t", topic])
    publish = read_report(out)[-1]
    assert code == 0 and (publish["step"], publish["result"]) == ("publish", "skipped") and why in publish["came"]


class Deaf(Stranger):
    """A broker that accepts a client, and then ends the connection or keeps silent."""

    def serve(self):
        while True:
            try:
                peer, _ = self.server.accept()
                peer.recv(4096)
                peer.sendall(b"\x20\2\0\0")
                peer.recv(4096)
                if self.greeting is None:
                    self.peers.append(peer)
                else:
                    peer.close()
            except OSError:
                if self.server.fileno() < 0:
                    return


@pytest.mark.parametrize("greeting, says", ((b"", "ends the connection when this client wants to subscribe to"),
                                            (None, "does not answer in 1 s")), ids=("end", "silence"))
def test_a_broker_that_does_not_answer(greeting, says):
    deaf = Deaf(greeting, True)
    with deaf.server:
        _, found = doctor(f"127.0.0.1:{deaf.port}", "-W", "1")
    assert found["name"] == "no_reply" and says in found["cause"]
