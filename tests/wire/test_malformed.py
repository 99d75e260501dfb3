# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no MQTT, or forbidden MQTT: each connection ends with the right reason, nobody else notices.

The packets of ../shared/captures/malformed_v3 and _v5 are read from there; what is expected of each stands
here, from the standard and from Mosquitto 2.1's choices, not from the answers of 2.0.11 in that file.
"""
import csv
import os

import pytest

from conftest import each_version
from support import mqtt
from support.broker import SHARED
from support.mqtt import CONNACK, PUBACK, PUBCOMP, PUBREC, PUBREL, V5, V311
from support.peer import Closed

CAPTURES = os.path.join(SHARED, "captures")

# What must follow: a CONNACK code first (None: no CONNACK at all), then "closed", "open", or in v5 the
# reason codes a DISCONNECT may have.
EXPECTED_V3 = {
    "reserved type 0": (0, "closed"), "type 15 in v3.1.1": (0, "closed"),
    "remaining length 5 bytes": (0, "closed"), "publish qos 3": (0, "closed"),
    "publish wildcard topic": (0, "closed"), "publish empty topic": (0, "closed"),
    "topic longer than packet": (0, "closed"), "subscribe flags 0x80": (0, "closed"),
    "subscribe without topic": (0, "closed"), "subscribe id 0": (0, "closed"),
    "subscribe qos 3": (0, "closed"), "subscribe bad filter": (0, "closed"),
    "pubrel flags 0": (0, "closed"), "second connect": (0, "closed"),
    "publish before connect": (None, "closed"), "protocol name wrong": (None, "closed"),
    "protocol level 9": (1, "closed"), "connect reserved flag": (None, "closed"),
    "will qos 3": (None, "closed"), "password without user v3.1.1": (None, "closed"),
    "empty id clean 0": (2, "closed"), "empty id clean 1": (0, "open"),
    "invalid utf8 topic": (0, "closed"), "nul in topic": (0, "closed"),
    "surrogate in topic": (0, "closed"), "connect truncated": (None, "open"),
    "id 24 chars v3.1": (0, "open"), "pingreq with payload": (0, "closed"),
    "disconnect flags": (0, "closed"), "suback from client": (0, "closed"),
    "not mqtt": (None, "closed"),
}
CONNECT_REFUSED = ((0x81, 0x82), "closed")
EXPECTED_V5 = {
    "v5 duplicate property": CONNECT_REFUSED, "v5 unknown property": CONNECT_REFUSED,
    "v5 property of another packet": CONNECT_REFUSED, "v5 property length too long": CONNECT_REFUSED,
    "v5 receive maximum 0": CONNECT_REFUSED, "v5 auth data without method": CONNECT_REFUSED,
    "v5 topic alias 0": (0, (0x81, 0x82, 0x94)), "v5 topic alias too big": (0, (0x94,)),
    "v5 sub id 0": (0, (0x81, 0x82)), "v5 sub reserved bits": (0, (0x81, 0x82)),
    "v5 retain handling 3": (0, (0x81, 0x82)), "v5 no local on shared": (0, (0x82,)),
    "v5 bad share name": (0, (0x81,)), "v5 disconnect expiry raise": (0, (0x82,)),
    "v5 auth without method": (0, (0x82, 0x8C)), "v5 payload not utf8": (0, "open"),
    "v5 response topic wildcard": (0, (0x81, 0x82)),
}


def cases(name):
    path = os.path.join(CAPTURES, name)
    if not os.path.exists(path):
        return [pytest.param(None, None, id="missing", marks=pytest.mark.skip(f"{path} is not there"))]
    with open(path, encoding="utf-8") as f:
        return [pytest.param(row["case"], bytes.fromhex(row["sent_hex"]), id=row["case"])
                for row in csv.DictReader(f, delimiter="\t")]


@pytest.mark.parametrize("case,data", cases("malformed_v3.cases.tsv"))
def test_captured_case_of_3(client, case, data):
    """[MQTT311-2.2.2-2] [MQTT311-4.8.0-1] [MQTT311-3.1.4-1]"""
    code, after = EXPECTED_V3[case]
    peer = client.raw(V311).send(data)
    if code is not None:
        peer.expect(CONNACK, code=code)
    if after == "closed":
        peer.expect_closed()
    elif code is not None:
        peer.fence()


@pytest.mark.parametrize("case,data", cases("malformed_v5.cases.tsv"))
def test_captured_case_of_5(client, case, data):
    """[MQTT5-4.13.1-1] [MQTT5-4.13.2-1]"""
    code, after = EXPECTED_V5[case]
    peer = client.raw(V5).send(data)
    if isinstance(code, tuple):
        try:
            assert peer.next().code in code
        except Closed:
            return
        peer.expect_closed()
        return
    peer.expect(CONNACK, code=code)
    if after == "open":
        peer.fence()
    else:
        peer.expect_disconnect(*after)


# ------------------------------------------------------------------------- fixed header


@each_version
@pytest.mark.parametrize("length", [b"\x80\x00", b"\x81\x80\x00", b"\xff\xff\xff\xff\x01",
                                    b"\x80\x80\x80\x80", b"\x80\x80\x80\x80\x01"],
                         ids=["two for 0", "three for 1", "five", "four and no end", "five for 0"])
def test_remaining_length_must_be_minimal_and_short(client, version, length):
    """The shortest form is asked for by 5.0 only; we refuse the others in every version.

    [MQTT5-1.5.5-1]"""
    client(version).send(b"\xc0" + length).expect_disconnect(0x81)


@each_version
def test_type_0_is_refused(client, version):
    """[MQTT311-2.2.2-2] [MQTT5-4.13.1-1]"""
    client(version).send(b"\x00\x00").expect_disconnect(0x81, 0x82)


FIXED_FLAGS = [("connect", 0x10, 0), ("puback", 0x40, 0), ("pubrec", 0x50, 0), ("pubcomp", 0x70, 0),
               ("pingreq", 0xC0, 0)]


@pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")
@pytest.mark.parametrize("name,first,right", FIXED_FLAGS, ids=[f[0] for f in FIXED_FLAGS])
def test_reserved_flags_of_every_packet(client, version, name, first, right):
    """[MQTT311-2.2.2-1] [MQTT311-2.2.2-2] [MQTT5-2.1.3-1]"""
    body = {"pingreq": b"", "connect": mqtt.connect("x", version)[2:]}.get(name, b"\0\1")
    for flags in (1, 2, 4, 8):
        packet = bytes([first | flags, len(body)]) + body
        if name == "connect":
            client.raw(version).send(packet).expect_closed()
        else:
            client(version).send(packet).expect_disconnect(0x81)


@each_version
@pytest.mark.parametrize("packet", [b"\xc0\x01\x00", b"\x40\x01\x00", b"\x50\x00", b"\x62\x01\x01",
                                    b"\x70\x00", b"\x82\x01\x00", b"\xa2\x02\x00\x01", b"\x30\x00",
                                    b"\x30\x01\x00", b"\x32\x03\x00\x01a", b"\x32\x04\x00\x01a\x00"],
                         ids=["pingreq 1", "puback 1", "pubrec 0", "pubrel 1", "pubcomp 0", "subscribe 1",
                              "unsubscribe 2", "publish 0", "publish 1", "publish without id",
                              "publish half an id"])
def test_packets_too_short_or_too_long_are_refused(client, version, packet):
    """[MQTT311-4.8.0-1] [MQTT5-4.13.1-1]"""
    client(version).send(packet).expect_disconnect(0x81, 0x82)


@pytest.mark.parametrize("kind", (PUBACK, PUBREC, PUBREL, PUBCOMP), ids=lambda k: mqtt.NAMES[k])
@pytest.mark.parametrize("mid", (0,))
def test_acknowledgement_of_identifier_0_is_refused(client, kind, mid):
    """[MQTT5-2.2.1-5] [MQTT311-2.3.1-6]"""
    for version in (V311, V5):
        client(version).send(mqtt.ack(kind, mid)).expect_disconnect(0x81, 0x82)


@pytest.mark.parametrize("kind", (PUBACK, PUBREC, PUBREL, PUBCOMP), ids=lambda k: mqtt.NAMES[k])
@pytest.mark.parametrize("tail", [b"\x01", b"\x7f", b"\x00\x05", b"\x00\x02\x23\x01", b"\x00\x00\x00",
                                  b"\x00\x03\x1f\x00\x05", b"\x00\x08\x1f\x00\x01a\x1f\x00\x01b"],
                         ids=["unknown reason", "reason of another packet", "cut", "other property",
                              "trailing byte", "cut string", "reason string twice"])
def test_bad_acknowledgements_are_refused(client, kind, tail):
    """[MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1] [MQTT5-4.13.1-1]"""
    peer = client(V5).send(mqtt.packet(kind, 2 if kind == PUBREL else 0, b"\0\1" + tail))
    peer.expect_disconnect(0x81, 0x82)


@pytest.mark.parametrize("kind", (PUBACK, PUBREC, PUBREL, PUBCOMP), ids=lambda k: mqtt.NAMES[k])
def test_acknowledgements_of_3_hold_an_identifier_and_nothing_else(client, kind):
    """[MQTT311-2.3.1-6] [MQTT311-4.8.0-1]"""
    client(V311).send(mqtt.packet(kind, 2 if kind == PUBREL else 0, b"\0\1\0")).expect_closed()


# ------------------------------------------------------------------------------ lengths


@each_version
def test_inner_lengths_past_the_end_are_refused(client, version):
    """Every length field of every packet, one too large.

    [MQTT311-4.8.0-1] [MQTT5-4.13.1-1]"""
    packets = [mqtt.publish("abc", "", version=version), mqtt.publish("abc", "", 1, 7, version=version),
               mqtt.subscribe(1, [("abc", 0)], version), mqtt.unsubscribe(1, ["abc"], version)]
    for packet in packets:
        at = packet.index(b"\x00\x03abc")
        for size in (4, 200, 65535) if packet[0] >> 4 != mqtt.PUBLISH else (200, 65535):
            bad = packet[:at] + size.to_bytes(2, "big") + packet[at + 2:]
            client(version).send(bad).expect_disconnect(0x81)


@pytest.mark.parametrize("length", (1, 5, 100, 127, 268435455))
def test_property_length_past_the_end_is_refused(client, length):
    """[MQTT5-4.13.1-1] [MQTT5-2.2.2-1]"""
    section = mqtt.varint(length)
    for kind, flags, head in ((mqtt.PUBLISH, 0, b"\0\1a"), (mqtt.SUBSCRIBE, 2, b"\0\1"),
                              (mqtt.UNSUBSCRIBE, 2, b"\0\1"), (mqtt.DISCONNECT, 0, b"\0"),
                              (PUBACK, 0, b"\0\1\0"), (mqtt.AUTH, 0, b"\x18")):
        client(V5).send(mqtt.packet(kind, flags, head + section)).expect_disconnect(0x81, 0x82, 0x8C)


@pytest.mark.parametrize("ident", sorted(set(range(0, 0x30)) | {0x7F, 0x80, 0xFF}), ids=hex)
def test_every_property_in_every_packet(client, ident):
    """A property that may not stand in a packet is refused there; one that may, alone and well-formed, is
    accepted. (A server reference may stand in DISCONNECT, but only a server has a use for it: either way.)

    [MQTT5-4.13.1-1] [MQTT5-3.3.4-6]"""
    value = {"u8": b"\1", "u16": b"\0\1", "u32": b"\0\0\0\1", "varint": b"\1", "text": b"\0\1x",
             "data": b"\0\1x", "pair": b"\0\1x\0\1y"}
    allowed = {0x01: "P", 0x02: "P", 0x03: "P", 0x08: "P", 0x09: "P", 0x0B: "S", 0x11: "D", 0x1F: "AD",
               0x23: "P", 0x26: "PSUAD"}.get(ident, "")
    kind = mqtt.PROPERTIES.get(ident, (None, "u8"))[1]
    one = bytes([ident]) + value[kind]
    section = mqtt.varint(len(one)) + one
    packets = {"P": mqtt.packet(mqtt.PUBLISH, 0, b"\0\1a" + section),
               "S": mqtt.packet(mqtt.SUBSCRIBE, 2, b"\0\1" + section + b"\0\1a\0"),
               "U": mqtt.packet(mqtt.UNSUBSCRIBE, 2, b"\0\1" + section + b"\0\1a"),
               "A": mqtt.packet(PUBACK, 0, b"\0\1\0" + section),
               "D": mqtt.packet(mqtt.DISCONNECT, 0, b"\0" + section)}
    for letter, packet in packets.items():
        peer = client(V5, properties={"session_expiry_interval": 60}).send(packet)
        if letter == "D" and (letter in allowed or ident == 0x1C):
            peer.drain()
        elif letter not in allowed:
            peer.expect_disconnect(0x81, 0x82)
        else:
            peer.send(mqtt.PINGREQ_BYTES).pick(mqtt.PINGRESP)


# --------------------------------------------------------------------- others do not notice


def test_a_hundred_broken_clients_do_not_disturb_one(client, uid):
    """[MQTT5-4.13.1-1]"""
    good = client(V5)
    good.subscribe(uid)
    junk = [b"\x00\x00", b"\x30\x05\x00\x80ab", b"\xff" * 10, mqtt.publish("a/#", "x"), b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x10\x80\x80\x80\x80\x80", b"\n"]
    for n in range(100):
        peer = client.raw(V311)
        if n % 2:
            peer.connect(f"{uid}-junk-{n}")
        peer.send(junk[n % len(junk)])
        peer.close()
        if n % 10 == 0:
            good.publish(uid, str(n))
            good.receive(uid, str(n))


def test_tls_on_a_plain_port_is_named(client, broker):
    """A ClientHello is not MQTT; the log says what it seems to be."""
    mark = broker.mark()
    hello = bytes.fromhex("16030100f8010000f40303") + bytes(240)
    client.raw(V311).send(hello).expect_closed()
    broker.log.wait("appears to be using TLS", mark)
