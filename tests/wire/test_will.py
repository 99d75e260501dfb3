# SPDX-License-Identifier: Apache-2.0
"""Wills: published when a client vanishes, not when it says good-bye, later where it asked for that."""
import signal
import time

import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import DISCONNECT, V5, V311

BOTH = pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")


def watch(client, topic, version=V5, **kw):
    watcher = client(version)
    watcher.subscribe(topic, qos=2, **kw)
    return watcher


def silent(client, watcher, topic):
    """Nothing came before a message published now."""
    client(V311).publish(topic, "fence", qos=1)
    watcher.receive(topic, "fence")


@each_version
@pytest.mark.parametrize("qos", (0, 1, 2))
@pytest.mark.parametrize("end", ("drop", "reset"))
def test_will_is_published_when_the_connection_breaks(client, version, qos, end, uid):
    """At its QoS, with its payload, not retained, once.

    [MQTT311-3.1.2-8] [MQTT311-3.1.2-9] [MQTT311-3.1.2-16] [MQTT5-3.1.2-7] [MQTT5-3.1.2-8]
    [MQTT5-3.1.2-9] [MQTT5-3.1.2-14] [MQTT5-3.1.2-10]"""
    watcher = watch(client, uid, version)
    peer = client(version, will={"topic": uid, "payload": b"\x00gone", "qos": qos})
    getattr(peer, end)()
    watcher.receive(uid, b"\x00gone", qos=qos, retain=False)
    late = watch(client, uid)
    silent(client, late, uid)


@each_version
def test_will_can_be_retained(client, version, uid):
    """[MQTT311-3.1.2-17] [MQTT5-3.1.2-15]"""
    watcher = watch(client, uid)
    client(version, will={"topic": uid, "payload": "gone", "retain": True, "qos": 1}).drop()
    watcher.receive(uid, "gone", retain=False)
    watch(client, uid).receive(uid, "gone", retain=True, qos=1)


@each_version
def test_will_is_discarded_by_disconnect(client, version, uid):
    """[MQTT311-3.1.2-10] [MQTT311-3.14.4-3] [MQTT5-3.1.2-10] [MQTT5-3.14.4-3]"""
    watcher = watch(client, uid)
    client(version, will={"topic": uid, "payload": "gone"}).disconnect()
    silent(client, watcher, uid)


def test_will_is_kept_by_disconnect_with_will(client, uid):
    """DISCONNECT 0x04. [MQTT5-3.1.2-8]"""
    watcher = watch(client, uid)
    client(V5, will={"topic": uid, "payload": "gone"}).disconnect(0x04)
    watcher.receive(uid, "gone")


@pytest.mark.parametrize("code", (0x80, 0x81, 0x82, 0x83, 0x93, 0x98))
def test_will_is_published_on_an_erroneous_disconnect(client, code, uid):
    """Any reason but 0x00 keeps it. [MQTT5-3.1.2-8] [MQTT5-3.14.4-3]"""
    watcher = watch(client, uid)
    client(V5, will={"topic": uid, "payload": "gone"}).disconnect(code)
    watcher.receive(uid, "gone")


@each_version
def test_no_will_no_message(client, version, uid):
    """[MQTT311-3.1.2-12]"""
    watcher = watch(client, uid)
    client(version).drop()
    silent(client, watcher, uid)


@each_version
def test_will_is_published_on_a_protocol_error(client, version, uid):
    """[MQTT311-3.1.2-8] [MQTT5-3.1.2-8] [MQTT5-4.13.1-1]"""
    watcher = watch(client, uid)
    client(version, will={"topic": uid, "payload": "gone"}).send(b"\xf0\x00" if version != V5
                                                                  else b"\x00\x00")
    watcher.receive(uid, "gone")


@each_version
def test_will_is_published_on_take_over(client, version, uid):
    """The old connection was closed by the broker. [MQTT311-3.1.4-2] [MQTT5-3.1.2-8]"""
    watcher = watch(client, uid)
    client(version, uid, will={"topic": uid, "payload": "old"})
    client(version, uid, will={"topic": uid, "payload": "new"}).disconnect()
    watcher.receive(uid, "old")
    silent(client, watcher, uid)


@each_version
def test_will_is_published_on_keep_alive_timeout(client, version, uid):
    """[MQTT311-3.1.2-24] [MQTT5-3.1.2-22]"""
    watcher = watch(client, uid)
    client(version, keepalive=1, will={"topic": uid, "payload": "gone"})
    watcher.receive(uid, "gone")


def test_will_of_a_rejected_connect_is_forgotten(start):
    """[MQTT311-3.1.2-8] says: if the connection is accepted."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nallow_zero_length_clientid false\n")
    with broker.peer(V311) as watcher, broker.peer(V311) as peer:
        watcher.connect("w")
        watcher.subscribe("#")
        peer.connect("", code=2, will={"topic": "will", "payload": "x"})
        peer.expect_closed()
        watcher.publish("fence", "")
        watcher.receive("fence")


def test_empty_retained_will_removes(client, uid):
    """[MQTT311-3.3.1-10] [MQTT5-3.3.1-6]"""
    client(V311).publish(uid, "x", qos=1, retain=True)
    watcher = client(V5)
    watcher.subscribe(uid)
    watcher.receive(uid, "x", retain=True)
    client(V311, will={"topic": uid, "payload": "", "retain": True}).drop()
    watcher.receive(uid, "")
    silent(client, watch(client, uid), uid)


def test_will_is_routed_like_any_message(client, uid):
    """To 3.x and 5 subscribers, shared ones, queued ones; its sender's No Local applies."""
    plain, shared = client(V311), client(V5)
    plain.subscribe(uid, qos=1)
    shared.subscribe(f"$share/g/{uid}", qos=1)
    absent = client(V311, uid + "-absent", clean=False)
    absent.subscribe(uid, qos=1)
    absent.disconnect()
    client(V5, will={"topic": uid, "payload": "gone", "qos": 1}).drop()
    plain.receive(uid, "gone", qos=1)
    shared.receive(uid, "gone", qos=1)
    client(V311, uid + "-absent", clean=False).receive(uid, "gone", qos=1)


def test_large_will_is_within_every_limit(client):
    client(V311, will={"topic": "w", "payload": "x" * 60000}).disconnect()


@BOTH
def test_will_over_message_size_limit_is_refused(start, version):
    """No way around the limit; with Mosquitto's codes."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmessage_size_limit 10\n")
    with broker.peer(version) as peer:
        peer.connect("a", will={"topic": "w", "payload": "x" * 10})
        peer.disconnect()
    with broker.peer(version) as peer:
        peer.connect("a", code=0x95 if version == V5 else 5, will={"topic": "w", "payload": "x" * 11})
        peer.expect_closed()


@BOTH
def test_disconnect_counts_before_the_next_connection(start, version):
    """Said, closed, and back at once, while the broker had no time: the will stays withdrawn, whichever of its
    threads comes first. [MQTT311-3.14.4-3] [MQTT5-3.14.4-3]"""
    broker = start()
    with broker.peer(version) as watcher:
        watcher.connect("watcher")
        watcher.subscribe("#")
        for n in range(20):
            with broker.peer(version) as first, broker.peer(version) as second:
                first.connect("a", will={"topic": "will", "payload": str(n)})
                broker.signal(signal.SIGSTOP)
                first.send(mqtt.disconnect()).close()
                second.send(mqtt.connect("a", version=version))
                broker.signal(signal.SIGCONT)
                second.expect(mqtt.CONNACK, code=0)
                second.disconnect()
        watcher.publish("fence", "")
        watcher.receive("fence")


# --------------------------------------------------------------------------- will delay

KEEP = {"session_expiry_interval": 60}


def delayed(topic, seconds, payload="gone", **kw):
    return {"topic": topic, "payload": payload, "properties": {"will_delay_interval": seconds}, **kw}


def test_delayed_will_waits_its_time(client, uid):
    """[MQTT5-3.1.2-8]"""
    watcher = watch(client, uid)
    peer = client(V5, uid, properties=KEEP, will=delayed(uid, 1))
    before = time.monotonic()
    peer.drop()
    watcher.receive(uid, "gone")
    assert time.monotonic() - before >= 0.8


def test_delayed_will_is_not_sent_to_one_who_comes_back(client, uid):
    """The session resumed within the delay. [MQTT5-3.1.3-9] [MQTT5-3.1.2-8]"""
    for delay in (1, 2, 4, 8, 16):  # the first that we come back within
        name = f"{uid}-back-{delay}"
        watcher = watch(client, name)
        peer = client(V5, name, clean=False, properties=KEEP, will=delayed(name, delay))
        end = time.monotonic()
        peer.drop()
        assert client(V5, name, clean=False, properties=KEEP).connack.session_present
        if time.monotonic() - end < delay:
            break
    time.sleep(delay + 1.2)
    silent(client, watcher, name)


def test_delayed_will_goes_out_when_the_session_ends_first(client, uid):
    """Expiry 1 s, delay an hour. [MQTT5-3.1.2-8]"""
    watcher = watch(client, uid)
    client(V5, uid, properties={"session_expiry_interval": 1}, will=delayed(uid, 3600)).drop()
    watcher.receive(uid, "gone")


def test_delayed_will_of_a_session_that_ends_at_once_is_not_delayed(client, uid):
    """Session expiry 0. [MQTT5-3.1.2-8]"""
    watcher = watch(client, uid)
    client(V5, uid, will=delayed(uid, 3600)).drop()
    watcher.receive(uid, "gone")


def test_delayed_will_goes_out_when_a_clean_start_ends_the_session(client, uid):
    """[MQTT5-3.1.2-8] [MQTT5-3.1.2-4]"""
    watcher = watch(client, uid)
    client(V5, uid, properties=KEEP, will=delayed(uid, 3600)).drop()
    client(V5, uid, clean=True)
    watcher.receive(uid, "gone")


def test_delayed_will_starts_at_disconnect_with_will(client, uid):
    """DISCONNECT 0x04 with a delay of 1 s. [MQTT5-3.1.2-8]"""
    watcher = watch(client, uid)
    peer = client(V5, uid, properties=KEEP, will=delayed(uid, 1))
    before = time.monotonic()
    peer.disconnect(0x04)
    watcher.receive(uid, "gone")
    assert time.monotonic() - before >= 0.8


def test_will_delay_is_not_passed_on(client, uid):
    watcher = watch(client, uid)
    client(V5, uid, will=delayed(uid, 0)).drop()
    assert watcher.receive(uid, "gone").props == []


def test_new_will_replaces_the_old_one(client, uid):
    """Take-over within the delay, then another end: only the new will. [MQTT5-3.1.3-9]"""
    watcher = watch(client, uid)
    client(V5, uid, clean=False, properties=KEEP, will=delayed(uid, 3600, "old")).drop()
    client(V5, uid, clean=False, properties=KEEP, will=delayed(uid, 0, "new")).drop()
    watcher.receive(uid, "new")
    silent(client, watcher, uid)


def test_will_expiry_counts_from_publication(client, uid):
    """Its message expiry begins when the will is sent, not at CONNECT. [MQTT5-3.3.2-6]"""
    watcher = watch(client, uid)
    will = delayed(uid, 2)
    will["properties"]["message_expiry_interval"] = 30
    peer = client(V5, uid, properties=KEEP, will=will)
    end = time.monotonic()
    peer.drop()
    left = watcher.receive(uid, "gone").props.get("message_expiry_interval")
    since = time.monotonic() - end - 2
    assert 30 - 1 - since <= left <= 30


def test_take_over_sends_the_will_only_where_the_session_ends(client, uid):
    """A delayed will and a resumed session: nothing is sent. [MQTT5-3.1.3-9] [MQTT5-3.1.4-3]"""
    watcher = watch(client, uid)
    first = client(V5, uid, clean=False, properties=KEEP, will=delayed(uid, 1))
    client(V5, uid, clean=False, properties=KEEP)
    first.expect(DISCONNECT, code=0x8E)
    time.sleep(2.2)
    silent(client, watcher, uid)


def test_wills_are_sent_at_shutdown(start):
    """SIGTERM publishes the wills of connected clients: a retained one is there for nobody, but a
    subscriber still connected may see it; the broker ends with 0 in any case."""
    broker = start()
    with broker.peer(V5) as peer:
        peer.connect("a", will={"topic": "w", "payload": "gone", "retain": True})
        assert broker.stop() == 0
