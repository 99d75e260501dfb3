# SPDX-License-Identifier: Apache-2.0
"""Retained messages: the last of each topic, for everyone who subscribes later."""
import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import PUBLISH, SUBACK, V5, V311

BOTH = pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")


@each_version
@pytest.mark.parametrize("qos", (0, 1, 2))
def test_late_subscriber_gets_the_last_message(client, version, qos, uid):
    """With RETAIN 1, at the lower QoS; the established subscriber saw RETAIN 0.

    [MQTT311-3.3.1-5] [MQTT311-3.3.1-6] [MQTT311-3.3.1-7] [MQTT311-3.3.1-8] [MQTT311-3.3.1-9]
    [MQTT5-3.3.1-5] [MQTT5-3.3.1-9] [MQTT5-3.3.1-12]"""
    early, publisher, late = client(version), client(version), client(version)
    early.subscribe(uid, qos=2)
    for payload in ("first", "last"):
        publisher.publish(uid, payload, qos=qos, retain=True)
        early.receive(uid, payload, retain=False)
    publisher.fence()
    for granted in (0, 1, 2):
        late.subscribe(uid, qos=granted)
        late.receive(uid, "last", retain=True, qos=min(qos, granted))
    late.fence()


@each_version
def test_empty_payload_removes(client, version, uid):
    """And is itself passed on, but not kept.

    [MQTT311-3.3.1-10] [MQTT311-3.3.1-11] [MQTT5-3.3.1-6] [MQTT5-3.3.1-7]"""
    early, publisher, late = client(version), client(version), client(version)
    early.subscribe(uid)
    publisher.publish(uid, "x", qos=1, retain=True)
    early.receive(uid, "x")
    publisher.publish(uid, "", qos=1, retain=True)
    early.receive(uid, "", retain=False)
    late.subscribe(uid)
    late.fence()
    publisher.publish(uid, "", qos=1, retain=True)
    late.receive(uid, "")


@each_version
def test_message_without_retain_changes_nothing(client, version, uid):
    """[MQTT311-3.3.1-12] [MQTT5-3.3.1-8]"""
    publisher, late = client(version), client(version)
    publisher.publish(uid, "kept", qos=1, retain=True)
    publisher.publish(uid, "passing", qos=1)
    publisher.publish(uid, "", qos=1)
    late.subscribe(uid)
    late.receive(uid, "kept", retain=True)
    late.fence()


@BOTH
def test_retained_messages_outlive_their_publisher(client, version, uid):
    """[MQTT311-3.1.2-7]"""
    publisher = client(version, uid)
    publisher.publish(uid, "x", qos=1, retain=True)
    publisher.disconnect()
    client(version, uid).disconnect()
    late = client(version)
    late.subscribe(uid)
    late.receive(uid, "x", retain=True)


@BOTH
def test_subscribing_again_sends_them_again(client, version, uid):
    """[MQTT311-3.8.4-3] [MQTT5-3.8.4-4]"""
    peer = client(version)
    peer.publish(uid, "x", qos=1, retain=True)
    for _ in range(3):
        peer.subscribe(uid)
        peer.receive(uid, "x", retain=True)
    peer.fence()


@pytest.mark.parametrize("handling,first,again", [(0, 1, 1), (1, 1, 0), (2, 0, 0)])
def test_retain_handling(client, handling, first, again, uid):
    """0 always, 1 for a new subscription, 2 never.

    [MQTT5-3.3.1-9] [MQTT5-3.3.1-10] [MQTT5-3.3.1-11]"""
    peer = client(V5)
    peer.publish(uid, "x", qos=1, retain=True)
    for expected in (first, again, again):
        peer.subscribe(uid, retain_handling=handling)
        if expected:
            peer.receive(uid, "x", retain=True)
        peer.fence()
    peer.unsubscribe(uid)
    peer.subscribe(uid, retain_handling=handling)
    if first:
        peer.receive(uid, "x", retain=True)
    peer.fence()


def test_retain_flag_is_set_whatever_retain_as_published_says(client, uid):
    """On messages sent because of a new subscription. [MQTT5-3.3.1-13]"""
    peer = client(V5)
    peer.publish(uid, "x", qos=1, retain=True)
    for as_published in (True, False):
        peer.subscribe(uid, retain_as_published=as_published)
        peer.receive(uid, "x", retain=True)


@pytest.mark.parametrize("filter_,expected", [
    ("{}/#", ["", "/a", "/a/b", "/a/b/c", "/d"]), ("{}/+", ["/a", "/d"]), ("{}/+/b", ["/a/b"]),
    ("{}/a/#", ["/a", "/a/b", "/a/b/c"]), ("{}/+/+/+", ["/a/b/c"]), ("{}", [""]), ("{}/x/#", []),
    ("+/a/{}", [])])
def test_wildcards_find_every_retained_message(client, filter_, expected, uid):
    """[MQTT311-3.3.1-6] [MQTT5-3.3.1-9]"""
    peer = client(V311)
    for level in ("", "/a", "/a/b", "/a/b/c", "/d"):
        peer.publish(uid + level, level or "root", qos=1, retain=True)
    peer.subscribe(filter_.format(uid))
    assert sorted(peer.receive(retain=True).topic for _ in expected) == sorted(uid + e for e in expected)
    peer.fence()


def test_each_of_several_filters_brings_its_own(client, uid):
    """[MQTT311-3.8.4-4] [MQTT5-3.8.4-5]"""
    peer = client(V311)
    for topic in "ab":
        peer.publish(f"{uid}/{topic}", topic, qos=1, retain=True)
    peer.send(mqtt.subscribe(1, [(f"{uid}/a", 0), (f"{uid}/b", 1), (f"{uid}/c", 2)])).expect(SUBACK)
    assert sorted(peer.receive(retain=True).topic for _ in range(2)) == [f"{uid}/a", f"{uid}/b"]


def test_dollar_topics_are_retained_but_not_found_by_wildcards(client, uid):
    """[MQTT311-4.7.2-1] [MQTT5-4.7.2-1]"""
    peer = client(V311)
    peer.publish(f"${uid}/a", "x", qos=1, retain=True)
    peer.subscribe(f"+/a")
    peer.publish(f"{uid}/a", "fence")
    while peer.receive().topic != f"{uid}/a":
        pass
    peer.unsubscribe("+/a")
    peer.subscribe(f"${uid}/#")
    peer.receive(f"${uid}/a", "x")


@BOTH
def test_retained_qos_is_kept(client, version, uid):
    """[MQTT311-3.3.1-5]"""
    peer = client(version)
    for qos in (2, 1, 0):
        peer.publish(uid, "x", qos=qos, retain=True)
        peer.fence()
        peer.subscribe(uid, qos=2)
        peer.receive(uid, "x", qos=qos, retain=True)
        peer.unsubscribe(uid)


@BOTH
def test_retained_message_is_queued_for_an_absent_subscriber_without_retain(client, version, uid):
    """It matched an established subscription. [MQTT311-3.3.1-9] [MQTT5-3.3.1-12]"""
    keep = {"clean": False}
    if version == V5:
        keep["properties"] = {"session_expiry_interval": 60}
    peer = client(version, uid, **keep)
    peer.subscribe(uid, qos=1)
    peer.disconnect()
    client(version).publish(uid, "x", qos=1, retain=True)
    client(version, uid, **keep).receive(uid, "x", retain=False)


# ------------------------------------------------------------------------------- masses

COUNT = 100000


def fill(peer, prefix, count, qos=0):
    """`count` retained messages in a few large writes."""
    batch = bytearray()
    for n in range(count):
        batch += mqtt.publish(f"{prefix}/{n % 100}/{n}", str(n), qos, n % 65535 + 1 if qos else None,
                              retain=True)
        if len(batch) > 200000:
            peer.send(bytes(batch))
            batch.clear()
    peer.send(bytes(batch))
    peer.fence()


@pytest.mark.parametrize("qos", (0, 1))
def test_hundred_thousand_retained_messages_arrive_complete(start, qos):
    """At a queue limit of 1000 the subscriber gets every one of them, paced by its own reading.

    [MQTT311-3.3.1-6] [MQTT5-3.3.1-9]"""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 1000\n"
                   "sys_interval 0\n", args=())
    with broker.peer(V311) as publisher, broker.peer(V5) as subscriber:
        publisher.connect("p")
        if qos:
            for n in range(0, COUNT, 5000):
                publisher.send(b"".join(mqtt.publish(f"r/{i % 100}/{i}", str(i), 1, i % 5000 + 1, retain=True)
                                        for i in range(n, n + 5000)))
                for _ in range(5000):
                    publisher.next_raw()
        else:
            fill(publisher, "r", COUNT)
        subscriber.connect("s")
        subscriber.send(mqtt.subscribe(1, [("#", qos)], V5))
        subscriber.pick(SUBACK, codes=[qos])
        seen = set()
        while len(seen) < COUNT:
            p = subscriber.expect(PUBLISH, retain=True)
            assert p.topic not in seen
            seen.add(p.topic)
            if p.qos:
                subscriber.acknowledge(p)
        subscriber.fence()


def test_retained_flood_does_not_disturb_others(start):
    """While one client is sent 100,000 messages it does not read, another one's ping is answered."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 0\n", args=())
    with broker.peer(V311) as publisher, broker.peer(V311) as sleeper, broker.peer(V311) as other:
        publisher.connect("p")
        fill(publisher, "r", 50000)
        other.connect("o")
        other.subscribe("o")
        sleeper.connect("s")
        sleeper.send(mqtt.subscribe(1, [("#", 0)]))
        for n in range(50):
            other.publish("o", str(n), qos=1)
            other.receive("o", str(n))


def test_retained_set_can_change_while_it_is_being_sent(start):
    """Messages removed or replaced meanwhile come or do not come; the others come once."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 0\n", args=())
    with broker.peer(V311) as publisher, broker.peer(V311) as subscriber:
        publisher.connect("p")
        fill(publisher, "r", 20000)
        subscriber.connect("s")
        subscriber.send(mqtt.subscribe(1, [("r/+/+", 0)])).pick(SUBACK)
        publisher.send(*(mqtt.publish(f"r/{n % 100}/{n}", "", retain=True) for n in range(0, 20000, 10)))
        publisher.publish("r/end/end", "end", qos=1)
        seen = set()
        retained = 0
        end = False
        while not end or retained < 18000:
            p = subscriber.next()
            if p.kind == PUBLISH and p.retain:
                assert p.topic not in seen
                seen.add(p.topic)
                retained += int(p.payload) % 10 != 0
            end = end or (p.kind == PUBLISH and p.payload == b"end")
        subscriber.fence()
