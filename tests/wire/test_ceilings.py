# SPDX-License-Identifier: Apache-2.0
"""Ceilings: each is a configuration option, holds, and is named in the log where it is met."""
import pytest

from support import mqtt
from support.mqtt import V5, V31, V311
from support.peer import Closed

OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\n"


def end_of(peer):
    """The packets before the broker closed."""
    return peer.drain()


def test_max_connections_of_a_listener(start):
    """The third of two is closed, the log says why; a place that is given back can be used."""
    broker = start("listener {port} 127.0.0.1\nmax_connections 2\nallow_anonymous true\n")
    first, second = broker.peer(V311), broker.peer(V5)
    first.connect("a")
    second.connect("b")
    third = broker.peer(V311)  # not before: which of two waiting ones is taken first is open
    try:
        third.send(mqtt.connect("c"))
    except ConnectionError:
        pass
    assert [p.code for p in end_of(third)] in ([], [3])
    broker.log.wait(r"Client connection from 127\.0\.0\.1 denied: max_connections exceeded\.")
    first.disconnect()
    with broker.peer(V311) as again:
        again.connect("d")
    second.fence()
    second.close()


def test_global_max_connections(start):
    broker = start(OPEN + "global_max_connections 2\n")
    first, second = broker.peer(V311), broker.peer(V5)
    first.connect("a")
    second.connect("b")
    third = broker.peer(V5)  # not before: which of two waiting ones is taken first is open
    try:
        third.send(mqtt.connect("c", V5))
    except ConnectionError:
        pass
    assert [p.code for p in end_of(third)] in ([], [0x89], [0x97])
    broker.log.wait("global_max_connections")
    for peer in (first, second):
        peer.close()


def test_global_max_clients_counts_the_absent(start):
    """Sessions, not connections: v5 is refused with 0x89, others are closed."""
    broker = start(OPEN + "global_max_clients 2\n")
    with broker.peer(V311) as a, broker.peer(V311) as b:
        a.connect("a", clean=False)
        a.disconnect()
        b.connect("b")
        with broker.peer(V5) as c:
            c.connect("c", code=0x89)
            c.expect_closed()
        with broker.peer(V311) as d:
            d.send(mqtt.connect("d"))
            assert [p.code for p in end_of(d)] in ([], [3])
        with broker.peer(V311) as back:
            back.connect("a", clean=False, present=True)
        broker.log.wait("global_max_clients")


def test_max_topic_length(start):
    broker = start(OPEN + "max_topic_length 50\n")
    with broker.peer(V5) as peer:
        peer.connect("a")
        peer.publish("x" * 50, "fits", qos=1)
        peer.send(mqtt.publish("x" * 51, "y", 1, 5, version=V5))
        try:
            p = peer.next()
            assert p.code in (0x90, 0x97), p
        except Closed:
            pass
        broker.log.wait("max_topic_length")


def test_max_topic_levels(start):
    broker = start(OPEN + "max_topic_levels 5\n")
    with broker.peer(V5) as peer, broker.peer(V5) as other:
        peer.connect("a")
        peer.subscribe("a/b/c/d/#")
        peer.publish("a/b/c/d/e", "fits", qos=1)
        peer.receive("a/b/c/d/e", "fits")
        other.connect("b")
        for packet in (mqtt.publish("a/b/c/d/e/f", "y", 1, 5, version=V5),
                       mqtt.subscribe(5, [("a/b/c/d/e/+", 0)], V5)):
            try:
                other.send(packet)
                p = other.next()
                assert p.kind in (mqtt.DISCONNECT, mqtt.PUBACK, mqtt.SUBACK)
                assert (p.codes[0] if p.kind == mqtt.SUBACK else p.code) in (0x90, 0x8F, 0x97, 0x80), p
            except (Closed, ConnectionError):
                pass
        broker.log.wait("max_topic_levels")
        peer.fence()


@pytest.mark.parametrize("version", mqtt.VERSIONS)
def test_max_subscriptions_per_client(start, version):
    """One too many is refused in the SUBACK: 0x80 (0x97 in v5); replacing is not one more."""
    broker = start(OPEN + "max_subscriptions_per_client 3\n")
    with broker.peer(version) as peer:
        peer.connect("a")
        refused = 0x97 if version == V5 else 0x80
        peer.send(mqtt.subscribe(1, [("a", 0), ("b", 1), ("c", 2), ("d", 0), ("a", 2)], version))
        peer.expect(mqtt.SUBACK, codes=[0, 1, 2, refused, 2])
        peer.unsubscribe("b")
        peer.subscribe("d")
        broker.log.wait("max_subscriptions_per_client")


def test_max_retained_messages(start):
    broker = start(OPEN + "max_retained_messages 10\nsys_interval 0\n")
    with broker.peer(V5) as peer:
        peer.connect("a")
        codes = [peer.publish(f"r/{n}", "x", qos=1, retain=True).code for n in range(12)]
        assert codes[:10] == [0x10] * 10 and codes[10:] == [0x97] * 2
        broker.log.wait("max_retained_messages")
        assert peer.publish("r/3", "replaced", qos=1, retain=True).code == 0x10
        peer.subscribe("r/#")
        assert sorted(peer.receive(retain=True).topic for _ in range(10)) == [f"r/{n}" for n in range(10)]
        peer.fence()


@pytest.mark.parametrize("qos", (0, 1, 2))
def test_max_retained_messages_before_mqtt_5(start, qos):
    """There is no answer that says no: the message is delivered and acknowledged, and is not kept. The log says
    so."""
    broker = start(OPEN + "max_retained_messages 1\nsys_interval 0\n")
    with broker.peer(V311) as peer, broker.peer(V311) as watcher:
        peer.connect("a")
        peer.publish("r/0", "kept", qos=1, retain=True)
        peer.subscribe("r/1", qos=qos)
        peer.publish("r/1", "x", qos=qos, retain=True)
        peer.receive("r/1", "x", qos=qos, retain=False)
        broker.log.wait(r"Dropped message .*'r/1'.*max_retained_messages")
        watcher.connect("b")
        watcher.subscribe("r/#", qos=qos)
        watcher.receive("r/0", "kept", retain=True)
        watcher.fence()


def test_max_queued_messages_is_named(start):
    broker = start(OPEN + "max_queued_messages 2\n")
    with broker.peer(V311) as absent, broker.peer(V311) as publisher:
        absent.connect("absent", clean=False)
        absent.subscribe("t", qos=1)
        absent.disconnect()
        publisher.connect("p")
        for n in range(60):
            publisher.publish("t", str(n), qos=1)
        broker.log.wait("max_queued_messages")


def test_total_queue_is_named(start):
    """max_queued_messages_total: many absent clients share one ceiling."""
    broker = start(OPEN + "max_queued_messages_total 20\n")
    with broker.peer(V311) as publisher:
        for n in range(5):
            with broker.peer(V311) as absent:
                absent.connect(f"absent{n}", clean=False)
                absent.subscribe("t", qos=1)
                absent.disconnect()
        publisher.connect("p")
        for n in range(30):
            publisher.publish("t", str(n), qos=1)
        broker.log.wait("whole broker's queue|max_queued_messages_total")


def test_message_size_limit_acknowledges_and_drops(start):
    """v5 hears a code that PUBACK has; nobody receives it. [MQTT5-3.4.2-1]"""
    broker = start(OPEN + "message_size_limit 10\n")
    with broker.peer(V5) as peer, broker.peer(V311) as old:
        peer.connect("a")
        old.connect("b")
        peer.subscribe("t", qos=1)
        assert peer.publish("t", "x" * 11, qos=1).code == 0x83
        assert old.publish("t", "x" * 11, qos=1).code == 0
        peer.publish("t", "x" * 10, qos=1)
        peer.receive("t", "x" * 10)
        peer.fence()


def test_refused_qos_2_message_leaves_its_identifier_free(start):
    """After a PUBREC with an error the next message of that identifier is a new one. [MQTT5-4.3.3-9]"""
    broker = start(OPEN + "message_size_limit 10\n")
    with broker.peer(V5) as peer:
        peer.connect("a")
        peer.subscribe("t")
        peer.send(mqtt.publish("t", "x" * 11, 2, 7, version=V5)).expect(mqtt.PUBREC, mid=7, code=0x83)
        peer.send(mqtt.publish("t", "small", 2, 7, version=V5)).pick(mqtt.PUBREC, mid=7, code=0)
        peer.send(mqtt.ack(mqtt.PUBREL, 7)).pick(mqtt.PUBCOMP, mid=7, code=0)
        assert peer.pick(mqtt.PUBLISH).payload == b"small"


def test_accept_protocol_versions(start):
    """Only those: others get code 1 (3.x) or 0x84 (5)."""
    broker = start("listener {port} 127.0.0.1\naccept_protocol_versions 4\nallow_anonymous true\n")
    with broker.peer(V311) as peer:
        peer.connect("a")
    with broker.peer(V31) as peer:
        peer.connect("b", code=1)
        peer.expect_closed()
    with broker.peer(V5) as peer:
        peer.connect("c", code=0x84)
        peer.expect_closed()


def test_memory_limit_sheds_load_and_survives(start):
    """At 40 MB the broker refuses or drops what would not fit, names the option, and serves others."""
    broker = start(OPEN + "memory_limit 40000000\nmax_queued_messages 0\n", args=())
    with broker.peer(V311) as absent, broker.peer(V5) as publisher:
        absent.connect("absent", clean=False)
        absent.subscribe("t", qos=1)
        absent.disconnect()
        publisher.connect("p")
        try:
            for _ in range(120):
                publisher.publish("t", "x" * 1000000, qos=1)
        except (AssertionError, ConnectionError):
            pass
        with broker.peer(V311) as other:
            other.connect("o")
            other.subscribe("o")
            other.publish("o", "x")
            other.receive("o", "x")
        assert broker.rss_bytes() < 200 << 20
        broker.log.wait("memory_limit|max_queued_bytes|queue limit|out of memory")


def test_clientid_prefixes_let_only_these_in(start):
    broker = start(OPEN + "clientid_prefixes good-\n")
    with broker.peer(V311) as peer:
        peer.connect("good-1")
    with broker.peer(V311) as peer:
        peer.connect("bad-1", code=5)
        peer.expect_closed()
    with broker.peer(V5) as peer:
        peer.connect("bad-1", code=0x87)
        peer.expect_closed()


def test_use_username_as_clientid(start):
    broker = start("listener {port} 127.0.0.1\nuse_username_as_clientid true\nallow_anonymous true\n")
    with broker.peer(V5) as first, broker.peer(V5) as second, broker.peer(V5) as nameless:
        first.connect("one", username="same")
        second.connect("two", username="same")
        first.expect_disconnect(0x8E)
        nameless.send(mqtt.connect("three", V5))
        assert [p.code for p in end_of(nameless)] in ([0x87], [0x86], [])


def test_mount_point_is_a_world_of_its_own(start):
    """The prefix is added to what comes in and taken off what goes out, on this listener only."""
    broker = start("listener {port} 127.0.0.1\nmount_point island/\n"
                   "listener {port2} 127.0.0.1\nallow_anonymous true\n")
    with broker.peer(V311) as inside, broker.peer(V311, port=broker.port2) as outside:
        inside.connect("in", will={"topic": "gone", "payload": "x"})
        outside.connect("out")
        inside.subscribe("#")
        outside.subscribe("#")
        inside.publish("a", "1")
        inside.receive("a", "1")
        outside.receive("island/a", "1")
        outside.publish("island/b", "2")
        inside.receive("b", "2")
        outside.receive("island/b", "2")
        outside.publish("c", "3")
        outside.receive("c", "3")
        inside.drop()
        outside.receive("island/gone", "x")
