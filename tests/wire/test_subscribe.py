# SPDX-License-Identifier: Apache-2.0
"""SUBSCRIBE and UNSUBSCRIBE: what matches, with which options, and what is refused."""
import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import PUBLISH, SUBACK, UNSUBACK, V5, V31, V311

BOTH = pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")

# ------------------------------------------------------------------------------- answers


@each_version
def test_subscribe_is_answered_with_one_code_per_filter(client, version, uid):
    """In their order, under the identifier of the SUBSCRIBE.

    [MQTT311-3.8.4-1] [MQTT311-3.8.4-2] [MQTT311-3.8.4-4] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1]
    [MQTT311-3.9.3-2] [MQTT311-2.3.1-7] [MQTT5-3.8.4-1] [MQTT5-3.8.4-2] [MQTT5-3.8.4-5] [MQTT5-3.8.4-6]
    [MQTT5-3.8.4-7] [MQTT5-3.9.3-1] [MQTT5-3.9.3-2] [MQTT5-2.2.1-6]"""
    peer = client(version)
    filters = [(f"{uid}/{n}", n % 3) for n in range(50)]
    for mid in (1, 65535, 300):
        peer.send(mqtt.subscribe(mid, filters, version))
        peer.expect(SUBACK, mid=mid, codes=[o for _, o in filters])
    for topic, qos in filters:
        peer.publish(topic, "x", qos=2)
        peer.receive(topic, "x", qos=qos)


@each_version
def test_unsubscribe_is_always_answered(client, version, uid):
    """v5: 0x00 for each that was there, 0x11 for each that was not.

    [MQTT311-3.10.4-4] [MQTT311-3.10.4-5] [MQTT311-3.10.4-6] [MQTT311-2.3.1-7] [MQTT5-3.10.4-4]
    [MQTT5-3.10.4-5] [MQTT5-3.10.4-6] [MQTT5-3.11.3-1] [MQTT5-3.11.3-2] [MQTT5-2.2.1-6]"""
    peer = client(version)
    peer.subscribe(uid + "/a", uid + "/c")
    peer.send(mqtt.unsubscribe(77, [uid + "/a", uid + "/b", uid + "/c"], version))
    ack = peer.expect(UNSUBACK, mid=77)
    assert ack.codes == ([0, 0x11, 0] if version == V5 else [])
    for topic in "abc":
        peer.publish(f"{uid}/{topic}", "x")
    peer.fence()


@each_version
def test_unsubscribe_compares_character_by_character(client, version, uid):
    """[MQTT311-3.10.4-1] [MQTT5-3.10.4-1]"""
    peer = client(version)
    peer.subscribe(uid + "/+", uid + "/#", uid + "/a")
    peer.unsubscribe(uid + "/+", uid + "/a/")
    peer.publish(uid + "/b", "x")
    peer.receive(uid + "/b")
    peer.unsubscribe(uid + "/#")
    peer.publish(uid + "/b", "x")
    peer.publish(uid + "/a", "x")
    peer.receive(uid + "/a")
    peer.fence()


@BOTH
def test_unsubscribe_lets_started_deliveries_end(client, version, uid):
    """[MQTT311-3.10.4-2] [MQTT311-3.10.4-3] [MQTT5-3.10.4-2] [MQTT5-3.10.4-3]"""
    peer = client(version)
    peer.subscribe(uid, qos=2)
    peer.publish(uid, "started", qos=2)
    p = peer.expect(PUBLISH)
    peer.unsubscribe(uid)
    peer.publish(uid, "after", qos=2)
    peer.acknowledge(p)
    peer.fence()


@BOTH
def test_subscribing_again_replaces(client, version, uid):
    """One subscription with the new QoS, not two. [MQTT311-3.8.4-3] [MQTT5-3.8.4-3]"""
    peer = client(version)
    peer.subscribe(uid, qos=0)
    peer.subscribe(uid, qos=2)
    peer.publish(uid, "x", qos=2)
    peer.receive(uid, "x", qos=2)
    peer.fence()
    peer.subscribe(uid, qos=0)
    peer.publish(uid, "y", qos=2)
    peer.receive(uid, "y", qos=0)
    peer.unsubscribe(uid)
    peer.publish(uid, "z")
    peer.fence()


@BOTH
def test_same_filter_twice_in_one_packet_is_one_subscription(client, version, uid):
    """The last one counts. [MQTT311-3.8.4-4] [MQTT5-3.8.4-5]"""
    peer = client(version)
    peer.send(mqtt.subscribe(1, [(uid, 2), (uid, 1)], version)).expect(SUBACK, codes=[2, 1])
    peer.publish(uid, "x", qos=2)
    peer.receive(uid, "x", qos=1)
    peer.fence()


# ------------------------------------------------------------------------------ matching

MATCHES = [
    ("a", "a", True), ("a", "b", False), ("a", "A", False), ("a/b", "a/b", True), ("a/b", "a", False),
    ("a", "a/", False), ("a/", "a", False), ("/a", "a", False), ("+", "a", True), ("+", "/a", False),
    ("+/+", "/a", True), ("/+", "/a", True), ("/+", "a", False), ("+", "", None), ("#", "a", True),
    ("#", "a/b/c", True), ("#", "/", True), ("/#", "/a", True), ("/#", "a", False), ("a/#", "a", True),
    ("a/#", "a/b", True), ("a/#", "a/b/c", True), ("a/#", "ab", False), ("a/#", "b", False),
    ("a/+", "a/b", True), ("a/+", "a", False), ("a/+", "a/", True), ("a/+", "a/b/c", False),
    ("a/+/c", "a/b/c", True), ("a/+/c", "a/c", False), ("a/+/c", "a//c", True), ("+/b/#", "a/b", True),
    ("+/b/#", "a/b/c/d", True), ("+/b/#", "a/c", False), ("a/+/#", "a/b", True), ("a/+/#", "a", False),
    ("a/+/+/d", "a/b/c/d", True), ("+/+/+", "a/b", False), ("+/#", "a", True), ("+/#", "/", True),
    ("a b", "a b", True), ("é", "é", True), ("é", "e\u0301", False), ("a//b", "a//b", True),
    ("a//b", "a/b", False), ("+/é/#", "x/é", True), ("a/b/c/d/e/f/g/h/+", "a/b/c/d/e/f/g/h/i", True)]


def test_matching_follows_the_grammar(client, uid):
    """Every pair of filter and topic, below a level of its own.

    [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] [MQTT311-4.7.3-4] [MQTT311-3.3.2-3]
    [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT5-4.7.3-4] [MQTT5-3.3.2-3]"""
    wrong = []
    publisher = client(V311)
    for n, (filter_, topic, expected) in enumerate(MATCHES):
        if expected is None:
            continue
        base = f"{uid}-{n}"
        peer = client(V311)
        peer.subscribe(f"{base}/{filter_}", base + "-fence")
        publisher.publish(f"{base}/{topic}", "x")
        publisher.publish(base + "-fence", "x")
        if (peer.receive().topic == f"{base}/{topic}") != expected:
            wrong.append((filter_, topic))
        peer.close()
    assert not wrong


@pytest.mark.parametrize("filter_", ("#", "+/x", "+/#", "+", "$foo/#", "$foo/x", "$foo/+"))
def test_leading_wildcards_do_not_match_dollar_topics(client, filter_, uid):
    """[MQTT311-4.7.2-1] [MQTT5-4.7.2-1]"""
    peer, publisher = client(V311), client(V311)
    fence = uid if filter_ != "+" else f"{uid}/fence"
    peer.subscribe(filter_, fence)
    publisher.publish("$foo/x", uid)
    publisher.publish("$foo", uid)
    publisher.publish(fence, "fence")
    seen = []
    while True:
        p = peer.receive()
        if p.payload == b"fence":
            break
        if p.payload == uid.encode():
            seen.append(p.topic)
    expected = {"$foo/#": ["$foo/x", "$foo"], "$foo/x": ["$foo/x"], "$foo/+": ["$foo/x"]}
    assert seen == expected.get(filter_, [])


BAD_FILTERS = ["", "a#", "a/#/b", "#/a", "a+", "+a", "a/+b", "a/b+/c", "##", "a/##", "++", "a/#b",
               b"\xc3\x28", b"a\x00", b"\xed\xa0\x80"]


@each_version
@pytest.mark.parametrize("filter_", BAD_FILTERS, ids=repr)
def test_bad_filters_are_refused(client, version, filter_):
    """[MQTT311-4.7.1-2] [MQTT311-4.7.1-3] [MQTT311-4.7.3-1] [MQTT311-4.7.3-2] [MQTT311-3.8.3-1]
    [MQTT311-3.10.3-1] [MQTT311-4.8.0-1] [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT5-4.7.3-1]
    [MQTT5-4.7.3-2] [MQTT5-3.8.3-1] [MQTT5-3.10.3-1] 0x8F is for a filter that is well formed."""
    client(version).send(mqtt.subscribe(1, [("ok", 0), (filter_, 0)], version)).expect_disconnect(0x81)
    client(version).send(mqtt.unsubscribe(1, ["ok", filter_], version)).expect_disconnect(0x81)


@BOTH
@pytest.mark.parametrize("packet", [
    lambda v: mqtt.subscribe(1, [], v), lambda v: mqtt.unsubscribe(1, [], v),
    lambda v: mqtt.subscribe(0, [("a", 0)], v), lambda v: mqtt.unsubscribe(0, ["a"], v),
    lambda v: mqtt.subscribe(1, [("a", 3)], v), lambda v: mqtt.subscribe(1, [("a", 0x40)], v),
    lambda v: mqtt.subscribe(1, [("a", 0x80)], v)],
    ids=["no filter", "nothing to unsubscribe", "id 0", "unsubscribe id 0", "qos 3", "reserved 40",
         "reserved 80"])
def test_bad_subscribe_packets_are_refused(client, version, packet):
    """[MQTT311-3.8.3-3] [MQTT311-3.8.3-4] [MQTT311-3.10.3-2] [MQTT311-2.3.1-1]
    [MQTT5-3.8.3-2] [MQTT5-3.8.3-5] [MQTT5-3.10.3-2] [MQTT5-2.2.1-3]"""
    client(version).send(packet(version)).expect_disconnect(0x81, 0x82)


@pytest.mark.parametrize("options", (0x04, 0x08, 0x10, 0x3C), ids=hex)
def test_v5_options_are_reserved_bits_in_311(client, options):
    """[MQTT311-3.8.3-4]"""
    client(V311).send(mqtt.subscribe(1, [("a", options)], V311)).expect_closed()


@BOTH
@pytest.mark.parametrize("flags", (0, 1, 3, 6, 10, 15))
@pytest.mark.parametrize("kind", (mqtt.SUBSCRIBE, mqtt.UNSUBSCRIBE, mqtt.PUBREL))
def test_reserved_header_flags_are_refused(client, version, flags, kind, uid):
    """[MQTT311-3.8.1-1] [MQTT311-3.10.1-1] [MQTT311-3.6.1-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]
    [MQTT5-3.8.1-1] [MQTT5-3.10.1-1] [MQTT5-3.6.1-1] [MQTT5-2.1.3-1]"""
    packet = {mqtt.SUBSCRIBE: mqtt.subscribe(1, [(uid, 0)], version),
              mqtt.UNSUBSCRIBE: mqtt.unsubscribe(1, [uid], version),
              mqtt.PUBREL: mqtt.ack(mqtt.PUBREL, 1)}[kind]
    client(version).send(bytes([kind << 4 | flags]) + packet[1:]).expect_disconnect(0x81)


def test_resent_packets_of_31_may_carry_dup(client, uid):
    """In 3.1 the DUP flag was allowed on SUBSCRIBE, UNSUBSCRIBE and PUBREL."""
    peer = client(V31)
    peer.send(b"\x8a" + mqtt.subscribe(1, [(uid, 0)], V31)[1:]).expect(SUBACK, mid=1)
    peer.send(b"\xaa" + mqtt.unsubscribe(2, [uid], V31)[1:]).expect(UNSUBACK, mid=2)
    peer.send(mqtt.publish(uid, "x", 2, 3)).expect(mqtt.PUBREC, mid=3)
    peer.send(b"\x6a" + mqtt.ack(mqtt.PUBREL, 3)[1:]).expect(mqtt.PUBCOMP, mid=3)


# ------------------------------------------------------------------------------- options


def test_no_local_keeps_own_messages_away(client, uid):
    """[MQTT5-3.8.3-3]"""
    me, other = client(V5), client(V5)
    me.subscribe(uid, no_local=True)
    me.publish(uid, "mine", qos=1, code=0)  # not 0x10: somebody has subscribed
    other.publish(uid, "theirs", qos=1)
    me.receive(uid, "theirs")
    me.fence()


def test_no_local_is_of_the_identifier_not_of_the_connection(client, uid):
    """Queued while away, published under the same name before. [MQTT5-3.8.3-3]"""
    keep = {"clean": False, "properties": {"session_expiry_interval": 60}}
    me = client(V5, uid, **keep)
    me.subscribe(uid + "/t", qos=1, no_local=True)
    me.publish(uid + "/t", "mine", qos=1)
    me.disconnect()
    client(V5).publish(uid + "/t", "theirs", qos=1)
    me = client(V5, uid, **keep)
    me.receive(uid + "/t", "theirs")
    me.fence()


@pytest.mark.parametrize("as_published", (False, True))
@pytest.mark.parametrize("retain", (False, True))
def test_retain_as_published(client, as_published, retain, uid):
    """[MQTT5-3.3.1-12] [MQTT5-3.3.1-13]"""
    subscriber, publisher = client(V5), client(V5)
    subscriber.subscribe(uid, retain_as_published=as_published)
    publisher.publish(uid, "x", retain=retain)
    subscriber.receive(uid, "x", retain=retain and as_published)


def test_options_can_be_changed(client, uid):
    """[MQTT5-3.8.4-3]"""
    peer = client(V5)
    peer.subscribe(uid, qos=2, no_local=True, retain_as_published=True)
    peer.subscribe(uid, qos=1)
    peer.publish(uid, "x", qos=2, retain=True)
    peer.receive(uid, "x", qos=1, retain=False)


@pytest.mark.parametrize("options", (0x30, 0x40, 0x80, 0xC1, 0x03), ids=hex)
def test_bad_options_are_malformed(client, options):
    """Retain handling 3, reserved bits, QoS 3. [MQTT5-3.8.3-5]"""
    client(V5).send(mqtt.subscribe(1, [("a", options)], V5)).expect_disconnect(0x81, 0x82)


# --------------------------------------------------------------- subscription identifiers


@pytest.mark.parametrize("ident", (1, 127, 128, 16384, 268435455))
def test_identifier_comes_with_the_message(client, ident, uid):
    """[MQTT5-3.3.4-3]"""
    peer = client(V5)
    peer.subscribe(uid, properties={"subscription_identifier": ident})
    peer.publish(uid, "x")
    assert peer.receive(uid).props.all("subscription_identifier") == [ident]


def test_identifier_can_be_changed_and_dropped(client, uid):
    """[MQTT5-3.8.4-3] [MQTT5-3.3.4-3]"""
    peer = client(V5)
    for ident, kw in ((3, {"properties": {"subscription_identifier": 3}}),
                      (4, {"properties": {"subscription_identifier": 4}}), (None, {})):
        peer.subscribe(uid, **kw)
        peer.publish(uid, "x")
        assert peer.receive(uid).props.get("subscription_identifier") == ident


@pytest.mark.parametrize("properties", [
    mqtt.prop("subscription_identifier", 0), mqtt.prop("subscription_identifier", 1) * 2,
    mqtt.prop("topic_alias", 1), b"\x0b\xff\xff\xff\xff\x01", b"\x0b\x81\x00", b"\x0b"],
    ids=["0", "twice", "other property", "five bytes", "not minimal", "cut"])
def test_bad_subscribe_properties_are_refused(client, properties):
    """[MQTT5-1.5.5-1] [MQTT5-4.13.1-1]"""
    client(V5).send(mqtt.subscribe(1, [("a", 0)], V5, properties)).expect_disconnect(0x81, 0x82)


def test_identifiers_of_retained_and_queued_messages(client, uid):
    """[MQTT5-3.3.4-3]"""
    keep = {"clean": False, "properties": {"session_expiry_interval": 60}}
    publisher = client(V5)
    publisher.publish(uid, "retained", qos=1, retain=True)
    peer = client(V5, uid, **keep)
    peer.subscribe(uid, qos=1, properties={"subscription_identifier": 9})
    assert peer.receive(uid, "retained").props.all("subscription_identifier") == [9]
    peer.disconnect()
    publisher.publish(uid, "queued", qos=1)
    peer = client(V5, uid, **keep)
    assert peer.receive(uid, "queued").props.all("subscription_identifier") == [9]


# --------------------------------------------------------------------------- overlapping


def test_overlapping_subscriptions_give_one_copy(client, uid):
    """At the highest QoS, with every identifier.

    [MQTT311-3.3.5-1] [MQTT5-3.3.4-2] [MQTT5-3.3.4-4]"""
    peer = client(V5)
    peer.subscribe(uid + "/#", qos=0, properties={"subscription_identifier": 1})
    peer.subscribe(uid + "/+", qos=2, properties={"subscription_identifier": 2})
    peer.subscribe(uid + "/a", qos=1)
    peer.publish(uid + "/a", "x", qos=2)
    p = peer.receive(uid + "/a", "x", qos=2)
    assert sorted(p.props.all("subscription_identifier")) == [1, 2]
    peer.fence()


@each_version
def test_overlapping_subscriptions_give_one_copy_in_every_version(client, version, uid):
    """[MQTT311-3.3.5-1]"""
    peer = client(version)
    peer.subscribe(uid + "/#", qos=1)
    peer.subscribe(uid + "/a", qos=0)
    peer.publish(uid + "/a", "x", qos=1)
    peer.receive(uid + "/a", "x", qos=1)
    peer.fence()


def test_no_local_of_one_of_two_subscriptions(client, uid):
    """The message comes, for the sake of the other one only. [MQTT5-3.8.3-3] [MQTT5-3.3.4-4]"""
    peer = client(V5)
    peer.subscribe(uid + "/#", qos=2, no_local=True, properties={"subscription_identifier": 1})
    peer.subscribe(uid + "/a", qos=1, properties={"subscription_identifier": 2})
    peer.publish(uid + "/a", "x", qos=2)
    p = peer.receive(uid + "/a", "x", qos=1)
    assert p.props.all("subscription_identifier") == [2]
    peer.fence()


def test_duplicates_are_sent_where_asked_for(start):
    """allow_duplicate_messages true: one copy per subscription, each with its identifier and QoS.

    [MQTT5-3.3.4-5]"""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nallow_duplicate_messages true\n")
    with broker.peer(V5) as peer:
        peer.connect("a")
        peer.subscribe("t/#", qos=0, properties={"subscription_identifier": 1})
        peer.subscribe("t/+", qos=1, properties={"subscription_identifier": 2})
        peer.publish("t/a", "x", qos=1)
        got = [peer.receive("t/a", "x") for _ in range(2)]
        assert sorted((p.qos, *p.props.all("subscription_identifier")) for p in got) == [(0, 1), (1, 2)]
        peer.fence()


# ------------------------------------------------------------------------ many, and others


def test_thousand_subscriptions_of_one_client(client, uid):
    peer = client(V311)
    for n in range(0, 1000, 100):
        peer.subscribe(*(f"{uid}/{i}" for i in range(n, n + 100)))
    for n in (0, 499, 999):
        peer.publish(f"{uid}/{n}", str(n))
        peer.receive(f"{uid}/{n}", str(n))
    for n in range(0, 1000, 100):
        peer.unsubscribe(*(f"{uid}/{i}" for i in range(n, n + 100)))
    peer.publish(f"{uid}/7", "x")
    peer.fence()


def test_hundred_subscribers_all_get_it(client, uid):
    peers = [client(mqtt.VERSIONS[n % 3]) for n in range(100)]
    for n, peer in enumerate(peers):
        peer.subscribe(uid, qos=n % 3)
    client(V311).publish(uid, "x", qos=2)
    for n, peer in enumerate(peers):
        peer.receive(uid, "x", qos=n % 3)


@pytest.mark.parametrize("version", (V31, V311))
def test_subscriptions_of_a_clean_session_end_with_it(client, version, uid):
    """[MQTT311-3.1.2-6]"""
    first = client(version, uid)
    first.subscribe(uid + "/t")
    first.disconnect()
    second = client(version, uid, clean=False)
    assert not second.connack.session_present
    second.publish(uid + "/t", "x")
    second.fence()


def test_user_properties_of_subscribe_are_accepted(client, uid):
    peer = client(V5)
    props = [("user_property", ("a", "b"))] * 3
    peer.send(mqtt.subscribe(1, [(uid, 1)], V5, props)).expect(SUBACK, codes=[1])
    peer.send(mqtt.unsubscribe(2, [uid], V5, props)).expect(UNSUBACK, codes=[0])
