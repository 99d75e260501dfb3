# SPDX-License-Identifier: Apache-2.0
"""CONNECT and CONNACK: who is let in, under which name, with which session, and who is not."""
import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import CONNACK, DISCONNECT, PUBLISH, V5, V31, V311
from support.peer import Closed

EITHER_VERSION = pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")


def refused(peer, *codes):
    """The connection ends; a CONNACK may say why (v5), with Session Present 0 and one of `codes`."""
    try:
        p = peer.next()
    except Closed:
        return None
    assert p.kind == CONNACK and p.code in codes and not p.session_present, p
    peer.expect_closed()
    return p


# -------------------------------------------------------------------- the first packet


@each_version
def test_connect_is_acknowledged_with_success(client, version, uid):
    """[MQTT311-3.1.4-4] [MQTT311-3.2.0-1] [MQTT5-3.1.4-5] [MQTT5-3.2.0-1] [MQTT5-3.2.2-1] [MQTT5-3.2.2-8]"""
    client.raw(version).connect(uid, present=False)


@pytest.mark.parametrize("packet", [
    mqtt.publish("a", "x"), mqtt.publish("a", "x", qos=1, mid=1), mqtt.ack(mqtt.PUBACK, 1),
    mqtt.subscribe(1, [("a", 0)]), mqtt.unsubscribe(1, ["a"]), mqtt.PINGREQ_BYTES,
    mqtt.disconnect(), mqtt.auth(0x18, {"authentication_method": "x"}), b"\x20\x02\x00\x00"],
    ids=["publish", "publish1", "puback", "subscribe", "unsubscribe", "pingreq", "disconnect", "auth",
         "connack"])
def test_first_packet_must_be_connect(client, packet):
    """Closed without a byte: no DISCONNECT goes out before a CONNACK.

    [MQTT311-3.1.0-1] [MQTT5-3.1.0-1] [MQTT5-3.14.0-1] [MQTT5-3.2.0-1]"""
    client.raw(V311).send(packet).expect_closed()


@each_version
def test_second_connect_is_a_protocol_error(client, version, uid):
    """[MQTT311-3.1.0-2] [MQTT5-3.1.0-2] [MQTT5-3.2.0-2]"""
    peer = client(version, uid)
    peer.send(mqtt.connect(uid, version))
    peer.expect_disconnect(0x82)


@pytest.mark.parametrize("name", ["MQTX", "MQIsdq", "mqtt", "", "MQTTT"])
def test_wrong_protocol_name_is_refused(client, name):
    """[MQTT311-3.1.2-1] [MQTT5-3.1.2-1]"""
    peer = client.raw(V311).send(mqtt.connect("x", protocol=name))
    refused(peer, 0x01)


@pytest.mark.parametrize("level", [0, 1, 2, 6, 9, 127])
def test_unsupported_protocol_level_is_answered_with_code_1(client, level):
    """The answer of 3.1.1, whose form every client reads. [MQTT311-3.1.2-2] [MQTT5-3.1.2-2]"""
    peer = client.raw(V311).send(mqtt.connect("x", level=level))
    peer.expect(CONNACK, code=1, session_present=False)
    peer.expect_closed()


@pytest.mark.parametrize("version,name", [(V311, "MQIsdp"), (V31, "MQTT"), (V5, "MQIsdp")])
def test_protocol_name_and_level_must_fit(client, version, name):
    """[MQTT311-3.1.2-1] [MQTT5-3.1.2-1]"""
    peer = client.raw(version).send(mqtt.connect("x", version, protocol=name))
    try:
        p = peer.next()
        assert p.kind == CONNACK and p.code in (1, 0x84), p
        peer.expect_closed()
    except (Closed, mqtt.Malformed):
        pass


# ------------------------------------------------------------------------------- flags


@pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")
def test_reserved_connect_flag_is_refused(client, version):
    """In 3.1.1 without a CONNACK. [MQTT311-3.1.2-3] [MQTT311-3.1.4-1] [MQTT5-3.1.2-3] [MQTT5-3.1.4-1]"""
    peer = client.raw(version).send(mqtt.connect("x", version, flags=0x03))
    assert refused(peer, 0x81, 0x82) is None or version == V5


@EITHER_VERSION
@pytest.mark.parametrize("flags", [0x1E, 0x0A, 0x12, 0x22, 0x1A], ids=hex)
def test_impossible_will_flags_are_refused(client, version, flags):
    """Will QoS 3; Will QoS or Will Retain without a will.

    [MQTT311-3.1.2-13] [MQTT311-3.1.2-14] [MQTT311-3.1.2-15] [MQTT311-3.1.2-11]
    [MQTT5-3.1.2-11] [MQTT5-3.1.2-12] [MQTT5-3.1.2-13]"""
    will = {"topic": "w", "payload": "x"} if flags & 4 else None
    peer = client.raw(version).send(mqtt.connect("x", version, will=will, flags=flags))
    assert refused(peer, 0x81, 0x82, 0x9B) is None or version == V5


def test_password_without_user_name_is_refused_in_311(client):
    """[MQTT311-3.1.2-22] [MQTT311-3.1.4-1]"""
    client.raw(V311).send(mqtt.connect("x", password="p")).expect_closed()


def test_password_without_user_name_is_allowed_in_5(client, uid):
    """[MQTT5-3.1.2-16] [MQTT5-3.1.2-19]"""
    client.raw(V5).connect(uid, password="p")


@EITHER_VERSION
@pytest.mark.parametrize("flags,will,username,password", [
    (0x82, None, None, None), (0xC2, None, "u", None), (0x02, None, "u", None),
    (0x82, None, "u", "p"), (0x06, None, None, None)],
    ids=["user name missing", "password missing", "user name too many", "password too many",
         "will missing"])
def test_payload_must_hold_what_the_flags_announce(client, version, flags, will, username, password):
    """[MQTT311-3.1.2-9] [MQTT311-3.1.2-18] [MQTT311-3.1.2-19] [MQTT311-3.1.2-20] [MQTT311-3.1.2-21]
    [MQTT311-3.1.3-1] [MQTT5-3.1.2-9] [MQTT5-3.1.2-16] [MQTT5-3.1.2-17] [MQTT5-3.1.2-18]
    [MQTT5-3.1.2-19] [MQTT5-3.1.3-1] [MQTT5-3.1.4-1]"""
    peer = client.raw(version)
    peer.send(mqtt.connect("x", version, username=username, password=password, flags=flags))
    assert refused(peer, 0x81, 0x82) is None or version == V5


@EITHER_VERSION
def test_user_name_and_password_are_read_in_order(client, version, uid):
    """[MQTT311-3.1.3-1] [MQTT5-3.1.3-1]"""
    client.raw(version).connect(uid, username="user", password=b"\x00\xff", will={
        "topic": uid, "payload": b"\x00"})


@EITHER_VERSION
@pytest.mark.parametrize("field", ["client_id", "will", "username"])
@pytest.mark.parametrize("bad", [b"\xc3\x28", b"\xed\xa0\x80", b"a\x00b", b"\xc0\xaf", b"\xf5\x80\x80\x80"],
                         ids=["broken", "surrogate", "nul", "overlong", "beyond"])
def test_strings_of_connect_must_be_utf8(client, version, field, bad):
    """[MQTT311-1.5.3-1] [MQTT311-1.5.3-2] [MQTT311-3.1.3-4] [MQTT311-3.1.3-10] [MQTT311-3.1.3-11]
    [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-3.1.3-4] [MQTT5-3.1.3-11] [MQTT5-3.1.3-12]"""
    kw = {"client_id": "x", field: bad if field != "will" else {"topic": bad, "payload": "x"}}
    peer = client.raw(version).send(mqtt.connect(version=version, **kw))
    assert refused(peer, 0x81, 0x82, 0x85) is None or version == V5


def test_byte_order_mark_is_kept(client, uid):
    """EF BB BF is a character like others. [MQTT311-1.5.3-3] [MQTT5-1.5.4-3]"""
    topic = uid + "/\ufeffx"
    peer = client(V311)
    peer.subscribe(uid + "/+")
    peer.publish(topic, "x")
    peer.receive(topic, "x")


@EITHER_VERSION
def test_will_topic_with_wildcards_is_refused(client, version):
    """[MQTT311-4.7.1-1] [MQTT5-4.7.0-1]"""
    for topic in ("a/#", "+", ""):
        peer = client.raw(version)
        peer.send(mqtt.connect("x", version, will={"topic": topic, "payload": "x"}))
        assert refused(peer, 0x81, 0x82) is None or version == V5


@EITHER_VERSION
def test_bytes_after_the_payload_are_refused(client, version):
    """[MQTT311-3.1.4-1] [MQTT5-3.1.4-1]"""
    whole = mqtt.connect("x", version)
    peer = client.raw(version).send(mqtt.packet(mqtt.CONNECT, 0, whole[2:] + b"\0"))
    assert refused(peer, 0x81, 0x82) is None or version == V5


@EITHER_VERSION
def test_truncated_connect_is_refused_at_every_length(client, version):
    """[MQTT311-3.1.4-1] [MQTT5-3.1.4-1]"""
    whole = mqtt.connect("abc", version, username="user", password="pw", keepalive=10)[2:]
    for n in range(len(whole)):
        peer = client.raw(version).send(mqtt.packet(mqtt.CONNECT, 0, whole[:n]))
        assert refused(peer, 0x81, 0x82, 0x84, 1) is None or version == V5 or n >= 7
        peer.close()


# ------------------------------------------------------------------ client identifiers

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@each_version
@pytest.mark.parametrize("ident", [ALPHABET[:23], ALPHABET[23:46], ALPHABET[46:], "a"])
def test_identifiers_of_1_to_23_letters_and_digits_are_accepted(client, version, ident):
    """[MQTT311-3.1.3-5] [MQTT311-3.1.3-3] [MQTT5-3.1.3-5] [MQTT5-3.1.3-3]"""
    client.raw(version).connect(ident)


@each_version
def test_longer_identifiers_are_accepted_too(client, version, uid):
    """Mosquitto takes them in every version, also in 3.1 whose limit is 23."""
    client.raw(version).connect(uid + "x" * 1000 + "é")


def test_empty_identifier_with_clean_session_gets_a_name_in_311(client, uid):
    """Two such clients do not take each other over. [MQTT311-3.1.3-6]"""
    first, second = client.raw(V311), client.raw(V311)
    first.connect("", present=False)
    second.connect("", present=False)
    first.fence()


def test_empty_identifier_without_clean_session_is_rejected_in_311(client):
    """[MQTT311-3.1.3-7] [MQTT311-3.1.3-8] [MQTT311-3.2.2-4] [MQTT311-3.2.2-5]"""
    peer = client.raw(V311)
    peer.connect("", clean=False, code=2, present=False)
    peer.expect_closed()


def test_empty_identifier_is_rejected_in_31(client):
    """[MQTT311-3.1.3-9] says the same of any rejected identifier."""
    peer = client.raw(V31)
    peer.connect("", code=2)
    peer.expect_closed()


@pytest.mark.parametrize("clean", (True, False), ids=("clean", "resume"))
def test_empty_identifier_is_assigned_and_told_in_5(client, clean):
    """[MQTT5-3.1.3-6] [MQTT5-3.1.3-7] [MQTT5-3.2.2-16]"""
    names = {client.raw(V5).connect("", clean=clean).props.get("assigned_client_identifier")
             for _ in range(5)}
    assert len(names) == 5 and all(n.startswith("auto-") for n in names)


def test_assigned_identifier_can_be_used_to_resume(client, uid):
    """[MQTT5-3.1.3-7] [MQTT5-3.1.3-2]"""
    first = client.raw(V5)
    name = first.connect("", clean=False, properties={"session_expiry_interval": 60}) \
        .props.get("assigned_client_identifier")
    first.subscribe(uid)
    first.disconnect()
    again = client.raw(V5)
    connack = again.connect(name, clean=False, present=True)
    assert "assigned_client_identifier" not in connack.props
    again.publish(uid, "x")
    again.receive(uid, "x")


@pytest.mark.parametrize("version,code", [(V31, 2), (V311, 2), (V5, 0x85)])
def test_empty_identifier_is_rejected_where_forbidden(start, version, code):
    """allow_zero_length_clientid false. [MQTT311-3.1.3-9] [MQTT5-3.1.3-8] [MQTT5-3.2.2-7]"""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nallow_zero_length_clientid false\n")
    with broker.peer(version) as peer:
        peer.connect("", code=code, present=False)
        peer.expect_closed()


def test_generated_identifiers_take_the_prefix_asked_for(start):
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nauto_id_prefix night-\n")
    with broker.peer(V5) as peer:
        assert peer.connect("").props.get("assigned_client_identifier").startswith("night-")


# ------------------------------------------------------------------- sessions, CONNACK


@each_version
def test_clean_session_starts_anew(client, version, uid):
    """Session Present 0, and the old subscription is gone.

    [MQTT311-3.1.2-6] [MQTT311-3.2.2-1] [MQTT311-3.1.4-3] [MQTT5-3.1.2-4] [MQTT5-3.2.2-2] [MQTT5-3.1.4-4]"""
    expiry = {"properties": {"session_expiry_interval": 600}} if version == V5 else {}
    first = client(version, uid, clean=False, **expiry)
    first.subscribe(uid)
    first.disconnect()
    second = client.raw(version)
    second.connect(uid, clean=True, present=False)
    second.publish(uid, "not for me")
    second.fence()


@pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")
def test_session_is_resumed(client, version, uid):
    """[MQTT311-3.1.2-4] [MQTT311-3.2.2-2] [MQTT311-3.2.2-3] [MQTT311-4.1.0-1] [MQTT5-3.1.2-5]
    [MQTT5-3.1.2-6] [MQTT5-3.2.2-3] [MQTT5-3.1.2-23]"""
    kw = {"clean": False}
    if version == V5:
        kw["properties"] = {"session_expiry_interval": 600}
    first = client.raw(version)
    first.connect(uid, present=False, **kw)
    first.subscribe(uid, qos=1)
    first.disconnect()
    second = client.raw(version)
    second.connect(uid, present=True, **kw)
    second.publish(uid, "x", qos=1)
    second.receive(uid, "x", qos=1)


def test_connack_of_31_has_no_session_present(client, uid):
    """The byte is reserved in 3.1: always 0."""
    client(V31, uid, clean=False).disconnect()
    client.raw(V31).connect(uid, clean=False, present=False)


def test_connack_announces_what_the_broker_can(client, uid):
    """The properties and the order of Mosquitto 2.1 (../shared/mosquitto-2.1-options.md, section 12)."""
    connack = client.raw(V5).connect(uid)
    assert connack.props == [("topic_alias_maximum", 10), ("maximum_packet_size", 2000000),
                             ("receive_maximum", 20)]


def test_connack_properties_keep_their_order(start):
    broker = start("listener {port} 127.0.0.1\nmax_qos 1\nmax_topic_alias 3\nallow_anonymous true\n"
                   "max_keepalive 100\nmax_inflight_messages 7\nmax_packet_size 5000\n"
                   "retain_available false\n")
    with broker.peer(V5) as peer:
        names = [n for n, _ in peer.connect("", keepalive=200).props]
        assert names == ["server_keep_alive", "topic_alias_maximum", "assigned_client_identifier",
                         "retain_available", "maximum_packet_size", "receive_maximum", "maximum_qos"]


@pytest.mark.parametrize("qos", (0, 1))
def test_maximum_qos_is_announced_and_kept(start, qos):
    """SUBSCRIBE at QoS 2 is still accepted; a PUBLISH or a will above it is refused with 0x9B.

    [MQTT5-3.2.2-9] [MQTT5-3.2.2-10] [MQTT5-3.2.2-11] [MQTT5-3.2.2-12]"""
    broker = start(f"listener {{port}} 127.0.0.1\nmax_qos {qos}\nallow_anonymous true\n")
    with broker.peer(V5) as peer, broker.peer(V5) as will:
        assert peer.connect("a").props.get("maximum_qos") == qos
        mid = peer.mid()
        peer.send(mqtt.subscribe(mid, [("x", 2)], V5))
        assert peer.expect(mqtt.SUBACK, mid=mid).codes[0] < 0x80
        will.connect("b", code=0x9B, will={"topic": "w", "qos": qos + 1})
        will.expect_closed()
        peer.send(mqtt.publish("x", "y", qos=qos + 1, mid=1, version=V5))
        peer.expect_disconnect(0x9B)


def test_retain_unavailable_is_announced_and_kept(start):
    """[MQTT5-3.2.2-13] [MQTT5-3.2.2-14]"""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nretain_available false\n")
    with broker.peer(V5) as peer, broker.peer(V5) as will:
        assert peer.connect("a").props.get("retain_available") == 0
        will.connect("b", code=0x9A, will={"topic": "w", "retain": True})
        will.expect_closed()
        peer.send(mqtt.publish("x", "y", retain=True, version=V5))
        peer.expect_disconnect(0x9A)


def test_anonymous_clients_are_refused_where_not_allowed(start):
    """Code 5 (3.x), 0x87 (5), Session Present 0, then the end.

    [MQTT311-3.2.2-4] [MQTT311-3.2.2-5] [MQTT5-3.1.4-2] [MQTT5-3.2.2-6] [MQTT5-3.2.2-7] [MQTT5-4.13.2-1]"""
    broker = start("listener {port} 127.0.0.1\n")
    for version, code in ((V31, 5), (V311, 5), (V5, 0x87)):
        with broker.peer(version) as peer:
            connack = peer.connect("a", code=code, present=False)
            assert version != V5 or [n for n, _ in connack.props if n != "reason_string"] == []
            peer.expect_closed()


def test_nothing_after_a_rejected_connect_is_processed(start):
    """[MQTT311-3.1.4-5] [MQTT5-3.1.4-6]"""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nallow_zero_length_clientid false\n")
    with broker.peer(V311) as refused_one, broker.peer(V311) as watcher:
        watcher.connect("watcher")
        watcher.subscribe("#")
        refused_one.send(mqtt.connect(""), mqtt.publish("x", "must not arrive", retain=True),
                         mqtt.subscribe(1, [("#", 0)]))
        refused_one.expect(CONNACK, code=2)
        refused_one.expect_closed()
        watcher.publish("fence", "x")
        watcher.receive("fence", "x")


@each_version
def test_packets_may_follow_connect_at_once(client, version, uid):
    """A client need not wait for the CONNACK."""
    peer = client.raw(version)
    peer.send(mqtt.connect(uid, version), mqtt.subscribe(1, [(uid, 1)], version),
              mqtt.publish(uid, "x", qos=1, mid=2, version=version), mqtt.PINGREQ_BYTES)
    peer.expect(CONNACK, code=0)
    peer.pick(mqtt.SUBACK, codes=[1])
    assert peer.pick(PUBLISH).payload == b"x"
    peer.pick(mqtt.PUBACK, mid=2)
    peer.pick(mqtt.PINGRESP)


# ---------------------------------------------------------------------------- CONNECT 5


@pytest.mark.parametrize("properties,codes", [
    (mqtt.prop("receive_maximum", 0), (0x82,)),
    (mqtt.prop("maximum_packet_size", 0), (0x82,)),
    (mqtt.prop("request_problem_information", 2), (0x82,)),
    (mqtt.prop("request_response_information", 2), (0x82,)),
    (mqtt.prop("session_expiry_interval", 1) * 2, (0x82,)),
    (mqtt.prop("receive_maximum", 5) * 2, (0x82,)),
    (mqtt.prop("topic_alias_maximum", 5) * 2, (0x82,)),
    (mqtt.prop("authentication_method", "x") * 2, (0x82,)),
    (mqtt.prop("authentication_data", "x"), (0x82,)),
    (mqtt.prop("topic_alias", 1), (0x81, 0x82)),
    (mqtt.prop("will_delay_interval", 1), (0x81, 0x82)),
    (mqtt.prop("server_keep_alive", 1), (0x81, 0x82)),
    (b"\x00", (0x81,)), (b"\x7f\x00", (0x81,)), (b"\x80\x01\x00", (0x81,)), (b"\x11\x00\x00", (0x81,)),
    (b"\x26\x00\x01a\x00", (0x81,)), (mqtt.prop("user_property", (b"\xc3\x28", "v")), (0x81,)),
    (mqtt.prop("user_property", ("k", b"\xed\xa0\x80")), (0x81,))],
    ids=["receive maximum 0", "packet size 0", "problem information 2", "response information 2",
         "expiry twice", "receive maximum twice", "alias maximum twice", "method twice",
         "data without method", "topic alias", "will delay", "server keep alive", "identifier 0",
         "identifier 7f", "identifier of two bytes", "cut value", "cut pair", "pair not utf8",
         "pair with surrogate"])
def test_bad_connect_properties_are_refused(client, properties, codes):
    """[MQTT5-3.1.4-1] [MQTT5-1.5.7-1] [MQTT5-4.13.1-1]"""
    peer = client.raw(V5).send(mqtt.connect("x", V5, properties=properties))
    refused(peer, *codes, 0x81, 0x82)


@pytest.mark.parametrize("properties", [
    mqtt.prop("payload_format_indicator", 2), mqtt.prop("topic_alias", 1),
    mqtt.prop("message_expiry_interval", 1) * 2, mqtt.prop("content_type", b"\xc3\x28"),
    mqtt.prop("response_topic", b"a\0"), mqtt.prop("session_expiry_interval", 1),
    mqtt.prop("subscription_identifier", 1), mqtt.prop("will_delay_interval", 1) * 2],
    ids=["format 2", "topic alias", "expiry twice", "content type", "response topic", "session expiry",
         "subscription identifier", "delay twice"])
def test_bad_will_properties_are_refused(client, properties):
    """[MQTT5-3.1.4-1] [MQTT5-4.13.1-1] [MQTT5-3.3.2-13] [MQTT5-3.3.2-19]"""
    peer = client.raw(V5).send(mqtt.connect("x", V5, will={
        "topic": "w", "payload": "x", "properties": properties}))
    refused(peer, 0x81, 0x82)


def test_refused_connect_is_told_why_in_words(client):
    """Also where the properties that might say otherwise could not be read."""
    peer = client.raw(V5).send(mqtt.connect("x", V5, properties=mqtt.prop("receive_maximum", 5) * 2))
    assert peer.expect(mqtt.CONNACK, code=0x82).props == [("reason_string", "property given twice")]


@pytest.mark.parametrize("fields,words", [
    ({"properties": b"\x7f\x00"}, "unknown property"),
    ({"properties": b"\x11\x00\x00"}, "packet ends before its contents"),
    ({"flags": 0x82}, "packet ends before its contents"),
    ({"username": b"\xc3\x28"}, "ill-formed UTF-8 string")],
    ids=["unknown property", "cut value", "no user name", "user name not utf8"])
def test_malformed_connect_of_5_is_told_why(client, fields, words):
    """Its version was read before what is wrong with it. Section 4.13.1."""
    peer = client.raw(V5).send(mqtt.connect("x", V5, **fields))
    assert peer.expect(mqtt.CONNACK, code=0x81).props == [("reason_string", words)]
    peer.expect_closed()


@pytest.mark.parametrize("topic", ("a/#", "+/b"))
def test_wildcard_in_response_topic_of_a_will_is_refused(client, topic):
    """[MQTT5-3.3.2-14]"""
    peer = client.raw(V5).send(mqtt.connect("x", V5, will={
        "topic": "w", "payload": "x", "properties": {"response_topic": topic}}))
    refused(peer, 0x81, 0x82)


@pytest.mark.parametrize("asked", (0, 1))
def test_response_information_is_not_sent_unasked(client, uid, asked):
    """The broker has none to give, asked or not. [MQTT5-3.1.2-28]"""
    connack = client.raw(V5).connect(uid, properties={"request_response_information": asked})
    assert "response_information" not in connack.props


def test_connect_accepts_every_property_at_once(client, uid):
    client.raw(V5).connect(uid, properties=[
        ("session_expiry_interval", 10), ("receive_maximum", 5), ("maximum_packet_size", 1000),
        ("topic_alias_maximum", 3), ("request_response_information", 1),
        ("request_problem_information", 1), ("user_property", ("a", "b")), ("user_property", ("a", "b"))],
        will={"topic": uid, "payload": "x", "qos": 2, "retain": True, "properties": [
            ("will_delay_interval", 0), ("payload_format_indicator", 1), ("message_expiry_interval", 9),
            ("content_type", "t"), ("response_topic", "r"), ("correlation_data", b"\0"),
            ("user_property", ("k", "v"))]})


def test_connack_fits_the_clients_maximum_packet_size(client, uid):
    """[MQTT5-3.1.2-24] [MQTT5-3.2.2-19] [MQTT5-3.2.2-20]"""
    connack = client.raw(V5).connect(uid, properties={"maximum_packet_size": 16})
    assert len(connack.data) <= 16


def test_refusal_fits_the_clients_maximum_packet_size(start):
    """[MQTT5-3.2.2-19] [MQTT5-3.2.2-20]"""
    broker = start("listener {port} 127.0.0.1\n")
    with broker.peer(V5) as peer:
        connack = peer.connect("a", code=0x87, properties={"maximum_packet_size": 5})
        assert len(connack.data) <= 5
        peer.expect_closed()


@each_version
def test_all_in_one_segment_is_answered_before_the_end(client, version, uid):
    """DISCONNECT ends the talk, it does not take back the answers that are due."""
    peer = client.raw(version)
    peer.send(mqtt.connect(uid, version) + mqtt.publish(uid, "x", qos=1, mid=7, version=version)
              + mqtt.disconnect())
    peer.expect(mqtt.CONNACK, code=0)
    peer.expect(mqtt.PUBACK, mid=7)
    peer.expect_closed()


# ---------------------------------------------------------------- who is still connected


@each_version
def test_second_client_of_the_same_name_takes_over(client, version, uid):
    """The first gets DISCONNECT 0x8E (5) or just the end. [MQTT311-3.1.4-2] [MQTT5-3.1.4-3]"""
    first = client(version, uid)
    second = client.raw(version)
    second.connect(uid, present=False)
    first.expect_disconnect(0x8E)
    second.fence()


@pytest.mark.parametrize("old,new", [(V311, V5), (V5, V311), (V31, V5)])
def test_take_over_works_across_versions(client, old, new, uid):
    """[MQTT311-3.1.4-2] [MQTT5-3.1.4-3] [MQTT5-3.1.3-2] [MQTT311-3.1.3-2]"""
    first = client(old, uid)
    second = client.raw(new)
    second.connect(uid)
    first.expect_disconnect(0x8E)
    second.fence()


def test_take_over_keeps_the_session_it_resumes(client, uid):
    """[MQTT5-3.1.2-5] [MQTT5-3.1.4-3] [MQTT5-4.1.0-1]"""
    first = client(V5, uid, clean=False, properties={"session_expiry_interval": 60})
    first.subscribe(uid + "/t", qos=1)
    second = client.raw(V5)
    second.connect(uid, clean=False, present=True, properties={"session_expiry_interval": 60})
    first.expect(DISCONNECT, code=0x8E)
    second.publish(uid + "/t", "x", qos=1)
    second.receive(uid + "/t", "x", qos=1)


def test_take_over_storm_leaves_one_client(client, uid):
    """Fifty connections fight for one name; the last one has it. [MQTT5-3.1.4-3]"""
    peers = [client.raw(V5) for _ in range(50)]
    for peer in peers:
        peer.send(mqtt.connect(uid, V5))
    for peer in peers:
        peer.expect(CONNACK, code=0)
    alive = []
    for peer in peers:
        try:
            peer.send(mqtt.PINGREQ_BYTES)
            answer = peer.next()
        except (Closed, ConnectionError):
            continue
        if answer.kind == mqtt.PINGRESP:
            alive.append(peer)
        else:
            assert answer.kind == DISCONNECT and answer.code == 0x8E
    assert len(alive) == 1
