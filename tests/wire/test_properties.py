# SPDX-License-Identifier: Apache-2.0
"""What a v5 PUBLISH carries besides its payload, and what becomes of it on the way."""
import time

import pytest

from support import mqtt
from support.mqtt import PUBLISH, V5, V311

MESSAGE = [("payload_format_indicator", 1), ("content_type", "text/plain"), ("response_topic", "r/é"),
           ("correlation_data", b"\x00\xffdata"), ("user_property", ("b", "1")),
           ("user_property", ("a", "2")), ("user_property", ("b", "1")), ("user_property", ("", ""))]


@pytest.mark.parametrize("qos", (0, 1, 2))
def test_properties_of_a_message_arrive_unaltered(client, qos, uid):
    """All of them, user properties in their order, equal ones twice.

    [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18] [MQTT5-3.3.2-20]"""
    subscriber, publisher = client(V5), client(V5)
    subscriber.subscribe(uid, qos=2)
    publisher.publish(uid, "x", qos=qos, properties=MESSAGE)
    got = subscriber.receive(uid, "x").props
    for name, _ in MESSAGE:
        assert got.all(name) == [v for n, v in MESSAGE if n == name]
    assert len(got) == len(MESSAGE)


@pytest.mark.parametrize("how", ("retained", "queued", "will"))
def test_properties_survive_every_way_of_waiting(client, how, uid):
    """[MQTT5-3.3.2-4] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18] [MQTT5-3.1.3-10]"""
    keep = {"clean": False, "properties": {"session_expiry_interval": 60}}
    subscriber = client(V5, uid + "-s", **keep)
    if how == "retained":
        client(V5).publish(uid, "x", qos=1, retain=True, properties=MESSAGE)
    subscriber.subscribe(uid, qos=1)
    if how == "queued":
        subscriber.disconnect()
        client(V5).publish(uid, "x", qos=1, properties=MESSAGE)
        subscriber = client(V5, uid + "-s", **keep)
    if how == "will":
        client(V5, will={"topic": uid, "payload": "x", "qos": 1, "properties": MESSAGE}).drop()
    got = subscriber.receive(uid, "x").props
    assert sorted(map(str, got)) == sorted(map(str, MESSAGE))
    assert got.all("user_property") == [v for n, v in MESSAGE if n == "user_property"]


def test_order_of_forwarded_properties_is_mosquittos(client, uid):
    """The publisher's in their order, then message expiry, topic alias, subscription identifiers."""
    subscriber, publisher = client(V5, properties={"topic_alias_maximum": 5}), client(V5)
    subscriber.subscribe(uid, properties={"subscription_identifier": 7})
    publisher.publish(uid, "x", properties=[("user_property", ("k", "v")), ("message_expiry_interval", 100),
                                            ("content_type", "t"), ("payload_format_indicator", 1)])
    names = [n for n, _ in subscriber.receive(uid, "x").props]
    assert names == ["user_property", "content_type", "payload_format_indicator",
                     "message_expiry_interval", "topic_alias", "subscription_identifier"]


def test_31x_subscriber_gets_none_of_it(client, uid):
    """[MQTT5-2.2.2-1]"""
    subscriber, publisher = client(V311), client(V5)
    subscriber.subscribe(uid, qos=1)
    publisher.publish(uid, "x", qos=1, properties=MESSAGE)
    subscriber.receive(uid, "x")


@pytest.mark.parametrize("properties,codes", [
    (mqtt.prop("payload_format_indicator", 2), (0x81, 0x82)),
    (mqtt.prop("payload_format_indicator", 1) * 2, (0x82,)),
    (mqtt.prop("message_expiry_interval", 1) * 2, (0x82,)),
    (mqtt.prop("topic_alias", 1) * 2, (0x82,)),
    (mqtt.prop("content_type", "a") * 2, (0x82,)),
    (mqtt.prop("response_topic", "a") * 2, (0x82,)),
    (mqtt.prop("correlation_data", "a") * 2, (0x82,)),
    (mqtt.prop("content_type", b"\xc3\x28"), (0x81,)),
    (mqtt.prop("response_topic", b"\xed\xa0\x80"), (0x81,)),
    (mqtt.prop("response_topic", "a/#"), (0x82, 0x81)),
    (mqtt.prop("response_topic", "+"), (0x82, 0x81)),
    (mqtt.prop("user_property", ("a", b"b\0")), (0x81,)),
    (mqtt.prop("subscription_identifier", 1), (0x82,)),
    (mqtt.prop("session_expiry_interval", 1), (0x81, 0x82)),
    (mqtt.prop("receive_maximum", 1), (0x81, 0x82)),
    (b"\x02\x00\x00", (0x81,)), (b"\x26\x00\x05a", (0x81,)), (b"\x0b\x80\x80\x80\x80\x01", (0x81, 0x82)),
    (b"\xff", (0x81,))],
    ids=["format 2", "format twice", "expiry twice", "alias twice", "type twice", "response twice",
         "correlation twice", "type not utf8", "response with surrogate", "response with #",
         "response with +", "nul in pair", "subscription identifier", "session expiry", "receive maximum",
         "cut integer", "cut pair", "long varint", "cut identifier"])
def test_bad_publish_properties_are_refused(client, properties, codes):
    """[MQTT5-3.3.4-6] [MQTT5-3.3.2-13] [MQTT5-3.3.2-14] [MQTT5-3.3.2-19] [MQTT5-1.5.7-1] [MQTT5-4.13.1-1]"""
    peer = client(V5).send(mqtt.publish("a", "x", version=V5, properties=properties))
    peer.expect_disconnect(*codes, 0x81, 0x82)


def test_payload_that_is_not_the_utf8_it_claims_does_not_stop_others(client, uid):
    """Mosquitto does not look into the payload; a broker that does answers 0x99 and never breaks.

    The message is delivered, refused by its acknowledgement, or ends its sender's connection with 0x99;
    the next message passes. [MQTT5-3.3.2-4]"""
    subscriber, publisher = client(V5), client(V5)
    subscriber.subscribe(uid, qos=1)
    publisher.publish(uid, b"\xff\xfe", properties={"payload_format_indicator": 1})
    client(V5).publish(uid, "next", qos=1)
    got = subscriber.receive(uid)
    if got.payload != b"next":
        assert got.props.get("payload_format_indicator") == 1
        subscriber.receive(uid, "next")


# -------------------------------------------------------------------------------- expiry


def test_expiry_is_counted_down_while_waiting(client, uid):
    """Received value minus the time spent here, on every way of waiting. [MQTT5-3.3.2-6]"""
    keep = {"clean": False, "properties": {"session_expiry_interval": 60}}
    subscriber, publisher = client(V5, uid, **keep), client(V5)
    subscriber.subscribe(uid + "/#", qos=1)
    subscriber.disconnect()
    publisher.publish(uid + "/q", "queued", qos=1, properties={"message_expiry_interval": 100})
    publisher.publish(uid + "/r", "retained", qos=1, retain=True,
                      properties={"message_expiry_interval": 100})
    time.sleep(1.1)
    subscriber = client(V5, uid, **keep)
    for _ in range(2):
        assert 90 <= subscriber.receive().props.get("message_expiry_interval") <= 99
    late = client(V5)
    late.subscribe(uid + "/r")
    assert 90 <= late.receive(uid + "/r").props.get("message_expiry_interval") <= 99


def test_expiry_of_a_message_sent_at_once_is_unchanged(client, uid):
    """[MQTT5-3.3.2-6]"""
    subscriber, publisher = client(V5), client(V5)
    subscriber.subscribe(uid)
    before = time.monotonic()
    publisher.publish(uid, "x", properties={"message_expiry_interval": 100})
    left = subscriber.receive(uid).props.get("message_expiry_interval")
    assert 100 - 1 - (time.monotonic() - before) <= left <= 100


def test_longest_expiry_is_one_like_the_others(client, uid):
    """0xFFFFFFFF s is "for ever" for a session, not for a message: published, retained and as a will's, it is
    told on. [MQTT5-3.3.2-6]"""
    longest = {"message_expiry_interval": 0xFFFFFFFF}
    subscriber, publisher = client(V5), client(V5, will={"topic": uid, "payload": "will", "properties": longest})
    subscriber.subscribe(uid)
    before = time.monotonic()
    publisher.publish(uid, "published", qos=1, retain=True, properties=longest)
    publisher.drop()
    late = client(V5)
    late.subscribe(uid)
    got = [subscriber.receive(uid, "published"), subscriber.receive(uid, "will"), late.receive(uid, "published")]
    passed = 1 + time.monotonic() - before
    assert all(p.props.get("message_expiry_interval", 0) >= 0xFFFFFFFF - passed for p in got)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_expiry_of_0_reaches_those_who_are_there(client, uid, qos):
    """Delivery begins at once; what would have to wait is gone. [MQTT5-3.3.2-5]"""
    keep = {"clean": False, "properties": {"session_expiry_interval": 60}}
    away, there, publisher = client(V5, uid, **keep), [client(V5) for _ in range(4)], client(V5)
    for subscriber in [away, *there]:
        subscriber.subscribe(uid, qos=qos)
    away.disconnect()
    publisher.publish(uid, "now", qos=qos, retain=True, properties={"message_expiry_interval": 0})
    for subscriber in there:  # at home on several workers
        assert subscriber.receive(uid, "now").props.get("message_expiry_interval") == 0
    client(V5, uid, **keep).fence()
    late = client(V5)
    late.subscribe(uid)
    late.fence()


def test_expired_messages_are_not_delivered(client, uid):
    """Neither from a queue nor as retained; those without expiry are. [MQTT5-3.3.2-5]"""
    keep = {"clean": False, "properties": {"session_expiry_interval": 60}}
    subscriber, publisher = client(V5, uid, **keep), client(V5)
    subscriber.subscribe(uid + "/q", qos=2)
    subscriber.disconnect()
    for qos in (1, 2):
        publisher.publish(uid + "/q", "gone", qos=qos, properties={"message_expiry_interval": 1})
        publisher.publish(uid + "/q", f"stays {qos}", qos=qos)
    publisher.publish(uid + "/r/1", "gone", qos=1, retain=True, properties={"message_expiry_interval": 1})
    publisher.publish(uid + "/r/2", "stays", qos=1, retain=True)
    time.sleep(2.1)
    subscriber = client(V5, uid, **keep)
    subscriber.receive(uid + "/q", "stays 1")
    subscriber.receive(uid + "/q", "stays 2")
    subscriber.fence()
    late = client(V5)
    late.subscribe(uid + "/r/#")
    late.receive(uid + "/r/2", "stays")
    late.fence()


def test_expiry_is_not_applied_once_a_message_was_sent(client, uid):
    """A QoS 1 or 2 message that was sent is completed, however late.

    [MQTT5-4.3.3-7] [MQTT5-4.3.3-13] [MQTT5-4.4.0-1]"""
    keep = {"clean": False, "properties": {"session_expiry_interval": 60}}
    subscriber, publisher = client(V5, uid, **keep), client(V5)
    subscriber.subscribe(uid, qos=2)
    for expiry in (1, 2, 4, 8, 16):  # the first that the message is sent within
        publisher.publish(uid, "x", qos=2, properties={"message_expiry_interval": expiry})
        publisher.publish(uid, "fence", qos=2)  # at another QoS it may come first
        p = subscriber.expect(PUBLISH)
        if p.payload == b"x":
            subscriber.expect(PUBLISH, payload=b"fence")
            break
        subscriber.acknowledge(p)
    subscriber.drop()
    time.sleep(expiry + 1.1)
    subscriber = client(V5, uid, **keep)
    subscriber.receive(uid, "x", mid=p.mid, dup=True)


def test_publisher_can_complete_qos_2_after_the_expiry(client, uid):
    """[MQTT5-4.3.3-13]"""
    peer = client(V5)
    peer.send(mqtt.publish(uid, "x", 2, 1, version=V5, properties={"message_expiry_interval": 0}))
    peer.expect(mqtt.PUBREC, mid=1)
    peer.send(mqtt.ack(mqtt.PUBREL, 1)).expect(mqtt.PUBCOMP, mid=1, code=0)
