# SPDX-License-Identifier: Apache-2.0
"""Limits both sides announce: receive maximum, maximum packet size, topic aliases."""
import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import PUBACK, PUBLISH, PUBREC, PUBREL, V5, V31, V311
from support.peer import Closed


def resume(**properties):
    return {"clean": False, "properties": {"session_expiry_interval": 600, **properties}}


# --------------------------------------------------------------- receive maximum, outward


@pytest.mark.parametrize("maximum", (1, 2, 20))
@pytest.mark.parametrize("qos", (1, 2))
def test_no_more_than_receive_maximum_unacknowledged(client, maximum, qos, uid):
    """A client that announces N gets N, then one more for each it acknowledges; nothing is lost.

    [MQTT5-3.3.4-9] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2]"""
    subscriber, publisher = client(V5, properties={"receive_maximum": maximum}), client(V5)
    subscriber.subscribe(uid, qos=2)
    total = maximum * 3 + 5
    for n in range(total):
        publisher.publish(uid, str(n), qos=qos)
    window = [subscriber.expect(PUBLISH) for _ in range(maximum)]
    subscriber.fence()
    seen = []
    while window:
        p = window.pop(0)
        seen.append(int(p.payload))
        subscriber.acknowledge(p)
        if len(seen) + len(window) < total:
            window.append(subscriber.pick(PUBLISH))
        subscriber.fence()
    assert seen == list(range(total))


def test_qos_0_passes_a_full_window(client, uid):
    """And so does everything else. [MQTT5-3.3.4-10] [MQTT5-4.9.0-3]"""
    subscriber, publisher = client(V5, properties={"receive_maximum": 1}), client(V5)
    subscriber.subscribe(uid + "/#", qos=1)
    publisher.publish(uid + "/1", "a", qos=1)
    publisher.publish(uid + "/1", "b", qos=1)
    held = subscriber.expect(PUBLISH, payload=b"a")
    publisher.publish(uid + "/0", "zero")
    subscriber.expect(PUBLISH, payload=b"zero", qos=0)
    subscriber.subscribe(uid + "-other")
    subscriber.publish(uid + "-own", "x", qos=2)
    subscriber.fence()
    subscriber.acknowledge(held)
    subscriber.receive(uid + "/1", "b")


def test_negative_pubrec_gives_the_window_back(client, uid):
    """[MQTT5-3.3.4-9] [MQTT5-4.4.0-2]"""
    subscriber, publisher = client(V5, properties={"receive_maximum": 1}), client(V5)
    subscriber.subscribe(uid, qos=2)
    publisher.publish(uid, "a", qos=2)
    publisher.publish(uid, "b", qos=2)
    p = subscriber.expect(PUBLISH, payload=b"a")
    subscriber.send(mqtt.ack(PUBREC, p.mid, 0x80))
    subscriber.expect(PUBLISH, payload=b"b")


def test_pubrec_alone_does_not_give_the_window_back(client, uid):
    """A QoS 2 message counts until its PUBCOMP. [MQTT5-3.3.4-9] [MQTT5-4.9.0-2]"""
    subscriber, publisher = client(V5, properties={"receive_maximum": 1}), client(V5)
    subscriber.subscribe(uid, qos=2)
    publisher.publish(uid, "a", qos=2)
    publisher.publish(uid, "b", qos=2)
    p = subscriber.expect(PUBLISH, payload=b"a")
    subscriber.send(mqtt.ack(PUBREC, p.mid)).expect(PUBREL, mid=p.mid)
    subscriber.fence()
    subscriber.send(mqtt.ack(mqtt.PUBCOMP, p.mid)).expect(PUBLISH, payload=b"b")


@pytest.mark.parametrize("qos", (1, 2))
def test_receive_maximum_holds_on_redelivery(client, qos, uid):
    """A client that comes back with a smaller window. [MQTT5-3.3.4-9] [MQTT5-4.4.0-1]"""
    publisher = client(V5)
    first = client(V5, uid, **resume(receive_maximum=10))
    first.subscribe(uid, qos=2)
    for n in range(10):
        publisher.publish(uid, str(n), qos=qos)
    for n in range(10):
        first.expect(PUBLISH, payload=str(n).encode())
    first.drop()
    second = client(V5, uid, **resume(receive_maximum=3))
    window = [second.expect(PUBLISH, payload=str(n).encode(), dup=True) for n in range(3)]
    second.fence()
    seen = 3
    for n in range(10):
        second.acknowledge(window.pop(0))
        if seen < 10:
            window.append(second.pick(PUBLISH, payload=str(seen).encode()))
            seen += 1
    second.fence()


@pytest.mark.parametrize("version", (V31, V311))
def test_31x_clients_have_max_inflight_messages(client, version, uid):
    """20 by default for clients that cannot say."""
    subscriber, publisher = client(version), client(version)
    subscriber.subscribe(uid, qos=1)
    for n in range(25):
        publisher.publish(uid, str(n), qos=1)
    window = [subscriber.expect(PUBLISH) for _ in range(20)]
    subscriber.fence()
    subscriber.acknowledge(window[0])
    subscriber.expect(PUBLISH, payload=b"20")


def test_max_inflight_bytes_counts_payloads(start, uid):
    """As in Mosquitto: what is under way may be so many bytes before the next message waits."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_bytes 16\n")
    with broker.peer(V311) as subscriber, broker.peer(V311) as publisher:
        subscriber.connect("subscriber")
        subscriber.subscribe(uid, qos=1)
        publisher.connect("publisher")
        for n in range(3):
            publisher.publish(uid, f"message{n}", qos=1)
        first = subscriber.expect(PUBLISH, payload=b"message0")
        subscriber.expect(PUBLISH, payload=b"message1")
        subscriber.fence()
        subscriber.acknowledge(first)
        subscriber.expect(PUBLISH, payload=b"message2")


# ---------------------------------------------------------------- receive maximum, inward


def test_more_than_our_receive_maximum_is_0x93(client, uid):
    """Twenty-one QoS 2 messages whose PUBREL never comes. [MQTT5-3.3.4-7]"""
    peer = client(V5)
    maximum = peer.connack.props.get("receive_maximum")
    peer.send(*(mqtt.publish(uid, "x", 2, n, version=V5) for n in range(1, maximum + 1)))
    for n in range(1, maximum + 1):
        peer.expect(PUBREC, mid=n)
    peer.fence()
    peer.send(mqtt.publish(uid, "x", 2, maximum + 1, version=V5)).expect_disconnect(0x93)


def test_our_receive_maximum_can_be_used_in_full_forever(client, uid):
    """[MQTT5-3.3.4-7] [MQTT5-4.9.0-1]"""
    peer = client(V5)
    maximum = peer.connack.props.get("receive_maximum")
    for _ in range(3):
        peer.send(*(mqtt.publish(uid, "x", 2, n, version=V5) for n in range(1, maximum + 1)))
        for n in range(1, maximum + 1):
            peer.expect(PUBREC, mid=n)
        peer.send(*(mqtt.ack(PUBREL, n) for n in range(1, maximum + 1)))
        for n in range(1, maximum + 1):
            peer.expect(mqtt.PUBCOMP, mid=n)


def test_repeated_publish_does_not_count_twice(client, uid):
    """The same identifier again is the same message. [MQTT5-4.3.3-10]"""
    peer = client(V5)
    maximum = peer.connack.props.get("receive_maximum")
    for _ in range(maximum + 5):
        peer.send(mqtt.publish(uid, "x", 2, 1, dup=True, version=V5)).expect(PUBREC, mid=1)
    peer.fence()


# ---------------------------------------------------------------------- maximum packet size


def test_message_over_the_clients_packet_size_is_dropped(client, uid):
    """And treated as delivered: the next ones come, identifiers and window are not used up.

    [MQTT5-3.1.2-24] [MQTT5-3.1.2-25]"""
    subscriber, publisher = client(V5, properties={"maximum_packet_size": 100, "receive_maximum": 2}), \
        client(V5)
    subscriber.subscribe(uid, qos=2)
    for qos in (0, 1, 2):
        for _ in range(5):
            publisher.publish(uid, "x" * 100, qos=qos)
        publisher.publish(uid, f"fits {qos}", qos=qos)
        subscriber.receive(uid, f"fits {qos}", qos=qos)
    subscriber.fence()


def test_packet_of_exactly_the_clients_size_is_sent(client, uid):
    """[MQTT5-3.1.2-24]"""
    size = 200
    subscriber, publisher = client(V5, properties={"maximum_packet_size": size}), client(V5)
    subscriber.subscribe(uid)
    overhead = len(mqtt.publish(uid, "x" * 150, version=V5)) - 150
    publisher.publish(uid, "a" * (size - overhead + 1))
    publisher.publish(uid, "b" * (size - overhead))
    got = subscriber.receive(uid)
    assert got.payload[:1] == b"b" and len(got.data) == size


def test_oversized_message_does_not_block_a_queue(client, uid):
    """It waits for an absent client that comes back with a small packet size. [MQTT5-3.1.2-25]"""
    publisher = client(V5)
    first = client(V5, uid, **resume())
    first.subscribe(uid, qos=1)
    first.disconnect()
    for payload in ("small", "x" * 1000, "small too"):
        publisher.publish(uid, payload, qos=1)
    second = client(V5, uid, **resume(maximum_packet_size=200))
    second.receive(uid, "small")
    second.receive(uid, "small too")
    second.fence()


def test_oversized_retained_message_is_left_out(client, uid):
    """[MQTT5-3.1.2-24] [MQTT5-3.1.2-25]"""
    publisher = client(V5)
    publisher.publish(uid + "/big", "x" * 1000, qos=1, retain=True)
    publisher.publish(uid + "/small", "y", qos=1, retain=True)
    subscriber = client(V5, properties={"maximum_packet_size": 200})
    subscriber.subscribe(uid + "/#", qos=1)
    subscriber.receive(uid + "/small", "y")
    subscriber.fence()


@each_version
def test_packet_over_our_size_is_refused(start, version):
    """0x95 before the rest of it is even read. [MQTT5-3.2.2-15]"""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_packet_size 1000\n")
    with broker.peer(version) as peer:
        connack = peer.connect("a")
        if version == V5:
            assert connack.props.get("maximum_packet_size") == 1000
        overhead = len(mqtt.publish("t", "x" * 500, version=version)) - 500
        fits = mqtt.publish("t", "x" * (1000 - overhead), 0, version=version)
        assert len(fits) == 1000
        peer.send(fits).fence()
        peer.send(mqtt.publish("t", "x" * (1001 - overhead), 0, version=version)[:20])
        peer.expect_disconnect(0x95)


@each_version
def test_packet_over_two_megabytes_is_refused_by_default(client, version):
    """Announced lengths are judged, no memory is asked for. [MQTT5-3.2.2-15]"""
    peer = client(version).send(b"\x30" + mqtt.varint(2000001))
    peer.expect_disconnect(0x95)


# ------------------------------------------------------------------- topic aliases, inward


def test_alias_stands_for_its_topic(client, uid):
    """Set, used, changed, with every value up to the maximum.

    [MQTT5-3.3.2-12] [MQTT5-3.2.2-17]"""
    peer, watcher = client(V5), client(V311)
    watcher.subscribe(uid + "/#")
    maximum = peer.connack.props.get("topic_alias_maximum")
    for alias in range(1, maximum + 1):
        peer.publish(f"{uid}/{alias}", "set", properties={"topic_alias": alias})
        watcher.receive(f"{uid}/{alias}", "set")
    for alias in range(maximum, 0, -1):
        peer.publish("", "used", qos=1, properties={"topic_alias": alias})
        watcher.receive(f"{uid}/{alias}", "used")
    peer.publish(uid + "/new", "changed", properties={"topic_alias": 1})
    watcher.receive(uid + "/new", "changed")
    peer.publish("", "again", qos=2, properties={"topic_alias": 1})
    watcher.receive(uid + "/new", "again")


def test_alias_of_a_publisher_is_not_passed_on(client, uid):
    """[MQTT5-3.1.2-27] [MQTT5-3.3.2-11]"""
    peer, watcher = client(V5), client(V5)
    watcher.subscribe(uid)
    peer.publish(uid, "x", properties={"topic_alias": 5})
    assert "topic_alias" not in watcher.receive(uid, "x").props
    peer.publish("", "y", properties={"topic_alias": 5})
    assert "topic_alias" not in watcher.receive(uid, "y").props


@pytest.mark.parametrize("alias", (11, 65535))
def test_alias_out_of_range_is_0x94(client, alias):
    """[MQTT5-3.3.2-9] [MQTT5-3.2.2-17]"""
    peer = client(V5).send(mqtt.publish("t", "x", version=V5, properties={"topic_alias": alias}))
    peer.expect_disconnect(0x94)


def test_alias_0_is_refused(client):
    """[MQTT5-3.3.2-8]"""
    peer = client(V5).send(mqtt.publish("t", "x", version=V5, properties={"topic_alias": 0}))
    peer.expect_disconnect(0x81, 0x82, 0x94)


@pytest.mark.parametrize("alias", (1, 10))
def test_unknown_alias_is_a_protocol_error(client, alias):
    """Used before it was set: section 3.3.4 and Mosquitto say 0x82."""
    peer = client(V5).send(mqtt.publish("", "x", version=V5, properties={"topic_alias": alias}))
    peer.expect_disconnect(0x82)


def test_no_alias_is_accepted_where_none_was_announced(start):
    """[MQTT5-3.2.2-18]"""
    broker = start("listener {port} 127.0.0.1\nmax_topic_alias 0\nallow_anonymous true\n")
    with broker.peer(V5) as peer:
        assert "topic_alias_maximum" not in peer.connect("a").props
        peer.send(mqtt.publish("t", "x", version=V5, properties={"topic_alias": 1}))
        peer.expect_disconnect(0x94)


def test_aliases_end_with_the_connection(client, uid):
    """[MQTT5-3.3.2-7]"""
    first = client(V5, uid, **resume())
    first.publish(uid, "x", properties={"topic_alias": 1})
    first.disconnect()
    second = client(V5, uid, **resume())
    second.send(mqtt.publish("", "y", version=V5, properties={"topic_alias": 1}))
    second.expect_disconnect(0x82)


# ------------------------------------------------------------------ topic aliases, outward


def with_aliases(client, maximum):
    return client(V5, properties={"topic_alias_maximum": maximum})


def test_subscriber_gets_aliases_up_to_its_maximum(client, uid):
    """First come, first served: the first topics get one, later ones are spelled out.

    [MQTT5-3.1.2-26] [MQTT5-3.3.2-11] [MQTT5-3.3.2-8]"""
    subscriber, publisher = with_aliases(client, 2), client(V311)
    subscriber.subscribe(uid + "/#")
    for _ in range(3):
        for topic in "abc":
            publisher.publish(f"{uid}/{topic}", "x")
    known, shown = {}, []
    for _ in range(9):
        p = subscriber.expect(PUBLISH)
        alias = p.props.get("topic_alias")
        assert alias is None or 1 <= alias <= 2
        if p.topic and alias:
            known[alias] = p.topic
        shown.append(p.topic or known[alias])
    assert shown == [f"{uid}/{t}" for t in "abc"] * 3
    assert set(known.values()) == {uid + "/a", uid + "/b"}


def test_no_alias_without_permission(client, uid):
    """[MQTT5-3.1.2-27]"""
    for kw in ({}, {"properties": {"topic_alias_maximum": 0}}):
        subscriber, publisher = client(V5, **kw), client(V5)
        subscriber.subscribe(uid)
        for _ in range(3):
            publisher.publish(uid, "x")
            assert "topic_alias" not in subscriber.receive(uid).props


def test_outward_aliases_end_with_the_connection(client, uid):
    """[MQTT5-3.3.2-7]"""
    publisher = client(V5)
    first = client(V5, uid, **resume(topic_alias_maximum=5))
    first.subscribe(uid + "/t", qos=1)
    publisher.publish(uid + "/t", "a", qos=1)
    first.receive(uid + "/t", "a")
    first.disconnect()
    second = client(V5, uid, **resume(topic_alias_maximum=5))
    publisher.publish(uid + "/t", "b", qos=1)
    assert second.receive(payload="b").topic == uid + "/t"


def test_redelivery_does_not_lean_on_an_old_alias(client, uid):
    """What is sent again on a new connection carries its topic. [MQTT5-3.3.2-7] [MQTT5-4.4.0-1]"""
    publisher = client(V5)
    first = client(V5, uid, **resume(topic_alias_maximum=5))
    first.subscribe(uid + "/t", qos=1)
    for n in range(3):
        publisher.publish(uid + "/t", str(n), qos=1)
        first.expect(PUBLISH, payload=str(n).encode())
    first.drop()
    second = client(V5, uid, **resume())
    for n in range(3):
        second.receive(uid + "/t", str(n), dup=True)


# --------------------------------------------------------------------- properties of acks


def test_request_problem_information_0_keeps_acks_bare(client, uid):
    """No reason string, no user property but on CONNACK and DISCONNECT. [MQTT5-3.1.2-29]"""
    peer = client(V5, properties={"request_problem_information": 0})
    assert peer.publish(uid, "x", qos=1).props == []
    assert peer.publish(uid, "x", qos=2).props == []
    assert peer.subscribe(uid).props == []
    assert peer.unsubscribe(uid, "other").props == []


def refused_publish(peer, qos):
    """To a topic that is the broker's own."""
    return peer.publish("$SYS/broker/mine", "x", qos=qos)


@pytest.mark.parametrize("qos", (1, 2))
def test_refused_publish_is_told_why_in_words(client, qos):
    p = refused_publish(client(V5), qos)
    assert p.code == 0x87 and [n for n, _ in p.props] == ["reason_string"]
    assert p.props[0][1] == "not authorised"


@pytest.mark.parametrize("asked", ({"request_problem_information": 0}, {"maximum_packet_size": 20}))
def test_refused_publish_without_words(client, asked):
    """Nobody asked for them, or they do not fit. [MQTT5-3.1.2-29] [MQTT5-3.4.2-2] [MQTT5-3.5.2-2]"""
    peer = client(V5, properties=asked)
    for qos in (1, 2):
        p = refused_publish(peer, qos)
        assert p.code == 0x87 and p.props == []


def test_acks_fit_a_tiny_maximum_packet_size(client, uid):
    """[MQTT5-3.4.2-2] [MQTT5-3.4.2-3] [MQTT5-3.5.2-2] [MQTT5-3.5.2-3] [MQTT5-3.6.2-2] [MQTT5-3.6.2-3]
    [MQTT5-3.7.2-2] [MQTT5-3.7.2-3] [MQTT5-3.9.2-1] [MQTT5-3.9.2-2] [MQTT5-3.11.2-1]
    [MQTT5-3.11.2-2]"""
    peer = client(V5, properties={"maximum_packet_size": 20})
    packets = [peer.publish(uid, "x", qos=1), peer.publish(uid, "x", qos=2), peer.subscribe(uid),
               peer.unsubscribe(uid + "/none")]
    peer.send(mqtt.ack(PUBREL, 99))
    packets.append(peer.expect(mqtt.PUBCOMP, mid=99))
    peer.send(mqtt.ack(PUBREC, 99))
    packets.append(peer.expect(PUBREL, mid=99))
    assert all(len(p.data) <= 20 for p in packets)


def test_disconnect_fits_a_tiny_maximum_packet_size(client, uid):
    """[MQTT5-3.14.2-3] [MQTT5-3.14.2-4] [MQTT5-3.14.2-2] [MQTT5-3.14.2-1]"""
    peer = client(V5, uid, properties={"maximum_packet_size": 20})
    peer.send(mqtt.publish("a/#", "x", version=V5))
    p = peer.expect(mqtt.DISCONNECT)
    assert len(p.data) <= 20 and "session_expiry_interval" not in p.props
    peer.expect_closed()


def test_nothing_follows_a_disconnect(client, uid):
    """[MQTT5-3.14.4-1] [MQTT5-3.14.4-2]"""
    peer = client(V5, uid)
    peer.subscribe(uid)
    peer.send(mqtt.publish("a/#", "x", version=V5), mqtt.publish(uid, "late", version=V5),
              mqtt.PINGREQ_BYTES)
    kinds = []
    try:
        while True:
            kinds.append(peer.next().kind)
    except Closed:
        pass
    assert kinds == [mqtt.DISCONNECT]


def test_window_of_acknowledgements_is_per_connection(client, uid):
    """Unfinished QoS 2 of an earlier connection does not eat the window of the next.

    [MQTT5-4.9.0-1] [MQTT5-3.3.4-7]"""
    first = client(V5, uid, **resume())
    for n in range(1, 11):
        first.send(mqtt.publish(uid, "x", 2, n, version=V5)).expect(PUBREC, mid=n)
    first.drop()
    second = client(V5, uid, **resume())
    for n in range(1, 11):
        second.send(mqtt.ack(PUBREL, n)).expect(mqtt.PUBCOMP, mid=n, code=0)
    for n in range(1, 21):
        second.send(mqtt.publish(uid, "x", 2, n, version=V5)).expect(PUBREC, mid=n)
    second.fence()


def test_puback_frees_the_window_at_once(client, uid):
    peer = client(V5)
    maximum = peer.connack.props.get("receive_maximum")
    for n in range(1, maximum * 3):
        peer.send(mqtt.publish(uid, "x", 1, n, version=V5)).expect(PUBACK, mid=n)
