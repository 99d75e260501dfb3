# SPDX-License-Identifier: Apache-2.0
"""Keep alive: one and a half times the interval, for every packet, for 0 never. Time is the subject here."""
import time

import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import DISCONNECT, V5, V31, V311
from support.peer import Closed

CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\nmax_keepalive 50\n"


@pytest.fixture
def quick(start):
    return start("listener {port} 127.0.0.1\nallow_anonymous true\n")


def end_of(peer, since):
    """Seconds until the broker ended the connection, and what it said."""
    said = peer.drain()
    return time.monotonic() - since, said


def test_silence_of_one_and_a_half_intervals_ends_the_connection(quick):
    """Keep alive 1 s: closed after 1.5 s, not before; v5 hears 0x8D; 0 is never closed.

    [MQTT311-3.1.2-24] [MQTT5-3.1.2-22] [MQTT5-3.2.2-22]"""
    since = time.monotonic()
    peers = [quick.peer(v) for v in mqtt.VERSIONS]
    forever, busy = quick.peer(V311), quick.peer(V5)
    forever.connect("forever", keepalive=0)
    busy.connect("busy", keepalive=1)
    for n, peer in enumerate(peers):
        peer.connect(f"k{n}", keepalive=1)
    # A client that sends anything at all stays: here a PUBLISH, there a PINGREQ.
    for n in range(8):
        time.sleep(0.5)
        busy.publish("x", "y") if n % 2 else busy.fence()
    for n, peer in enumerate(peers):
        took, said = end_of(peer, since)
        assert 1.4 <= took <= 8
        assert [p.code for p in said if p.kind == DISCONNECT] == ([0x8D] if peer.version == V5 else [])
        assert "timeout" in quick.log.wait(f"Client k{n} .*timeout").string
    forever.fence()
    busy.fence()
    for peer in peers + [forever, busy]:
        peer.close()


def test_closing_comes_soon_after_the_time(quick):
    """Between 1.5 and 3.5 seconds for a keep alive of 1 s."""
    with quick.peer(V311) as peer:
        since = time.monotonic()
        peer.connect("k", keepalive=1)
        took, _ = end_of(peer, since)
        assert 1.4 <= took <= 3.5


def test_acknowledgements_are_signs_of_life(quick):
    """PUBACKs count like any packet. [MQTT311-3.1.2-24] [MQTT5-3.1.2-22]"""
    with quick.peer(V5) as subscriber, quick.peer(V5) as publisher:
        subscriber.connect("s", keepalive=1)
        subscriber.subscribe("t", qos=1)
        publisher.connect("p", keepalive=0)
        for n in range(6):
            publisher.publish("t", str(n), qos=1)
            subscriber.receive("t", str(n))
            time.sleep(0.5)
        subscriber.fence()


def test_what_the_broker_sends_is_no_sign_of_life(quick):
    """A client that only listens at QoS 0 is ended all the same. [MQTT311-3.1.2-24] [MQTT5-3.1.2-22]"""
    with quick.peer(V311) as subscriber, quick.peer(V311) as publisher:
        subscriber.connect("s", keepalive=1)
        subscriber.subscribe("t")
        publisher.connect("p", keepalive=0)
        before = time.monotonic()
        try:
            while time.monotonic() - before < 8:
                publisher.publish("t", "x")
                time.sleep(0.2)
                subscriber.next(timeout=1)
        except Closed:
            pass
        assert time.monotonic() - before < 8


def test_half_a_packet_is_no_sign_of_life(quick):
    """Dribbling bytes of a packet that never ends does not hold a place (SlowITe)."""
    with quick.peer(V311) as peer:
        peer.connect("s", keepalive=1)
        before = time.monotonic()
        peer.send(b"\x30\x7f")
        try:
            while time.monotonic() - before < 8:
                peer.send(b"\x00")
                time.sleep(0.2)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - before < 8


@pytest.mark.parametrize("asked", (0, 51, 65535))
def test_keep_alive_over_our_maximum_is_replaced_in_5(client, asked, uid):
    """[MQTT5-3.1.2-21] [MQTT5-3.2.2-21]"""
    assert client(V5, keepalive=asked).connack.props.get("server_keep_alive") == 50


@pytest.mark.parametrize("asked", (1, 50))
def test_keep_alive_within_our_maximum_is_taken(client, asked, uid):
    """[MQTT5-3.2.2-22]"""
    assert "server_keep_alive" not in client(V5, keepalive=asked).connack.props


@pytest.mark.parametrize("version", (V31, V311))
@pytest.mark.parametrize("asked", (0, 51))
def test_keep_alive_over_our_maximum_is_rejected_in_31x(client, version, asked, uid):
    """Code 2, as Mosquitto: there is no other way to say it."""
    peer = client.raw(version)
    peer.connect(uid, keepalive=asked, code=2)
    peer.expect_closed()


def test_server_keep_alive_is_enforced(start):
    """[MQTT5-3.1.2-22] [MQTT5-3.2.2-21]"""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_keepalive 1\n")
    with broker.peer(V5) as peer:
        since = time.monotonic()
        assert peer.connect("k", keepalive=0).props.get("server_keep_alive") == 1
        took, said = end_of(peer, since)
        assert 1.4 <= took <= 5 and [p.code for p in said] == [0x8D]


@each_version
def test_keep_alive_of_65535_is_accepted(quick, version):
    with quick.peer(version) as peer:
        peer.connect("k", keepalive=65535)
        peer.fence()
