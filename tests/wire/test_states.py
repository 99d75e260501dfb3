# SPDX-License-Identifier: Apache-2.0
"""Every packet type in every state of a connection: none may break the broker, each has one answer."""
import itertools

import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import V5, V311
from support.peer import Closed

METHOD = {"authentication_method": "none"}


def well_formed(version):
    """One packet of each of the sixteen types, formed as its sender would form it."""
    v5 = version == V5
    empty = b"\0" if v5 else b""
    return {
        0: b"\x00\x00", mqtt.CONNECT: mqtt.connect("states", version),
        mqtt.CONNACK: mqtt.packet(mqtt.CONNACK, 0, b"\0\0" + empty),
        mqtt.PUBLISH: mqtt.publish("states", "x", version=version),
        mqtt.PUBACK: mqtt.ack(mqtt.PUBACK, 1), mqtt.PUBREC: mqtt.ack(mqtt.PUBREC, 1),
        mqtt.PUBREL: mqtt.ack(mqtt.PUBREL, 1), mqtt.PUBCOMP: mqtt.ack(mqtt.PUBCOMP, 1),
        mqtt.SUBSCRIBE: mqtt.subscribe(1, [("states", 0)], version),
        mqtt.SUBACK: mqtt.packet(mqtt.SUBACK, 0, b"\0\1" + empty + b"\0"),
        mqtt.UNSUBSCRIBE: mqtt.unsubscribe(1, ["states"], version),
        mqtt.UNSUBACK: mqtt.packet(mqtt.UNSUBACK, 0, b"\0\1" + (b"\0\0" if v5 else b"")),
        mqtt.PINGREQ: mqtt.PINGREQ_BYTES, mqtt.PINGRESP: mqtt.PINGRESP_BYTES,
        mqtt.DISCONNECT: mqtt.disconnect(), mqtt.AUTH: mqtt.auth(0x18, METHOD),
    }


FROM_CLIENTS = {mqtt.PUBLISH: None, mqtt.PUBACK: None, mqtt.PUBREC: mqtt.PUBREL, mqtt.PUBREL: mqtt.PUBCOMP,
                mqtt.PUBCOMP: None, mqtt.SUBSCRIBE: mqtt.SUBACK, mqtt.UNSUBSCRIBE: mqtt.UNSUBACK,
                mqtt.PINGREQ: mqtt.PINGRESP}


@each_version
@pytest.mark.parametrize("kind", range(16), ids=lambda k: mqtt.NAMES[k])
def test_before_connect_only_connect_is_taken(client, version, kind):
    """[MQTT311-3.1.0-1] [MQTT5-3.1.0-1]"""
    peer = client.raw(version).send(well_formed(version)[kind])
    if kind == mqtt.CONNECT:
        peer.expect(mqtt.CONNACK, code=0)
    else:
        peer.expect_closed()


@each_version
@pytest.mark.parametrize("kind", range(16), ids=lambda k: mqtt.NAMES[k])
def test_once_connected_what_a_server_sends_is_a_protocol_error(client, version, kind, uid):
    """CONNACK, SUBACK, UNSUBACK, PINGRESP from a client end its connection; the rest has its answer.

    [MQTT311-3.1.0-2] [MQTT311-4.8.0-1] [MQTT5-3.1.0-2] [MQTT5-4.13.1-1] [MQTT5-4.12.0-7]"""
    peer = client(version, uid).send(well_formed(version)[kind])
    if kind in FROM_CLIENTS:
        if FROM_CLIENTS[kind]:
            peer.expect(FROM_CLIENTS[kind])
        peer.fence()
    elif kind == mqtt.DISCONNECT:
        peer.expect_closed()
    else:
        peer.expect_disconnect(0x81, 0x82, 0x8C)


@each_version
@pytest.mark.parametrize("kind", range(16), ids=lambda k: mqtt.NAMES[k])
def test_after_disconnect_nothing_is_taken(client, version, kind, uid):
    """[MQTT311-3.14.4-2] [MQTT5-3.14.4-1]"""
    client(version, uid).send(mqtt.disconnect(), well_formed(version)[kind]).expect_closed()


@pytest.mark.parametrize("kind", range(16), ids=lambda k: mqtt.NAMES[k])
def test_while_waiting_for_acknowledgements_every_packet_has_its_place(client, kind, uid):
    """A QoS 2 exchange is open in both directions.

    [MQTT311-4.3.3-1] [MQTT311-4.3.3-2]"""
    peer = client(V311, uid)
    peer.subscribe(uid, qos=2)
    peer.publish(uid, "open", qos=2)
    p = peer.expect(mqtt.PUBLISH, qos=2)
    peer.send(mqtt.publish(uid + "/in", "x", 2, 500)).expect(mqtt.PUBREC, mid=500)
    packet = well_formed(V311)[kind]
    if kind in (mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP):
        packet = mqtt.ack(kind, p.mid)
    if kind == mqtt.PUBREL:
        packet = mqtt.ack(kind, 500)
    peer.send(packet, mqtt.PINGREQ_BYTES)
    try:
        while peer.next().kind != mqtt.PINGRESP:
            pass
    except Closed:
        assert kind not in FROM_CLIENTS or kind in (mqtt.PUBACK, mqtt.PUBCOMP)


@each_version
@pytest.mark.parametrize("qos,kind", [(1, mqtt.PUBREC), (1, mqtt.PUBCOMP), (2, mqtt.PUBACK), (2, mqtt.PUBCOMP)],
                         ids=lambda k: mqtt.NAMES[k] if k > 2 else f"QoS {k}")
def test_acknowledgement_of_the_wrong_kind_is_a_protocol_error(client, version, qos, kind, uid):
    """Kept, it would block a place in the window for ever. [MQTT311-4.8.0-1]"""
    peer = client(version, uid, clean=False)
    peer.subscribe(uid, qos=qos)
    client(V311).publish(uid, "x", qos=qos)
    peer.send(mqtt.ack(kind, peer.expect(mqtt.PUBLISH, qos=qos).mid)).expect_disconnect(0x82)


@pytest.mark.parametrize("first,second", itertools.product(range(1, 16), repeat=2),
                         ids=lambda k: mqtt.NAMES[k])
def test_any_two_packets_leave_the_broker_whole(client, first, second, uid):
    """After CONNECT, any pair of well-formed packets in one write."""
    packets = well_formed(V5)
    peer = client(V5, uid).send(packets[first], packets[second])
    peer.close()


def test_random_packets_leave_the_broker_whole(client, uid):
    """A seeded heap of packets, cut and joined anyhow, on many connections."""
    import random
    dice = random.Random(7)
    pool = [p for v in mqtt.VERSIONS for p in well_formed(v).values()]
    for n in range(150):
        peer = client.raw(V311)
        stream = bytearray(mqtt.connect(f"{uid}-{n % 7}", dice.choice(mqtt.VERSIONS)) if n % 5 else b"")
        for _ in range(dice.randrange(1, 12)):
            packet = bytearray(dice.choice(pool))
            if dice.random() < 0.3:
                packet[dice.randrange(len(packet))] = dice.randrange(256)
            if dice.random() < 0.1:
                del packet[dice.randrange(len(packet)):]
            stream += packet
        try:
            peer.send(bytes(stream))
        except ConnectionError:
            pass
        peer.close()
    client(V311, uid + "-last").fence()
