# SPDX-License-Identifier: Apache-2.0
"""Enhanced authentication of MQTT 5 with a broker that has no method configured."""
import pytest

from support import mqtt
from support.mqtt import AUTH, CONNACK, V5
from support.peer import Closed


@pytest.mark.parametrize("method", ("SCRAM-SHA-1", "", "x" * 1000, "é"))
def test_unknown_method_is_0x8c(client, method):
    """[MQTT5-4.12.0-1] [MQTT5-4.12.0-4] [MQTT5-3.2.2-7]"""
    peer = client.raw(V5)
    connack = peer.connect("x", code=0x8C, properties=[("authentication_method", method),
                                                      ("authentication_data", b"\0\1")])
    assert not connack.session_present and "authentication_data" not in connack.props
    peer.expect_closed()


def test_refused_method_does_not_disturb_the_client_of_that_name(client, uid):
    """Nobody is taken over by a connection that was never let in. [MQTT5-4.12.0-1]"""
    first = client(V5, uid)
    other = client.raw(V5)
    other.connect(uid, code=0x8C, properties={"authentication_method": "none"})
    other.expect_closed()
    first.fence()


def test_no_method_no_auth(client, uid):
    """Without a method there is none in the CONNACK, and no AUTH. [MQTT5-4.12.0-6]"""
    connack = client(V5, uid).connack
    assert "authentication_method" not in connack.props


@pytest.mark.parametrize("packet", [
    mqtt.auth(), mqtt.auth(0x18, {"authentication_method": "x"}),
    mqtt.auth(0x19, {"authentication_method": "x"}), mqtt.auth(0x00, {"authentication_method": "x"})],
    ids=["empty", "continue", "again", "success"])
def test_auth_of_a_client_without_method_is_a_protocol_error(client, packet):
    """[MQTT5-4.12.0-7] [MQTT5-4.12.1-1] [MQTT5-3.15.2-1]"""
    client(V5).send(packet).expect_disconnect(0x82, 0x8C)


@pytest.mark.parametrize("flags", (1, 2, 4, 8, 15))
def test_reserved_flags_of_auth_are_malformed(client, flags):
    """[MQTT5-3.15.1-1]"""
    client(V5).send(bytes([AUTH << 4 | flags, 0])).expect_disconnect(0x81)


@pytest.mark.parametrize("body", [b"\x18", b"\x18\x03\x15\x00", b"\x01\x00", b"\x18\x02\x23\x00",
                                  b"\x18\x06\x15\0\0\x15\0\0", b"\x18\x03\x16\0\0"],
                         ids=["no properties", "cut", "unknown reason", "other property", "method twice",
                              "data alone"])
def test_bad_auth_packets_are_refused(client, body):
    """[MQTT5-3.15.2-1] [MQTT5-4.13.1-1]"""
    client(V5).send(mqtt.packet(AUTH, 0, body)).expect_disconnect(0x81, 0x82, 0x8C)


@pytest.mark.parametrize("version", (3, 4))
def test_type_15_does_not_exist_before_5(client, version):
    """[MQTT311-2.2.2-2] [MQTT311-4.8.0-1]"""
    client(version).send(b"\xf0\x00").expect_closed()


def test_packets_after_a_connect_with_method_are_not_taken(client, uid):
    """Between CONNECT and CONNACK only AUTH and DISCONNECT may be sent. [MQTT5-3.1.2-30] [MQTT5-3.1.4-6]"""
    watcher = client(V5)
    watcher.subscribe(uid)
    peer = client.raw(V5)
    peer.send(mqtt.connect("x", V5, properties={"authentication_method": "none"}),
              mqtt.publish(uid, "early", version=V5))
    try:
        while peer.next().kind == CONNACK:
            pass
    except Closed:
        pass
    watcher.publish(uid, "fence")
    watcher.receive(uid, "fence")
