# SPDX-License-Identifier: Apache-2.0
"""Log lines in the form of Mosquitto 2.1 (../shared/mosquitto-2.1-options.md, section 7), word for word."""
import os
import re
import signal
import time

import pytest

from support import mqtt
from support.mqtt import V5, V31, V311
from support.peer import TIMEOUT

OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\n"


@pytest.fixture
def lines(broker):
    """lines(name): what the log has said of this client since the fixture was made, addresses replaced."""
    mark = broker.mark()

    def of(name, last):
        broker.log.wait(re.escape(last) if isinstance(last, str) else last, mark)
        shown = [re.sub(r"127\.0\.0\.1:\d+", "A:P", line) for line in broker.log.since(mark)]
        return [line.replace(name, "ID") for line in shown if name in line or line.startswith(("\t", "No will",
                                                                                             "Will message"))]
    return of


# ------------------------------------------------------------------------- connections


@pytest.mark.parametrize("version,clean,keepalive,username,shown", [
    (V31, True, 60, None, "(p3, c1, k60)."), (V311, False, 0, None, "(p4, c0, k0)."),
    (V5, True, 65535, "Ann Ü", "(p5, c1, k65535, u'Ann Ü').")])
def test_new_client_line(client, lines, uid, version, clean, keepalive, username, shown):
    client.raw(version).connect(uid, clean=clean, keepalive=keepalive, username=username)
    assert lines(uid, "Sending CONNACK to " + uid) == [
        f"New client connected from A:P as ID {shown}", "No will message specified.",
        "Sending CONNACK to ID (0, 0)"]


def test_session_present_is_shown(client, lines, uid):
    client(V311, uid, clean=False).disconnect()
    client(V311, uid, clean=False)
    assert "Sending CONNACK to ID (1, 0)" in lines(uid, f"Sending CONNACK to {uid} (1, 0)")


def test_will_lines(client, lines, uid):
    client(V5, uid, will={"topic": "last/words", "payload": "12345", "qos": 2, "retain": True})
    assert lines(uid, "Sending CONNACK to " + uid)[1:3] == ["Will message specified (5 bytes) (r1, q2).",
                                                           "\tlast/words"]


ENDINGS = [
    ("disconnect", lambda p, c: p.disconnect(), "."),
    ("closed", lambda p, c: p.drop(), ": connection closed by client."),
    ("malformed", lambda p, c: p.send(mqtt.publish("a", "x", 0, dup=True)[:1].replace(b"\x38", b"\x36")
                                      + b"\x05\x00\x01a\x00\x01"), ": malformed packet."),
    ("protocol", lambda p, c: p.send(mqtt.connect("again")), ": protocol error."),
    ("taken over", lambda p, c: c(V311, p.client_id), ": session taken over."),
    ("oversize", lambda p, c: p.send(b"\x30\xff\xff\xff\x7f"), ": oversize packet."),
]


@pytest.mark.parametrize("how,end,shown", ENDINGS, ids=[e[0] for e in ENDINGS])
def test_end_of_a_connection(client, broker, uid, how, end, shown):
    """`Client ID [A:P] disconnected` and why."""
    mark = broker.mark()
    peer = client(V311, uid)
    peer.client_id = uid
    end(peer, client)
    assert broker.log.wait(rf"Client {uid} \[127\.0\.0\.1:\d+\] disconnected.*", mark).group(0) \
        .endswith("disconnected" + shown)


def test_keep_alive_ending(start):
    broker = start(OPEN)
    with broker.peer(V311) as peer:
        peer.connect("quiet", keepalive=1)
        broker.log.wait(r"Client quiet \[127\.0\.0\.1:\d+\] disconnected: exceeded timeout\.$")


def test_refused_client_ending(start):
    broker = start("listener {port} 127.0.0.1\n")
    with broker.peer(V311) as peer:
        peer.connect("who", code=5)
        broker.log.wait(r"Sending CONNACK to who \(0, 5\)")
        broker.log.wait(r"Client who \[127\.0\.0\.1:\d+\] disconnected: not authorised\.$")


@pytest.mark.parametrize("packet,shown", [
    (mqtt.ack(mqtt.PUBACK, 1), r"First packet not CONNECT \(40\)"),
    (mqtt.connect("x", level=9), r"CONNECT with invalid protocol version \(9\)"),
    (mqtt.connect("x", protocol="MQXX"), 'CONNECT with invalid protocol "MQXX"')],
    ids=["not connect", "version", "name"])
def test_first_packet_errors_are_named(client, broker, packet, shown):
    mark = broker.mark()
    client.raw(V311).send(packet)
    broker.log.wait(rf"Protocol error from 127\.0\.0\.1:\d+: {shown}\.$", mark)


FAULTS = [
    ("QoS 3", lambda v: b"\x36\x05\x00\x01a\x00\x01", r"Invalid QoS in PUBLISH from {id}, disconnecting\."),
    ("DUP at QoS 0", lambda v: mqtt.publish("a", dup=True, version=v),
     r"Invalid PUBLISH \(QoS=0 and DUP=1\) from {id}, disconnecting\."),
    ("empty filter", lambda v: mqtt.subscribe(1, [("", 0)], v), r"Empty subscription string from {id}, disconnecting\."),
    ("bad filter", lambda v: mqtt.subscribe(1, [("a#", 0)], v),
     r"Invalid subscription string from {id}, disconnecting\."),
    ("filter at QoS 3", lambda v: mqtt.subscribe(1, [("a", 3)], v),
     r"Invalid QoS in subscription command from {id}, disconnecting\."),
    ("empty unsubscription", lambda v: mqtt.unsubscribe(1, [""], v),
     r"Empty unsubscription string from {id}, disconnecting\."),
    ("bad unsubscription", lambda v: mqtt.unsubscribe(1, ["a#"], v),
     r"Invalid unsubscription string from {id}, disconnecting\."),
    ("second CONNECT", lambda v: mqtt.connect("x", v), r"Bad client 127\.0\.0\.1:\d+ sending multiple CONNECT messages\."),
    ("identifier 0", lambda v: mqtt.subscribe(0, [("a", 0)], v), r"Protocol error from {id}: SUBSCRIBE with mid = 0\."),
    ("alias", lambda v: mqtt.publish("a", version=V5, properties={"topic_alias": 77}),
     r"Protocol error from {id}: PUBLISH invalid topic alias \(77\)\."),
    ("alias not set", lambda v: mqtt.publish("", version=V5, properties={"topic_alias": 3}),
     r"Protocol error from {id}: PUBLISH invalid topic alias \(3\)\."),
    ("property", lambda v: mqtt.publish("a", version=V5, properties={"maximum_qos": 1}),
     r"Protocol error from {id}: PUBLISH packet with invalid properties"),
    ("receive maximum", lambda v: b"".join(mqtt.publish("a", "", 2, n, version=V5) for n in range(1, 30)),
     r"Client {id} has exceeded its receive-maximum quota\. This behaviour must be fixed on the client\."),
]


@pytest.mark.parametrize("packet,shown", [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_broken_rules_have_mosquittos_words(client, broker, uid, packet, shown):
    """The bytes of most of them are the same in every version; what only MQTT 5 has is sent in that."""
    mark = broker.log.mark
    client(V5, uid).send(packet(V5))
    broker.log.wait("^(\\S+: )?" + shown.format(id=uid), mark)


def test_too_high_qos_is_named(start):
    broker = start(OPEN + "max_qos 1\n")
    with broker.peer(V311) as peer:
        peer.connect("high")
        peer.send(mqtt.publish("a", "x", 2, 1)).expect_closed()
    broker.log.wait("Too high QoS in PUBLISH from high, disconnecting\\.$")


def test_forbidden_empty_identifier_gets_no_name(start):
    """Who has no identifier and may not be given one is told of by its address."""
    broker = start(OPEN)
    with broker.peer(V311) as peer:
        peer.connect("", clean=False, code=2)
        peer.expect_closed()
    broker.log.wait(r"Protocol error from 127\.0\.0\.1:\d+: CONNECT with zero length clientid when forbidden\.$")
    broker.log.wait(r"Client 127\.0\.0\.1 \[127\.0\.0\.1:\d+\] disconnected: client identifier not valid\.$")


def test_refusals_are_no_protocol_errors(start):
    broker = start("listener {port} 127.0.0.1\nallow_anonymous false\n")
    with broker.peer(V311) as peer:
        peer.connect("who", code=5)
    broker.log.wait(r"Client who \[127\.0\.0\.1:\d+\] disconnected: not authorised\.$")
    assert "Protocol error" not in broker.log.text


def test_connection_messages_false_is_quiet(start):
    broker = start(OPEN + "connection_messages false\n")
    with broker.peer(V311) as peer:
        peer.connect("silent")
        peer.publish("x", "y", qos=1)
        peer.disconnect()
    broker.stop()
    assert any("Received DISCONNECT from silent" in line for line in broker.log.since())
    assert not [line for line in broker.log.since() if "New client" in line or "New connection" in line
                or "disconnected" in line]


# ------------------------------------------------------------------------------ packets


def test_lines_of_a_subscription(client, lines, uid):
    peer = client(V311, uid)
    peer.send(mqtt.subscribe(1, [("a/b", 1), ("c/#", 2)])).pick(mqtt.SUBACK)
    assert lines(uid, "Sending SUBACK to " + uid)[3:] == [
        "Received SUBSCRIBE from ID", "\ta/b (QoS 1)", "ID 1 a/b", "\tc/# (QoS 2)", "ID 2 c/#",
        "Sending SUBACK to ID"]


def test_lines_of_an_unsubscription(client, lines, uid):
    peer = client(V311, uid)
    peer.unsubscribe("a/b", "c/#")
    assert lines(uid, "Sending UNSUBACK to " + uid)[3:] == [
        "Received UNSUBSCRIBE from ID", "\ta/b", "ID a/b", "\tc/#", "ID c/#", "Sending UNSUBACK to ID"]


def test_lines_of_publications(client, lines, uid):
    peer = client(V311, uid)
    for qos in (0, 1, 2):
        peer.publish("t/x", "payload", qos=qos, retain=qos == 1)
    peer.fence()
    assert lines(uid, "Sending PINGRESP to " + uid)[3:] == [
        "Received PUBLISH from ID (d0, q0, r0, m0, 't/x', ... (7 bytes))",
        "Received PUBLISH from ID (d0, q1, r1, m1, 't/x', ... (7 bytes))",
        "Sending PUBACK to ID (m1, rc0)",
        "Received PUBLISH from ID (d0, q2, r0, m2, 't/x', ... (7 bytes))",
        "Sending PUBREC to ID (m2, rc0)", "Received PUBREL from ID (Mid: 2)",
        "Sending PUBCOMP to ID (m2)", "Received PINGREQ from ID", "Sending PINGRESP to ID"]
    peer.publish("t/x", "", qos=1, retain=True)


def test_lines_of_deliveries(client, broker, lines, uid):
    peer = client(V5, uid)
    peer.subscribe(uid, qos=2)
    publisher = client(V5, "publisher-of-test")
    mark = broker.mark()
    for qos in (0, 1, 2):
        publisher.publish(uid, "abc", qos=qos)
        peer.receive(uid, "abc")
        if qos == 1:  # else it may be read after what the other connection sends next
            broker.log.wait(f"Received PUBACK from {uid} ", mark)
    peer.fence()
    shown = [line for line in lines(uid, "Sending PINGRESP to " + uid) if "publisher-of-test" not in line]
    assert shown[-9:-2] == [
        "Sending PUBLISH to ID (d0, q0, r0, m0, 'ID', ... (3 bytes))",
        "Sending PUBLISH to ID (d0, q1, r0, m1, 'ID', ... (3 bytes))",
        "Received PUBACK from ID (Mid: 1, RC:0)",
        "Sending PUBLISH to ID (d0, q2, r0, m2, 'ID', ... (3 bytes))",
        "Received PUBREC from ID (Mid: 2)", "Sending PUBREL to ID (m2)",
        "Received PUBCOMP from ID (Mid: 2, RC:0)"]


def test_disconnect_and_auth_lines(client, broker, uid):
    mark = broker.mark()
    client(V5, uid).send(mqtt.auth(0x18, {"authentication_method": "x"}))
    broker.log.wait(f"Received AUTH from {uid} \\(rc24, x\\)|Protocol error from {uid}: AUTH", mark)
    broker.log.wait(f"Sending DISCONNECT to {uid} \\(rc1(30|40)\\)", mark)


def test_unknown_identifier_is_warned_of(client, broker, uid):
    mark = broker.mark()
    client(V311, uid).send(mqtt.ack(mqtt.PUBACK, 7))
    broker.log.wait(f"Warning: Received PUBACK from {uid} for an unknown packet identifier 7\\.", mark)


def test_bridge_clients_are_named(client, broker, uid):
    """Bit 0x80 of the protocol level marks a bridge."""
    mark = broker.mark()
    client.raw(V311).send(mqtt.connect(uid, level=0x84)).expect(mqtt.CONNACK, code=0)
    broker.log.wait(rf"New bridge connected from 127\.0\.0\.1:\d+ as {uid} \(p4, c1, k60\)\.", mark)


def test_expired_sessions_are_named(start):
    broker = start(OPEN)
    with broker.peer(V5) as peer:
        peer.connect("short", properties={"session_expiry_interval": 1})
        peer.disconnect()
    broker.log.wait("Expiring client short due to timeout\\.")


# -------------------------------------------------------------------------- start, stop


def test_lines_of_a_start(start):
    broker = start(OPEN)
    broker.stop()
    name = broker.kind
    shown = [re.sub(r"version \d[^ ]*", "version V", line) for line in broker.log.since()]
    wanted = [f"{name} version V starting", f"Config loaded from {broker.config_path}.",
              f"Opening ipv4 listen socket on port {broker.port}.", f"{name} version V running",
              f"{name} version V terminating"]
    assert [line for line in shown if line in wanted] == wanted


def test_local_only_mode_is_explained(start):
    broker = start(None)
    for line in ("Using default config.", "Starting in local only mode. Connections will only be possible from "
                 "clients running on this machine.",
                 "Create a configuration file which defines a listener to allow remote access."):
        broker.log.wait(f"^(\\d+: )?{re.escape(line)}$")


# ------------------------------------------------------------------------- destinations


def test_log_file_is_written_and_reopened(start):
    """SIGRTMIN after a rotation: the new file takes what follows; its mode is 0600."""
    broker = start(OPEN + "log_dest file {dir}/broker.log\n", args=())
    path = os.path.join(broker.dir, "broker.log")
    with broker.peer(V311) as peer:
        peer.connect("before")
        until(lambda: "before" in read(path))
        assert os.stat(path).st_mode & 0o777 == 0o600
        os.rename(path, path + ".1")
        broker.signal(signal.SIGRTMIN)
        until(lambda: os.path.exists(path))
        until(lambda: comes_and_goes(broker) or read(path))  # it is there before it is in use
        with broker.peer(V311) as other:
            other.connect("after")
            until(lambda: "after" in read(path))
        assert "as after" not in read(path + ".1")


def comes_and_goes(broker):
    with broker.peer(V311) as peer:
        peer.connect("between")
        peer.disconnect()


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def until(condition):
    """Files give no event: look until it is so."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


@pytest.mark.parametrize("settings,present,absent", [
    ("log_type error", [], ["New client", "Received PUBLISH", " starting"]),
    ("log_type notice", ["New client connected"], ["Received PUBLISH", " starting"]),
    ("log_type subscribe", ["quiet 0 some/topic"], ["New client", "Received SUBSCRIBE"]),
    ("log_type unsubscribe", ["quiet some/topic"], ["quiet 0 some/topic", "New client"]),
    ("log_type information", [" starting"], ["New client", "Received PUBLISH"]),
    ("log_type debug", ["Received PUBLISH from quiet"], ["New client connected"]),
    ("log_type all", ["Received PUBLISH from quiet", "New client", "quiet 0 some/topic"], []),
    ("log_type none\nlog_type notice", ["New client"], ["Received PUBLISH"]),
    ("", ["New client", " starting"], ["Received PUBLISH", "quiet 0 some/topic"])])
def test_log_types(start, settings, present, absent):
    broker = start(OPEN + "log_dest stderr\n" + settings + "\n", args=())
    with broker.peer(V311) as peer:
        peer.connect("quiet")
        peer.subscribe("some/topic")
        peer.unsubscribe("some/topic")
        peer.publish("x", "y", qos=1)
        peer.disconnect()
    broker.stop()
    text = broker.log.text
    assert [p for p in present if p not in text] == [] and [a for a in absent if a in text] == []


def test_log_dest_none_and_quiet(start):
    """Nothing once the log is open; what is said before, of the user it runs as, comes earlier."""
    broker = start(OPEN + "log_dest none\n", args=())
    broker.stop()
    assert [line for line in broker.log.since() if "run as root" not in line] == []


def test_quiet_beats_everything(start):
    broker = start(OPEN + "log_type all\nlog_dest stdout\n", args=("-q",))
    with broker.peer(V311) as peer:
        peer.connect("x")
    broker.stop()
    assert broker.log.since() == []


@pytest.mark.parametrize("settings,pattern", [
    ("log_timestamp false", r"^New client connected"), ("log_timestamp true", r"^\d{10}: New client connected"),
    ("log_timestamp_format %Y-%m-%dT%H:%M:%S", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d: New client connected")])
def test_time_stamps(start, settings, pattern):
    broker = start(OPEN + settings + "\n")
    with broker.peer(V311) as peer:
        peer.connect("x")
        broker.log.wait(pattern)


def test_logging_to_a_full_pipe_does_not_stop_the_broker(start):
    """Nobody reads its output: workers go on."""
    broker = start(OPEN, read_output=False)
    with broker.peer(V311) as peer:
        peer.connect("x")
        peer.subscribe("t" * 200)
        for n in range(3000):
            peer.publish("t" * 200, "y")
            peer.receive()
    broker.drain()
