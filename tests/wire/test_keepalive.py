# SPDX-License-Identifier: Apache-2.0
"""Keep alive: one and a half times the interval, for every packet, for 0 never. Time is the subject here, but
only the broker's is judged: what a busy machine does to ours shows nothing."""
import time

import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import DISCONNECT, V5, V31, V311
from support.peer import TIMEOUT, Closed

CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\nmax_keepalive 50\n"


@pytest.fixture
def quick(start):
    return start("listener {port} 127.0.0.1\nallow_anonymous true\n")


def end_of(peer, since):
    """Seconds until the broker ended the connection, and what it said."""
    said = peer.drain()
    return time.monotonic() - since, said


def test_silence_of_one_and_a_half_intervals_ends_the_connection(quick):
    """Keep alive 1 s: closed, not before 1.5 s; v5 hears 0x8D; 0 is never closed.

    [MQTT311-3.1.2-24] [MQTT5-3.1.2-22] [MQTT5-3.2.2-22]"""
    since = time.monotonic()
    peers = [quick.peer(v) for v in mqtt.VERSIONS]
    forever = quick.peer(V311)
    forever.connect("forever", keepalive=0)
    for n, peer in enumerate(peers):
        peer.connect(f"k{n}", keepalive=1)
    # A client that sends anything at all stays: here a PUBLISH, there a PINGREQ.
    busy = stays(quick, lambda peer, n: peer.publish("x", "y", qos=1) if n % 2 else peer.fence())
    for n, peer in enumerate(peers):
        took, said = end_of(peer, since)
        assert took >= 1.4
        assert [p.code for p in said if p.kind == DISCONNECT] == ([0x8D] if peer.version == V5 else [])
        assert "timeout" in quick.log.wait(f"Client k{n} .*timeout").string
    forever.fence()
    for peer in peers + [forever, busy]:
        peer.close()


def stays(broker, sign, **kw):
    """A client of keep alive 1 s whose signs of life come in time is not closed within four seconds. sign(peer, n)
    returns when the broker has seen it; where we were too late with one, another client tries."""
    for attempt in range(30):
        peer = broker.peer(V5)
        last = time.monotonic()
        peer.connect(f"busy{attempt}", keepalive=1, **kw)
        try:
            for n in range(8):
                time.sleep(0.5)
                before = time.monotonic()
                sign(peer, n)
                if time.monotonic() - last > 1.4:
                    break
                last = before
            else:
                return peer
        except (AssertionError, ConnectionError):
            if time.monotonic() - last <= 1.4:
                raise
        peer.close()
    pytest.fail("this machine is too busy for a keep alive of one second")


def test_closing_comes_soon_after_the_time(start):
    """A keep alive of 1 s ends its client before one of 2 s that began later, which is after 3 s."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nworkers 1\n")
    with broker.peer(V311) as brief, broker.peer(V311) as longer:
        brief.connect("brief", keepalive=1)
        longer.connect("longer", keepalive=2)
        for peer in (brief, longer):
            peer.drain()
        broker.disconnected("brief")
        broker.disconnected("longer")
    ends = [line for line in broker.log.since() if "exceeded timeout" in line]
    assert "brief" in ends[0] and "longer" in ends[1]


def test_acknowledgements_are_signs_of_life(quick):
    """PUBACKs count like any packet. [MQTT311-3.1.2-24] [MQTT5-3.1.2-22]"""
    with quick.peer(V5) as publisher:
        publisher.connect("p", keepalive=0)

        def acknowledge(subscriber, n):
            """The second message comes when the broker has seen the PUBACK of the first."""
            if n == 0:
                subscriber.subscribe("t", qos=1)
            for payload in (f"{n}a", f"{n}b"):
                publisher.publish("t", payload, qos=1)
            for payload in (f"{n}a", f"{n}b"):
                subscriber.receive("t", payload)

        stays(quick, acknowledge, properties={"receive_maximum": 1}).close()


def test_what_the_broker_sends_is_no_sign_of_life(quick):
    """A client that only listens at QoS 0 is ended all the same. [MQTT311-3.1.2-24] [MQTT5-3.1.2-22]"""
    with quick.peer(V311) as subscriber, quick.peer(V311) as publisher:
        subscriber.connect("s", keepalive=1)
        subscriber.subscribe("t")
        publisher.connect("p", keepalive=0)
        deadline = time.monotonic() + TIMEOUT
        with pytest.raises(Closed):
            while time.monotonic() < deadline:
                publisher.publish("t", "x")
                time.sleep(0.2)
                subscriber.next()


def test_half_a_packet_is_no_sign_of_life(quick):
    """Dribbling bytes of a packet that never ends does not hold a place (SlowITe)."""
    with quick.peer(V311) as peer:
        peer.connect("s", keepalive=1)
        deadline = time.monotonic() + TIMEOUT
        peer.send(b"\x30\x7f")
        with pytest.raises(ConnectionError):
            for _ in range(120):  # less than the packet has
                assert time.monotonic() < deadline
                peer.send(b"\x00")
                time.sleep(0.2)


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
        assert took >= 1.4 and [p.code for p in said] == [0x8D]


@each_version
def test_keep_alive_of_65535_is_accepted(quick, version):
    with quick.peer(version) as peer:
        peer.connect("k", keepalive=65535)
        peer.fence()
