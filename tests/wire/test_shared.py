# SPDX-License-Identifier: Apache-2.0
"""Shared subscriptions: each message to one member, whatever happens to the others."""
import time
from collections import Counter

import pytest

from conftest import each_version
from support import mqtt
from support.mqtt import PUBACK, PUBLISH, PUBREC, PUBREL, SUBACK, V5, V31, V311
from support.peer import TIMEOUT

KEEP = {"clean": False, "properties": {"session_expiry_interval": 600}}


def members(client, uid, count, qos=0, version=V5, **kw):
    peers = [client(version, f"{uid}-m{n}", **kw) for n in range(count)]
    for peer in peers:
        peer.subscribe(f"$share/{uid}/{uid}/#", qos=qos)
    return peers


def waiting(peer):
    """What has come for this peer by now: everything before a PINGRESP."""
    peer.send(mqtt.PINGREQ_BYTES)
    got = []
    while True:
        p = peer.next()
        if p.kind == mqtt.PINGRESP:
            return got
        if p.kind == PUBLISH:
            peer.acknowledge(p)
            got.append(p)


def collect(peers, total):
    """Read from all members until `total` messages have come: (member, payload) of each."""
    got = []
    deadline = time.monotonic() + TIMEOUT
    while len(got) < total and time.monotonic() < deadline:
        for peer in peers:
            got += [(peer.client_id, p.payload) for p in waiting(peer)]
    assert len(got) == total, f"{len(got)} of {total} messages"
    return got


@each_version
@pytest.mark.parametrize("qos", (0, 1, 2))
def test_each_message_goes_to_one_member(client, version, qos, uid):
    """Evenly, and also for 3.x clients, as Mosquitto does. [MQTT5-4.8.2-3]"""
    peers = members(client, uid, 3, qos, version)
    publisher = client(version)
    for n in range(60):
        publisher.publish(f"{uid}/x", str(n), qos=qos)
    got = collect(peers, 60)
    assert sorted(int(p) for _, p in got) == list(range(60))
    assert all(15 <= n <= 25 for n in Counter(who for who, _ in got).values())


def test_groups_and_plain_subscribers_are_independent(client, uid):
    """[MQTT5-4.8.2-1]"""
    one, two, plain = client(V5), client(V5), client(V5)
    one.subscribe(f"$share/a{uid}/{uid}")
    two.subscribe(f"$share/b{uid}/{uid}")
    plain.subscribe(uid)
    client(V5).publish(uid, "x")
    for peer in (one, two, plain):
        peer.receive(uid, "x")
        peer.fence()


def test_member_with_a_plain_subscription_gets_both(client, uid):
    peer = client(V5)
    peer.subscribe(f"$share/g/{uid}", properties={"subscription_identifier": 1})
    peer.subscribe(uid, properties={"subscription_identifier": 2})
    client(V5).publish(uid, "x")
    got = [peer.receive(uid, "x").props.all("subscription_identifier") for _ in range(2)]
    assert sorted(got) == [[1], [2]]


@pytest.mark.parametrize("granted", (0, 1, 2))
def test_granted_qos_is_respected(client, granted, uid):
    """[MQTT5-4.8.2-3]"""
    peer = client(V5)
    peer.subscribe(f"$share/g/{uid}", qos=granted)
    client(V5).publish(uid, "x", qos=2)
    peer.receive(uid, "x", qos=granted)


def test_no_local_on_a_shared_subscription_is_a_protocol_error(client, uid):
    """[MQTT5-3.8.3-4]"""
    peer = client(V5).send(mqtt.subscribe(1, [(f"$share/g/{uid}", 0x04)], V5))
    peer.expect_disconnect(0x82)


def test_no_retained_messages_for_a_share(client, uid):
    publisher = client(V5)
    publisher.publish(uid, "old", qos=1, retain=True)
    peer = client(V5)
    peer.subscribe(f"$share/g/{uid}", qos=1)
    peer.fence()
    publisher.publish(uid, "new", qos=1, retain=True)
    peer.receive(uid, "new", retain=False)


@pytest.mark.parametrize("filter_", ["$share/", "$share/g", "$share//a", "$share/+/a", "$share/#/a",
                                     "$share/g+/a", "$share/g#/a", "$share/g/", "$share/g/a#",
                                     "$share/g/#/a"])
@pytest.mark.parametrize("version", (V311, V5), ids=lambda v: f"v{v}")
def test_bad_share_names_are_refused(client, version, filter_):
    """[MQTT5-4.8.2-1] [MQTT5-4.8.2-2]"""
    client(version).send(mqtt.subscribe(1, [(filter_, 0)], version)).expect_disconnect(0x81)


def test_unsubscribe_leaves_the_group(client, uid):
    """[MQTT5-3.10.4-1]"""
    stays, leaves = members(client, uid, 2)
    assert leaves.unsubscribe(f"$share/{uid}/{uid}/#", f"{uid}/#").codes == [0, 0x11]
    publisher = client(V5)
    for n in range(10):
        publisher.publish(uid + "/x", str(n))
    assert [p.payload for p in [stays.receive() for _ in range(10)]] == [b"%d" % n for n in range(10)]
    leaves.fence()


def test_filter_of_a_share_matches_by_the_same_rules(client, uid):
    """[MQTT5-4.7.2-1] [MQTT5-4.7.1-1]"""
    peer = client(V5)
    peer.subscribe(f"$share/g/{uid}/+/c", f"$share/{uid}/+/{uid}/c")
    publisher = client(V5)
    publisher.publish(f"$dollar/{uid}/c", "hidden")
    for topic, copies in ((f"{uid}/b/c", 1), (f"{uid}/{uid}/c", 2)):
        publisher.publish(topic, "x")
        for _ in range(copies):
            peer.receive(topic)
    peer.fence()


# ----------------------------------------------------------- members that go, and come back


def test_offline_members_are_passed_over(client, uid):
    """As long as one is connected, nothing waits for the absent ones."""
    away, here = members(client, uid, 2, 1, **KEEP)
    away.drop()
    publisher = client(V5)
    for n in range(10):
        publisher.publish(uid + "/x", str(n), qos=1)
    for n in range(10):
        here.receive(uid + "/x", str(n))
    back = client(V5, away.client_id, **KEEP)
    assert back.connack.session_present
    back.fence()


def test_last_member_is_queued_for(client, uid):
    away, = members(client, uid, 1, 1, **KEEP)
    away.drop()
    client(V5).publish(uid + "/x", "waits", qos=1)
    back = client(V5, away.client_id, **KEEP)
    back.receive(uid + "/x", "waits")


def test_full_members_are_passed_over(start):
    """A member that does not acknowledge holds its window and its queue, not the group; nothing is lost."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 5\n")
    with broker.peer(V5) as slow, broker.peer(V5) as fast, broker.peer(V5) as publisher:
        slow.connect("slow", properties={"receive_maximum": 1})
        fast.connect("fast")
        publisher.connect("publisher")
        for peer in (slow, fast):
            peer.subscribe("$share/g/t", qos=1)
        got = []
        for n in range(60):
            publisher.publish("t", str(n), qos=1)
            got += [int(p.payload) for p in waiting(fast)]
        deadline = time.monotonic() + TIMEOUT
        while len(got) < 60 - 6 and time.monotonic() < deadline:
            got += [int(p.payload) for p in waiting(fast)]
        got += [int(p.payload) for p in waiting(slow)]
        while len(got) < 60 and time.monotonic() < deadline:
            got += [int(p.payload) for peer in (slow, fast) for p in waiting(peer)]
        assert sorted(got) == list(range(60))


def test_unacknowledged_qos_1_goes_to_another_when_its_member_ends(client, uid):
    """The session is over (clean start 0 expiry): what it had not acknowledged is not lost."""
    goes, stays = members(client, uid, 2, 1)
    publisher = client(V5)
    for n in range(6):
        publisher.publish(uid + "/x", str(n), qos=1)
    mine = [p for _, p in collect([stays], 3)]
    held = [goes.expect(PUBLISH).payload for _ in range(3)]
    goes.drop()
    mine += [p for _, p in collect([stays], 3)]
    assert sorted(mine) == [b"%d" % n for n in range(6)] and sorted(mine[3:]) == sorted(held)


def test_qos_2_in_flight_is_never_given_to_another(client, uid):
    """Its member comes back and gets it again; others do not.

    [MQTT5-4.8.2-4]"""
    goes, stays = members(client, uid, 2, 2, **KEEP)
    publisher = client(V5)
    for n in range(4):
        publisher.publish(uid + "/x", str(n), qos=2)
    held = [goes.expect(PUBLISH) for _ in range(2)]
    others = [stays.receive().payload for _ in range(2)]
    goes.drop()
    stays.fence()
    back = client(V5, goes.client_id, **KEEP)
    for p in held:
        back.receive(payload=p.payload, mid=p.mid, dup=True)
    assert sorted([p.payload for p in held] + others) == [b"0", b"1", b"2", b"3"]


def test_qos_2_in_flight_dies_with_its_session(client, uid):
    """[MQTT5-4.8.2-5]"""
    goes, stays = members(client, uid, 2, 2)
    publisher = client(V5)
    for n in range(4):
        publisher.publish(uid + "/x", str(n), qos=2)
    held = [goes.expect(PUBLISH).payload for _ in range(2)]
    for _ in range(2):
        assert stays.receive().payload not in held
    goes.drop()
    publisher.publish(uid + "/x", "next", qos=2)
    stays.receive(uid + "/x", "next")
    stays.fence()


@pytest.mark.parametrize("qos", (1, 2))
def test_negative_acknowledgement_discards_the_message(client, qos, uid):
    """No other member gets it. [MQTT5-4.8.2-6]"""
    one, two = members(client, uid, 2, qos)
    publisher = client(V5)
    for n in range(2):
        publisher.publish(uid + "/x", str(n), qos=qos)
    for peer in (one, two):
        p = peer.expect(PUBLISH)
        peer.send(mqtt.ack(PUBACK if qos == 1 else PUBREC, p.mid, 0x83)).fence()
    publisher.publish(uid + "/x", "a", qos=qos)
    publisher.publish(uid + "/x", "b", qos=qos)
    assert sorted(p.receive().payload for p in (one, two)) == [b"a", b"b"]
    one.fence()
    two.fence()


def test_member_leaving_in_mid_stream_loses_nothing_at_qos_1(client, uid):
    """Members join and leave while messages flow; every message is seen at least once."""
    publisher = client(V5)
    peers = members(client, uid, 2, 1)
    seen = set()
    for n in range(100):
        publisher.publish(uid + "/x", str(n), qos=1)
        if n % 10 == 5:
            peers.append(client(V5))
            peers[-1].subscribe(f"$share/{uid}/{uid}/#", qos=1)
        if n % 10 == 9:
            peers.pop(0).drop()
        for peer in peers:
            seen |= {int(p.payload) for p in waiting(peer)}
    deadline = time.monotonic() + TIMEOUT
    while len(seen) < 100 and time.monotonic() < deadline:
        for peer in peers:
            seen |= {int(p.payload) for p in waiting(peer)}
    assert seen == set(range(100))


def test_pubrel_of_a_member_is_completed_after_reconnect(client, uid):
    """[MQTT5-4.8.2-4]"""
    peer, = members(client, uid, 1, 2, **KEEP)
    client(V5).publish(uid + "/x", "a", qos=2)
    p = peer.expect(PUBLISH)
    peer.send(mqtt.ack(PUBREC, p.mid)).expect(PUBREL, mid=p.mid)
    peer.drop()
    back = client(V5, peer.client_id, **KEEP)
    back.expect(PUBREL, mid=p.mid)
    back.send(mqtt.ack(mqtt.PUBCOMP, p.mid)).fence()


@pytest.mark.parametrize("version", (V31, V311))
def test_31x_client_can_share(client, version, uid):
    peer = client(version)
    peer.send(mqtt.subscribe(1, [(f"$share/g/{uid}", 1)], version)).expect(SUBACK, codes=[1])
    client(V5).publish(uid, "x", qos=1)
    peer.receive(uid, "x", qos=1)


def test_many_groups_each_get_one_copy(client, uid):
    peer = client(V311)
    peer.subscribe(*(f"$share/g{n}/{uid}" for n in range(50)))
    client(V311).publish(uid, "x")
    for _ in range(50):
        peer.receive(uid, "x")
    peer.fence()


def test_group_of_gone_members_disappears(client, uid):
    """A message for a group whose clean sessions are all gone has no matching subscriber. [MQTT5-3.4.2-1]"""
    for peer in members(client, uid, 3, 1):
        peer.disconnect()
    assert client(V5).publish(uid + "/x", "x", qos=1).code == 0x10


def test_messages_of_a_vanished_member_are_not_lost_with_its_socket(client, uid):
    """RST instead of FIN: at least the session's end moves QoS 1 to the other one."""
    goes, stays = members(client, uid, 2, 1)
    publisher = client(V5)
    for n in range(4):
        publisher.publish(uid + "/x", str(n), qos=1)
    goes.expect(PUBLISH)
    goes.reset()
    assert sorted(p for _, p in collect([stays], 4)) == [b"0", b"1", b"2", b"3"]
