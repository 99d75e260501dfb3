# SPDX-License-Identifier: Apache-2.0
"""PUBLISH at every QoS, both ways: acknowledgements, identifiers, DUP, order, exactly once."""
import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import (PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, UNSUBACK, V5, V31,
                          V311)

EVERY_QOS = pytest.mark.parametrize("qos", (0, 1, 2))
PERSISTENT = {V31: {"clean": False}, V311: {"clean": False},
              V5: {"clean": False, "properties": {"session_expiry_interval": 600}}}
BOTH = pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")


# -------------------------------------------------------------------- one message, one copy


@each_version
@EVERY_QOS
@pytest.mark.parametrize("granted", (0, 1, 2))
def test_message_arrives_at_the_lower_qos(client, version, qos, granted, uid):
    """min(published, granted); DUP 0, RETAIN 0 on delivery.

    [MQTT311-3.8.4-6] [MQTT311-3.3.5-1] [MQTT311-3.3.4-1] [MQTT311-3.3.1-2] [MQTT311-3.3.1-9]
    [MQTT311-4.3.1-1] [MQTT311-4.5.0-1] [MQTT5-3.8.4-8] [MQTT5-3.3.4-1] [MQTT5-3.3.4-2]
    [MQTT5-3.3.1-2] [MQTT5-3.3.1-12] [MQTT5-4.3.1-1] [MQTT5-4.3.2-2] [MQTT5-4.3.3-2] [MQTT5-4.5.0-1]"""
    subscriber, publisher = client(version), client(version)
    subscriber.subscribe(uid, qos=granted)
    publisher.publish(uid, "payload", qos=qos)
    subscriber.receive(uid, "payload", qos=min(qos, granted), dup=False, retain=False)


@pytest.mark.parametrize("publisher_version", mqtt.VERSIONS)
@pytest.mark.parametrize("subscriber_version", mqtt.VERSIONS)
def test_versions_talk_to_each_other(client, publisher_version, subscriber_version, uid):
    """[MQTT311-4.5.0-1] [MQTT5-4.5.0-1] [MQTT5-2.2.2-1]"""
    subscriber, publisher = client(subscriber_version), client(publisher_version)
    subscriber.subscribe(uid + "/#", qos=2)
    for qos in (0, 1, 2):
        publisher.publish(f"{uid}/{qos}", f"m{qos}", qos=qos)
        subscriber.receive(f"{uid}/{qos}", f"m{qos}", qos=qos)


@each_version
@pytest.mark.parametrize("size", (0, 1, 117, 118, 119, 16372, 16373, 70000, 1999000))
def test_payload_of_any_size_arrives_unaltered(client, version, size, uid):
    """Around every length of the remaining length, and binary throughout; TCP carries it.

    [MQTT311-4.2.0-1] [MQTT311-7.1.1-1] [MQTT5-4.2-1]"""
    payload = bytes(i * 7 & 0xFF for i in range(size))
    subscriber, publisher = client(version), client(version)
    subscriber.subscribe(uid, qos=1)
    publisher.publish(uid, payload, qos=1)
    assert subscriber.receive(uid).payload == payload


@each_version
def test_publisher_hears_itself(client, version, uid):
    peer = client(version)
    peer.subscribe(uid)
    peer.publish(uid, "me")
    peer.receive(uid, "me")


@BOTH
@EVERY_QOS
def test_message_without_subscriber_is_acknowledged(client, version, qos, uid):
    """In v5 with 0x10, no matching subscribers; at QoS 2 the PUBREC may come before that is known.

    [MQTT311-3.3.4-1] [MQTT5-3.4.2-1] [MQTT5-3.5.2-1]"""
    reply = client(version).publish(uid, "x", qos=qos)
    if qos:
        assert reply.code in ((0x10,) if (version, qos) == (V5, 1) else (0, 0x10))


@EVERY_QOS
def test_acknowledgement_of_a_delivered_message_is_success(client, qos, uid):
    """[MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-4.3.2-4] [MQTT5-4.3.3-8]"""
    peer = client(V5)
    peer.subscribe(uid)
    reply = peer.publish(uid, "x", qos=qos)
    assert reply is None or reply.code == 0


# ------------------------------------------------------------- identifiers towards the broker


@each_version
@pytest.mark.parametrize("mid", (1, 2, 255, 256, 32768, 65535))
def test_any_identifier_is_acknowledged_as_sent(client, version, mid, uid):
    """[MQTT311-2.3.1-6] [MQTT311-4.3.2-2] [MQTT311-4.3.3-2] [MQTT5-2.2.1-5] [MQTT5-4.3.2-4]
    [MQTT5-4.3.3-8] [MQTT5-4.3.3-11]"""
    peer = client(version)
    peer.send(mqtt.publish(uid, "x", 1, mid, version=version)).expect(PUBACK, mid=mid)
    peer.send(mqtt.publish(uid, "x", 2, mid, version=version)).expect(PUBREC, mid=mid)
    peer.send(mqtt.ack(PUBREL, mid)).expect(PUBCOMP, mid=mid)


@each_version
@pytest.mark.parametrize("qos", (1, 2))
def test_identifier_0_is_refused(client, version, qos):
    """[MQTT311-2.3.1-1] [MQTT5-2.2.1-3]"""
    peer = client(version).send(mqtt.publish("a", "x", qos, 0, version=version))
    peer.expect_disconnect(0x81, 0x82)


@BOTH
def test_identifier_of_a_message_not_released_serves_other_packets(client, version, uid):
    """A fault of the client's; nothing is mixed up by it, the message still arrives once. [MQTT5-2.2.1-3]"""
    subscriber, peer = client(version), client(version)
    subscriber.subscribe(uid, qos=0)
    peer.send(mqtt.publish(uid, "2", 2, 9, version=version)).expect(PUBREC, mid=9)
    peer.send(mqtt.subscribe(9, [(uid + "/own", 0)], version)).expect(SUBACK, mid=9)
    peer.send(mqtt.publish(uid, "1", 1, 9, version=version)).expect(PUBACK, mid=9)
    peer.send(mqtt.unsubscribe(9, [uid + "/own"], version)).expect(UNSUBACK, mid=9)
    peer.send(mqtt.publish(uid, "2", 2, 9, dup=True, version=version)).expect(PUBREC, mid=9)
    peer.send(mqtt.ack(PUBREL, 9)).expect(PUBCOMP, mid=9)
    assert [subscriber.receive(uid).payload for _ in range(2)] == [b"2", b"1"]
    subscriber.fence()


@BOTH
def test_acknowledgements_come_in_order(client, version, uid):
    """Fifteen messages in one write: PUBACKs and PUBRECs in the order of the PUBLISHes.

    [MQTT311-4.6.0-2] [MQTT311-4.6.0-3]"""
    peer = client(version)
    mids = list(range(100, 115))
    peer.send(*(mqtt.publish(uid, "x", 1, m, version=version) for m in mids))
    assert [peer.expect(PUBACK).mid for _ in mids] == mids
    peer.send(*(mqtt.publish(uid, "x", 2, m, version=version) for m in mids))
    assert [peer.expect(PUBREC).mid for _ in mids] == mids
    peer.send(*(mqtt.ack(PUBREL, m) for m in mids))
    assert [peer.expect(PUBCOMP).mid for _ in mids] == mids


@BOTH
def test_pubrels_come_in_the_order_of_the_pubrecs(client, version, uid):
    """[MQTT311-4.6.0-4]"""
    subscriber, publisher = client(version), client(version)
    subscriber.subscribe(uid, qos=2)
    for n in range(6):
        publisher.publish(uid, str(n), qos=2)
    mids = [subscriber.expect(PUBLISH, qos=2).mid for _ in range(6)]
    turned = mids[::-1]
    subscriber.send(*(mqtt.ack(PUBREC, mid) for mid in turned))
    assert [subscriber.expect(PUBREL).mid for _ in mids] == turned
    subscriber.send(*(mqtt.ack(PUBCOMP, mid) for mid in turned)).fence()


@BOTH
def test_identifier_can_be_used_again_after_puback(client, version, uid):
    """Also with DUP set it is a new message. [MQTT311-4.3.2-2] [MQTT5-4.3.2-5]"""
    peer = client(version)
    peer.subscribe(uid)
    for dup in (False, False, True):
        peer.send(mqtt.publish(uid, "x", 1, 7, dup=dup, version=version))
        peer.pick(PUBACK, mid=7)
        peer.receive(uid, "x", dup=False)


@BOTH
def test_identifier_can_be_used_again_after_pubcomp(client, version, uid):
    """[MQTT311-4.3.3-2] [MQTT5-4.3.3-12]"""
    peer = client(version)
    peer.subscribe(uid)
    for n in range(3):
        peer.publish(uid, f"m{n}", qos=2)
        peer.last_mid -= 1
        peer.receive(uid, f"m{n}")


# --------------------------------------------------------------------- QoS 2 to the broker


@BOTH
def test_qos_2_sent_twice_is_delivered_once(client, version, uid):
    """The second PUBLISH gets a PUBREC and nothing else happens.

    [MQTT311-4.3.3-2] [MQTT5-4.3.3-10]"""
    peer = client(version)
    peer.subscribe(uid)
    peer.send(mqtt.publish(uid, "once", 2, 9, version=version))
    peer.pick(PUBREC, mid=9)
    peer.send(mqtt.publish(uid, "once", 2, 9, dup=True, version=version))
    peer.pick(PUBREC, mid=9)
    peer.send(mqtt.ack(PUBREL, 9))
    peer.pick(PUBCOMP, mid=9)
    peer.receive(uid, "once")
    peer.publish(uid, "fence")
    peer.receive(uid, "fence")


@BOTH
def test_qos_2_is_delivered_once_across_a_reconnect(client, version, uid):
    """The publisher loses its connection between PUBREC and PUBREL, and sends all again.

    [MQTT311-4.3.3-2] [MQTT311-4.4.0-1] [MQTT5-4.3.3-10] [MQTT5-4.1.0-1]"""
    watcher = client(version)
    watcher.subscribe(uid, qos=2)
    first = client(version, uid, **PERSISTENT[version])
    first.send(mqtt.publish(uid, "once", 2, 5, version=version)).expect(PUBREC, mid=5)
    first.drop()
    second = client(version, uid, **PERSISTENT[version])
    assert second.connack.session_present
    second.send(mqtt.publish(uid, "once", 2, 5, dup=True, version=version)).pick(PUBREC, mid=5)
    second.send(mqtt.ack(PUBREL, 5)).expect(PUBCOMP, mid=5)
    watcher.receive(uid, "once", qos=2)
    second.publish(uid, "fence")
    watcher.receive(uid, "fence")


@BOTH
def test_qos_2_of_a_discarded_session_is_a_new_message(client, version, uid):
    """A clean start forgets the identifiers of the old session. [MQTT311-3.1.2-6] [MQTT5-3.1.2-4]"""
    watcher = client(version)
    watcher.subscribe(uid)
    first = client(version, uid, **PERSISTENT[version])
    first.send(mqtt.publish(uid, "one", 2, 5, version=version)).expect(PUBREC)
    first.drop()
    second = client(version, uid)
    second.send(mqtt.publish(uid, "two", 2, 5, version=version)).expect(PUBREC)
    second.send(mqtt.ack(PUBREL, 5)).expect(PUBCOMP)
    got = watcher.receive(uid)
    if got.payload == b"one":
        got = watcher.receive(uid)
    assert got.payload == b"two"


@BOTH
def test_pubrel_is_answered_again(client, version, uid):
    """A PUBREL repeated after the PUBCOMP got lost is completed once more.

    [MQTT311-4.3.3-2] [MQTT5-4.3.3-11]"""
    peer = client(version, uid, **PERSISTENT[version])
    peer.send(mqtt.publish(uid, "x", 2, 3, version=version)).expect(PUBREC)
    peer.send(mqtt.ack(PUBREL, 3)).expect(PUBCOMP, mid=3, code=0)
    peer.send(mqtt.ack(PUBREL, 3)).expect(PUBCOMP, mid=3)


@BOTH
def test_pubrel_for_an_unknown_identifier_is_completed(client, version):
    """It may be the repetition of one whose PUBCOMP got lost: success, or 0x92, not found.

    [MQTT5-3.7.2-1] [MQTT5-4.3.3-11] [MQTT311-4.3.3-2]"""
    comp = client(version).send(mqtt.ack(PUBREL, 77)).expect(PUBCOMP, mid=77)
    assert comp.code in (0, 0x92)


@BOTH
@pytest.mark.parametrize("kind", (PUBACK, PUBREC, PUBCOMP))
def test_acknowledgement_of_nothing_does_no_harm(client, version, kind):
    """A stray PUBREC is answered by PUBREL, so that the other side can forget. [MQTT5-3.6.2-1]"""
    peer = client(version).send(mqtt.ack(kind, 77))
    if kind == PUBREC:
        assert peer.expect(PUBREL, mid=77).code in (0, 0x92)
    peer.fence()


# ------------------------------------------------------------------------- delivery, DUP


@each_version
@pytest.mark.parametrize("qos", (1, 2))
def test_dup_of_the_publisher_is_not_passed_on(client, version, qos, uid):
    """[MQTT311-3.3.1-3] [MQTT5-3.3.1-3]"""
    peer = client(version)
    peer.subscribe(uid, qos=2)
    peer.send(mqtt.publish(uid, "x", qos, 4, dup=True, version=version))
    if qos == 2:
        peer.pick(PUBREC, mid=4)
        peer.send(mqtt.ack(PUBREL, 4)).pick(PUBCOMP)
    assert peer.pick(PUBLISH).dup is False


@each_version
def test_dup_on_qos_0_is_a_protocol_error(client, version):
    """[MQTT311-3.3.1-2] [MQTT5-3.3.1-2]"""
    peer = client(version).send(mqtt.publish("a", "x", 0, dup=True, version=version))
    peer.expect_disconnect(0x81, 0x82)


@each_version
def test_identifiers_in_flight_are_distinct_and_not_0(client, version, uid):
    """[MQTT311-2.3.1-1] [MQTT311-2.3.1-4] [MQTT311-2.3.1-5] [MQTT311-4.3.2-1] [MQTT311-4.3.3-1]
    [MQTT5-2.2.1-2] [MQTT5-2.2.1-4] [MQTT5-4.3.2-1] [MQTT5-4.3.3-1]"""
    subscriber, publisher = client(version), client(version)
    subscriber.subscribe(uid, qos=2)
    for n in range(20):
        publisher.publish(uid, "x", qos=1 + n % 2)
    mids = [subscriber.expect(PUBLISH, dup=False).mid for _ in range(20)]
    assert len(set(mids)) == 20 and 0 not in mids


def test_identifiers_count_from_1(client, uid):
    """Mosquitto's choice (section 12), so that traces stay comparable."""
    peer = client(V311)
    peer.subscribe(uid, qos=1)
    for n in range(1, 4):
        peer.send(mqtt.publish(uid, "x", 1, n))
    got = [peer.pick(PUBLISH) for _ in range(3)]
    assert [p.mid for p in got] == [1, 2, 3]


@BOTH
@pytest.mark.parametrize("qos", (1, 2))
def test_unacknowledged_publish_comes_again_after_reconnect(client, version, qos, uid):
    """The same identifier, DUP 1, the same order; acknowledged ones do not come again.

    [MQTT311-4.4.0-1] [MQTT311-3.3.1-1] [MQTT311-2.3.1-3] [MQTT311-4.6.0-1] [MQTT311-2.3.1-4]
    [MQTT5-4.4.0-1] [MQTT5-3.3.1-1] [MQTT5-4.3.2-3] [MQTT5-4.3.3-3] [MQTT5-4.6.0-1]"""
    publisher = client(version)
    first = client(version, uid, **PERSISTENT[version])
    first.subscribe(uid, qos=2)
    for n in range(6):
        publisher.publish(uid, f"m{n}", qos=qos)
    sent = [first.expect(PUBLISH, dup=False) for _ in range(6)]
    first.acknowledge(sent[0])
    first.drop()
    second = client(version, uid, **PERSISTENT[version])
    for p in sent[1:]:
        second.receive(uid, p.payload, mid=p.mid, dup=True, qos=qos)
    second.fence()


@BOTH
def test_pubrel_comes_again_after_reconnect(client, version, uid):
    """After PUBREC the message itself never comes again: only the PUBREL, with its identifier.

    [MQTT311-4.3.3-1] [MQTT311-4.4.0-1] [MQTT5-4.3.3-4] [MQTT5-4.3.3-5] [MQTT5-4.3.3-6] [MQTT5-4.4.0-1]"""
    publisher = client(version)
    first = client(version, uid, **PERSISTENT[version])
    first.subscribe(uid, qos=2)
    publisher.publish(uid, "x", qos=2)
    p = first.expect(PUBLISH, qos=2)
    first.send(mqtt.ack(PUBREC, p.mid)).expect(PUBREL, mid=p.mid)
    first.drop()
    second = client(version, uid, **PERSISTENT[version])
    second.expect(PUBREL, mid=p.mid)
    second.send(mqtt.ack(PUBCOMP, p.mid)).fence()
    second.drop()
    third = client(version, uid, **PERSISTENT[version])
    third.fence()


@BOTH
def test_nothing_is_resent_on_a_living_connection(client, version, uid):
    """[MQTT5-4.4.0-1]"""
    peer = client(version)
    peer.subscribe(uid, qos=1)
    peer.publish(uid, "x", qos=1)
    p = peer.expect(PUBLISH)
    for _ in range(20):
        peer.fence()
    peer.acknowledge(p)
    peer.fence()


@BOTH
def test_exactly_once_through_many_broken_connections(client, version, uid):
    """Both ends break at every step of the QoS 2 exchange; each message is seen once, in order.

    [MQTT311-4.3.3-1] [MQTT311-4.3.3-2] [MQTT5-4.3.3-6] [MQTT5-4.3.3-10]"""
    kw = PERSISTENT[version]
    sender = client(version, uid + "-s", **kw)
    taker = client(version, uid + "-t", **kw)
    taker.subscribe(uid, qos=2)
    seen = []
    for n in range(8):
        mid, payload = n + 1, f"m{n}"
        sender.send(mqtt.publish(uid, payload, 2, mid, version=version))
        if n & 1:
            sender.drop()
            sender = client(version, uid + "-s", **kw)
            sender.send(mqtt.publish(uid, payload, 2, mid, dup=True, version=version))
        sender.pick(PUBREC, mid=mid)
        sender.send(mqtt.ack(PUBREL, mid))
        if n & 2:
            sender.drop()
            sender = client(version, uid + "-s", **kw)
            sender.send(mqtt.ack(PUBREL, mid))
        sender.pick(PUBCOMP, mid=mid)

        p = taker.expect(PUBLISH, qos=2)
        if n & 1:
            taker.drop()
            taker = client(version, uid + "-t", **kw)
            p = taker.expect(PUBLISH, qos=2, mid=p.mid, dup=True)
        seen.append(p.payload.decode())
        taker.send(mqtt.ack(PUBREC, p.mid)).expect(PUBREL, mid=p.mid)
        if n & 4:
            taker.drop()
            taker = client(version, uid + "-t", **kw)
            taker.expect(PUBREL, mid=p.mid)
        taker.send(mqtt.ack(PUBCOMP, p.mid)).fence()
    assert seen == [f"m{n}" for n in range(8)]


@pytest.mark.parametrize("code", (0x80, 0x83, 0x87, 0x90, 0x97, 0x99))
def test_negative_acknowledgement_ends_a_delivery(client, code, uid):
    """The message is not sent again, the identifier is free. [MQTT5-4.4.0-2]"""
    publisher = client(V5)
    first = client(V5, uid, **PERSISTENT[V5])
    first.subscribe(uid, qos=2)
    for qos, kind in ((1, PUBACK), (2, PUBREC)):
        publisher.publish(uid, "x", qos=qos)
        p = first.expect(PUBLISH, qos=qos)
        first.send(mqtt.ack(kind, p.mid, code)).fence()
    first.drop()
    second = client(V5, uid, **PERSISTENT[V5])
    second.fence()
    publisher.publish(uid, "next", qos=1)
    second.receive(uid, "next")


# ------------------------------------------------------------------------------- order


@BOTH
@EVERY_QOS
def test_order_of_a_topic_is_kept(client, version, qos, uid):
    """Per publisher, topic and QoS. [MQTT311-4.6.0-5] [MQTT311-4.6.0-6] [MQTT5-4.6.0-5] [MQTT5-4.6.0-6]"""
    subscriber, publisher = client(version), client(version)
    subscriber.subscribe(uid, qos=2)
    total, window = 300, 15
    sent = received = 0
    while received < total:
        while sent < total and sent - received < window:
            publisher.publish(uid, str(sent), qos=qos)
            sent += 1
        subscriber.receive(uid, str(received), qos=qos)
        received += 1


@BOTH
def test_queued_messages_come_before_new_ones(client, version, uid):
    """[MQTT311-4.6.0-6] [MQTT5-4.6.0-5] [MQTT311-3.1.2-5]"""
    publisher = client(version)
    first = client(version, uid, **PERSISTENT[version])
    first.subscribe(uid, qos=1)
    first.disconnect()
    for n in range(50):
        publisher.publish(uid, str(n), qos=1)
    second = client(version, uid, **PERSISTENT[version])
    for n in range(50, 60):
        publisher.publish(uid, str(n), qos=1)
    for n in range(60):
        second.receive(uid, str(n))


@BOTH
def test_qos_0_is_not_queued_for_the_absent(client, version, uid):
    """By default; queue_qos0_messages changes it."""
    publisher = client(version)
    first = client(version, uid, **PERSISTENT[version])
    first.subscribe(uid, qos=2)
    first.disconnect()
    publisher.publish(uid, "lost", qos=0)
    publisher.publish(uid, "kept", qos=1)
    second = client(version, uid, **PERSISTENT[version])
    second.receive(uid, "kept")
    second.fence()


def test_qos_0_is_queued_where_asked_for(start):
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nqueue_qos0_messages true\n")
    with broker.peer(V311) as first, broker.peer(V311) as second, broker.peer(V311) as publisher:
        first.connect("s", clean=False)
        first.subscribe("t", qos=0)
        first.disconnect()
        publisher.connect("p")
        publisher.publish("t", "kept")
        publisher.fence()
        second.connect("s", clean=False, present=True)
        second.receive("t", "kept", qos=0)


def test_upgrade_outgoing_qos_delivers_at_the_subscriptions_qos(start):
    """A choice of the operator against [MQTT311-3.8.4-6]; default off."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nupgrade_outgoing_qos true\n")
    with broker.peer(V311) as peer:
        peer.connect("s")
        peer.subscribe("t", qos=2)
        peer.publish("t", "x", qos=0)
        peer.receive("t", "x", qos=2)


# ------------------------------------------------------------------------------- topics


@each_version
@pytest.mark.parametrize("topic", ("a/#", "#", "+", "a/+/b", "a+", "x#y"))
def test_wildcard_in_a_topic_name_is_refused(client, version, topic):
    """0x90 is for a name that is well formed. [MQTT311-3.3.2-2] [MQTT311-4.7.1-1] [MQTT5-3.3.2-2] [MQTT5-4.7.0-1]"""
    client(version).send(mqtt.publish(topic, "x", version=version)).expect_disconnect(0x81, 0x82)


@each_version
def test_empty_topic_is_refused(client, version):
    """In v5 without an alias it is a protocol error. [MQTT311-4.7.3-1] [MQTT5-4.7.3-1]"""
    client(version).send(mqtt.publish("", "x", version=version)).expect_disconnect(0x82)


@each_version
@pytest.mark.parametrize("bad", [b"\xc3\x28", b"a\x00b", b"\xed\xa0\x80", b"\xc0\x80", b"\xff"],
                         ids=["broken", "nul", "surrogate", "overlong", "ff"])
def test_topic_must_be_utf8(client, version, bad):
    """[MQTT311-1.5.3-1] [MQTT311-1.5.3-2] [MQTT311-3.3.2-1] [MQTT311-4.7.3-2]
    [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-3.3.2-1] [MQTT5-4.7.3-2]"""
    client(version).send(mqtt.publish(bad, "x", version=version)).expect_disconnect(0x81)


@each_version
def test_both_qos_bits_are_refused(client, version):
    """[MQTT311-3.3.1-4] [MQTT5-3.3.1-4]"""
    body = mqtt.text("a") + b"\0\1" + (b"\0" if version == V5 else b"") + b"x"
    client(version).send(mqtt.packet(PUBLISH, 6, body)).expect_disconnect(0x81)


@pytest.mark.parametrize("topic", ("/", "//", "a//b", " ", "a b/ c", "/a", "a/", "é/ü/漢/🦉"))
def test_unusual_topics_are_passed_on_as_they_are(client, topic, uid):
    """No normalisation. [MQTT311-4.7.3-4] [MQTT311-3.3.2-3] [MQTT5-4.7.3-4] [MQTT5-3.3.2-3]"""
    peer = client(V311)
    peer.subscribe(uid + "/#")
    peer.publish(f"{uid}/{topic}", "x")
    peer.receive(f"{uid}/{topic}", "x")


def test_topic_of_65535_bytes_is_within_the_standard(start):
    """[MQTT311-4.7.3-3] [MQTT5-4.7.3-3]: the broker may set a lower ceiling, and then must say so."""
    broker = start()
    with broker.peer(V311) as peer:
        peer.connect("a")
        peer.send(mqtt.publish("x" * 65535, "y"), mqtt.PINGREQ_BYTES)
        try:
            peer.expect(mqtt.PINGRESP)
        except AssertionError:
            broker.log.wait("topic")


@BOTH
def test_messages_in_pieces_are_put_together(client, version, uid):
    """Byte by byte, and many in one segment."""
    peer = client(version)
    peer.subscribe(uid, qos=1)
    stream = b"".join(mqtt.publish(uid, f"m{n}", n % 2, n + 1, version=version) for n in range(20))
    peer.send_slowly(stream[:200])
    peer.send(stream[200:])
    got = [peer.pick(PUBLISH).payload.decode() for _ in range(20)]
    assert got == [f"m{n}" for n in range(20)]
