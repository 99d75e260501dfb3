# SPDX-License-Identifier: Apache-2.0
"""Sessions between connections: what is kept, how long, how much."""
import time

import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import DISCONNECT, PUBLISH, V5, V31, V311

FOREVER = 0xFFFFFFFF
BOTH = pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")


def keep(seconds, **properties):
    return {"clean": False, "properties": {"session_expiry_interval": seconds, **properties}}


def present(client, uid, **kw):
    """Whether a session of this name is there; takes it over."""
    peer = client(V5, uid, **(kw or keep(60)))
    return peer.connack.session_present


@pytest.mark.parametrize("version", (V31, V311))
@pytest.mark.parametrize("end", ("disconnect", "drop", "reset"))
def test_messages_wait_for_a_persistent_session(client, version, end, uid):
    """However the connection ended; in order for each QoS.

    [MQTT311-3.1.2-4] [MQTT311-3.1.2-5] [MQTT311-4.5.0-1] [MQTT311-4.6.0-6]"""
    first = client(version, uid, clean=False)
    first.subscribe(uid + "/#", qos=2)
    getattr(first, end)()
    publisher = client(version)
    for n in range(30):
        publisher.publish(f"{uid}/{n}", str(n), qos=1 + n % 2)
    second = client(version, uid, clean=False)
    seen = {1: [], 2: []}
    for _ in range(30):
        p = second.receive()
        seen[p.qos].append(int(p.payload))
    assert seen == {1: list(range(0, 30, 2)), 2: list(range(1, 30, 2))}
    second.fence()


def test_session_without_expiry_ends_with_its_connection(client, uid):
    """[MQTT5-4.1.0-2] [MQTT5-3.1.2-23]"""
    for properties in ({}, {"session_expiry_interval": 0}):
        client(V5, uid, clean=False, properties=properties).disconnect()
        assert not present(client, uid)
        client(V5, uid, clean=True).disconnect()


def test_session_is_discarded_when_its_interval_has_passed(client, broker, uid):
    """[MQTT5-4.1.0-2]"""
    client(V5, uid, **keep(1)).disconnect()
    broker.log.wait(f"Expiring client {uid} due to timeout")
    assert not present(client, uid)


def test_session_stays_as_long_as_its_connection(client, uid):
    """The interval counts from the end of the connection. [MQTT5-4.1.0-1] [MQTT311-4.1.0-2]"""
    for interval in (1, 2, 4, 8, 16):  # the first that we come back within
        first = client(V5, uid, **keep(interval))
        first.subscribe(uid, qos=1)
        time.sleep(interval + 1.2)
        end = time.monotonic()
        first.drop()
        if present(client, uid):
            return
        assert time.monotonic() - end > interval
    pytest.fail("this machine is too busy to come back within 16 s")


def test_session_forever(client, uid):
    """[MQTT5-3.1.2-23]"""
    client(V5, uid, **keep(FOREVER)).disconnect()
    assert present(client, uid)


def test_disconnect_changes_the_interval(client, uid):
    """Longer, shorter, to nothing. [MQTT5-4.1.0-2]"""
    client(V5, uid, **keep(1)).disconnect(0, {"session_expiry_interval": 600})
    client(V5, uid + "-0", **keep(600)).disconnect(0, {"session_expiry_interval": 0})
    assert not present(client, uid + "-0")
    time.sleep(2.2)
    assert present(client, uid)


def test_interval_cannot_be_raised_from_nothing(client, uid):
    """A session that began with 0 ends with its connection: protocol error."""
    peer = client(V5, uid)
    peer.send(mqtt.disconnect(0, {"session_expiry_interval": 60}))
    got = peer.drain()
    assert [p.code for p in got if p.kind == DISCONNECT] == [0x82]
    assert not present(client, uid)


def test_reconnect_sets_a_new_interval(client, uid):
    """Resumed with 0, the session is gone afterwards. [MQTT5-4.1.0-2]"""
    client(V5, uid, **keep(600)).disconnect()
    client(V5, uid, **keep(0)).disconnect()
    assert not present(client, uid)


def test_clean_start_with_expiry_makes_a_lasting_session(client, uid):
    """[MQTT5-3.1.2-4] [MQTT5-3.1.2-23]"""
    first = client(V5, uid, clean=True, properties={"session_expiry_interval": 600})
    first.subscribe(uid, qos=1)
    first.disconnect()
    client(V5).publish(uid, "x", qos=1)
    second = client(V5, uid, **keep(600))
    second.receive(uid, "x")


@pytest.mark.parametrize("old,new", [(V311, V5), (V5, V311), (V31, V5), (V31, V311)])
def test_session_survives_a_change_of_version(client, old, new, uid):
    """[MQTT311-3.1.2-4] [MQTT5-3.1.2-5]"""
    options = {V31: {"clean": False}, V311: {"clean": False}, V5: keep(600)}
    first = client(old, uid, **options[old])
    first.subscribe(uid + "/t", qos=2)
    first.disconnect()
    client(V5).publish(uid + "/t", "x", qos=2, properties={"content_type": "t"})
    second = client(new, uid, **options[new])
    second.receive(uid + "/t", "x", qos=2)


@BOTH
def test_identifiers_are_told_apart_to_the_byte(client, version, uid):
    """[MQTT311-3.1.3-2] [MQTT5-3.1.3-2]"""
    options = keep(60) if version == V5 else {"clean": False}
    client(version, uid + "A", **options).disconnect()
    for other in ("a", "A ", "", "Aa"):
        assert not client(version, uid + other, **options).connack.session_present
    assert client(version, uid + "A", **options).connack.session_present


@pytest.mark.parametrize("qos", (1, 2))
def test_queue_limit_drops_the_newest(start, qos):
    """max_queued_messages 10: what is over it is dropped, the oldest wait. Window and queue count apart,
    so up to twenty may be in flight besides; the drop is logged once and counted."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 10\n"
                   "max_inflight_messages 5\n")
    with broker.peer(V311) as first, broker.peer(V311) as publisher:
        first.connect("s", clean=False)
        first.subscribe("t", qos=qos)
        first.disconnect()
        publisher.connect("p")
        for n in range(100):
            publisher.publish("t", str(n), qos=qos)
        second = broker.peer(V311)
        second.connect("s", clean=False, present=True)
        got = [second.receive().payload for _ in range(10)]
        publisher.publish("t", "end", qos=qos)  # there is room for it now, behind those that have waited
        while b"end" not in got:
            got.append(second.receive().payload)
        got = [int(payload) for payload in got[:-1]]
        assert 10 <= len(got) <= 15 and got == list(range(len(got)))
        broker.log.wait("Outgoing messages are being dropped for client s")


def test_queue_limit_by_bytes(start):
    """max_queued_bytes 5000 holds about five messages of 1000 bytes."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_bytes 5000\n"
                   "max_queued_messages 0\n")
    with broker.peer(V311) as first, broker.peer(V311) as publisher, broker.peer(V311) as second:
        first.connect("s", clean=False)
        first.subscribe("t", qos=1)
        first.disconnect()
        publisher.connect("p")
        for n in range(100):
            publisher.publish("t", b"%03d" % n + b"x" * 997, qos=1)
        second.connect("s", clean=False, present=True)
        got = []
        for p in iter_until_ping(second):
            got.append(int(p.payload[:3]))
        # What was in flight or the first to be queued may stand beside the limit, never the multitude.
        assert 3 <= len(got) <= 30 and got == list(range(len(got)))


def iter_until_ping(peer):
    """Acknowledged PUBLISHes until a PINGRESP finds the line empty."""
    while True:
        peer.send(mqtt.PINGREQ_BYTES)
        p = peer.next()
        if p.kind == mqtt.PINGRESP:
            return
        while p.kind == PUBLISH:
            peer.acknowledge(p)
            yield p
            p = peer.next()


def test_persistent_client_expiration_ends_old_sessions(start):
    """In seconds since 2.1; 3.x sessions know no expiry of their own."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\npersistent_client_expiration 1s\n")
    with broker.peer(V311) as first, broker.peer(V311) as second:
        first.connect("s", clean=False)
        first.disconnect()
        broker.log.wait("Expiring client s due to timeout")
        second.connect("s", clean=False, present=False)


def test_will_of_the_old_session_does_not_outlive_a_clean_start(client, uid):
    """[MQTT5-3.1.2-4]"""
    client(V5, uid, **keep(600)).disconnect()
    assert not client(V5, uid, clean=True).connack.session_present


def test_half_open_qos_2_survives_in_the_session(client, uid):
    """Received but not released messages are state. [MQTT5-4.1.0-1] [MQTT5-4.3.3-10]"""
    watcher = client(V5)
    watcher.subscribe(uid + "/t", qos=2)
    first = client(V5, uid, **keep(600))
    first.send(mqtt.publish(uid + "/t", "x", 2, 3, version=V5)).expect(mqtt.PUBREC, mid=3)
    first.drop()
    second = client(V5, uid, **keep(600))
    second.send(mqtt.ack(mqtt.PUBREL, 3)).expect(mqtt.PUBCOMP, mid=3, code=0)
    watcher.receive(uid + "/t", "x", qos=2)


def test_disconnect_ends_the_connection_at_once(client, uid):
    """What follows DISCONNECT in the stream is not processed. [MQTT311-3.14.4-1] [MQTT311-3.14.4-2]
    [MQTT5-3.14.4-1] [MQTT5-3.14.4-2]"""
    watcher = client(V311)
    watcher.subscribe(uid)
    for version in mqtt.VERSIONS:
        peer = client(version)
        peer.send(mqtt.disconnect(), mqtt.publish(uid, "late", version=version))
        peer.expect_closed()
    watcher.publish(uid, "fence")
    watcher.receive(uid, "fence")


@BOTH
@pytest.mark.parametrize("flags", (1, 2, 8, 15))
def test_disconnect_with_reserved_flags_is_malformed(client, version, flags, uid):
    """And keeps the will. [MQTT311-3.14.1-1] [MQTT5-3.14.1-1] [MQTT5-2.1.3-1]"""
    watcher = client(V311)
    watcher.subscribe(uid)
    peer = client(version, will={"topic": uid, "payload": "gone"})
    peer.send(bytes([0xE0 | flags, 0])).expect_disconnect(0x81)
    watcher.receive(uid, "gone")


@pytest.mark.parametrize("body", [b"\x00\x05\x11\0\0\0", b"\x00\x02\x23\x01", b"\x00\x06\x11\0\0\0\0\x11",
                                  b"\x05\x00", b"\x00\x00\x00"],
                         ids=["cut", "other property", "twice cut", "unknown reason", "trailing byte"])
def test_bad_disconnect_packets_are_refused(client, body):
    """[MQTT5-3.14.2-1] [MQTT5-4.13.1-1]"""
    peer = client(V5, properties={"session_expiry_interval": 60})
    peer.send(mqtt.packet(DISCONNECT, 0, body))
    p = peer.drain()
    assert [x.code for x in p] in ([0x81], [0x82])


def test_disconnect_with_reason_string_and_properties(client, uid):
    """[MQTT5-3.14.2-1]"""
    client(V5).disconnect(0x00, [("reason_string", "bye"), ("user_property", ("a", "b"))])
    for code in (0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99):
        assert client(V5).disconnect(code) == []


@each_version
def test_ping_is_answered(client, version):
    """[MQTT311-3.12.4-1] [MQTT5-3.12.4-1]"""
    peer = client(version)
    for _ in range(3):
        peer.fence()
    peer.send(mqtt.PINGREQ_BYTES * 100)
    for _ in range(100):
        peer.expect(mqtt.PINGRESP)
