# SPDX-License-Identifier: Apache-2.0
"""$SYS/broker/…: Mosquitto's topics, what they count, when they come."""
import os
import re
import signal

import pytest

from support import mqtt
from support.mqtt import V5, V311

CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\n"

NUMBERS = """clients/total clients/connected clients/disconnected clients/active clients/inactive
clients/expired messages/received messages/sent messages/stored store/messages/count store/messages/bytes
subscriptions/count shared_subscriptions/count bytes/received bytes/sent
publish/messages/dropped publish/messages/received publish/messages/sent publish/bytes/received
publish/bytes/sent packet/out/count packet/out/bytes connections/socket/count""".split() + \
    ["retained messages/count"]
LOADS = """messages/received messages/sent publish/dropped publish/received publish/sent bytes/received
bytes/sent sockets connections""".split()


def snapshot(client, filter_="$SYS/#"):
    """The retained values a new subscriber is shown."""
    peer = client(V5)
    peer.send(mqtt.subscribe(1, [(filter_, 0)], V5)).pick(mqtt.SUBACK)
    values = {}
    peer.send(mqtt.PINGREQ_BYTES)
    while True:
        p = peer.next()
        if p.kind == mqtt.PINGRESP:
            peer.close()
            return values
        if p.retain:
            values[p.topic.removeprefix("$SYS/broker/")] = p.payload.decode()


def value_of(client, topic, wanted):
    """Wait until the topic has a value `wanted` accepts."""
    peer = client(V5)
    peer.subscribe("$SYS/broker/" + topic)
    while True:
        p = peer.receive()
        if wanted(p.payload.decode()):
            peer.close()
            return p.payload.decode()


@pytest.fixture
def values(client):
    """All topics, once a round of them has passed: another one has begun."""
    first = value_of(client, "uptime", lambda v: v != "0 seconds")
    value_of(client, "uptime", lambda v: v != first)
    return snapshot(client)


def test_every_topic_of_mosquitto_is_there(values):
    missing = [t for t in NUMBERS if t not in values]
    missing += [f"load/{t}/{m}" for t in LOADS for m in ("1min", "5min", "15min")
                if f"load/{t}/{m}" not in values]
    assert missing == []


def test_numbers_are_decimal_and_loads_have_two_places(values):
    assert [t for t in NUMBERS if not re.fullmatch(r"\d+", values.get(t, "0"))] == []
    assert [t for t, v in values.items() if t.startswith("load/") and not re.fullmatch(r"\d+\.\d\d", v)] == []
    assert re.fullmatch(r"\d+ seconds", values["uptime"])


def test_version_is_told_once(values, broker):
    assert re.fullmatch(broker.kind + r" version \d+\.\d+\.\d+.*", values["version"])


def test_pairs_of_names_agree(client, values):
    """In the end: a snapshot may see one of them before and one after a round."""
    pairs = (("clients/connected", "clients/active"), ("clients/disconnected", "clients/inactive"),
             ("messages/stored", "store/messages/count"))
    for _ in range(20):
        different = [pair for pair in pairs if values[pair[0]] != values[pair[1]]]
        if not different:
            return
        value_of(client, "uptime", lambda v: v != values["uptime"])
        values = snapshot(client)
    pytest.fail(f"{different}")


def test_clients_are_counted(start):
    """Connected, disconnected with a session, in all, the most there were."""
    broker = start(CONFIG)
    peers = [broker.peer(V311) for _ in range(5)]
    for n, peer in enumerate(peers):
        peer.connect(f"c{n}", clean=False)
    for peer in peers[:2]:
        peer.disconnect()
    watcher = broker.peer(V5)
    watcher.connect("watcher")
    wanted = {"clients/total": "6", "clients/connected": "4", "clients/disconnected": "2", "clients/maximum": "6"}
    wait_for(watcher, wanted)
    for peer in peers[2:]:
        peer.close()
    watcher.close()


def wait_for(watcher, wanted):
    """Until each topic has shown its wanted value."""
    watcher.subscribe(*(f"$SYS/broker/{t}" for t in wanted))
    left = dict(wanted)
    while left:
        p = watcher.receive()
        topic = p.topic.removeprefix("$SYS/broker/")
        if left.get(topic) == p.payload.decode():
            del left[topic]


def test_messages_subscriptions_and_retained_are_counted(start):
    broker = start(CONFIG)
    with broker.peer(V5) as peer, broker.peer(V5) as watcher:
        peer.connect("a")
        peer.subscribe("x", "y", "$share/g/z")
        for n in range(7):
            peer.publish(f"r/{n}", "12345", qos=1, retain=True)
        watcher.connect("watcher")
        wait_for(watcher, {"subscriptions/count": "6", "shared_subscriptions/count": "1",
                           "publish/messages/received": "7", "publish/bytes/received": "35"})


def test_dropped_messages_are_counted(start):
    broker = start(CONFIG + "max_queued_messages 5\n")
    with broker.peer(V311) as absent, broker.peer(V311) as publisher, broker.peer(V5) as watcher:
        absent.connect("absent", clean=False)
        absent.subscribe("t", qos=1)
        absent.disconnect()
        publisher.connect("p")
        for n in range(100):
            publisher.publish("t", str(n), qos=1)
        watcher.connect("watcher")
        watcher.subscribe("$SYS/broker/publish/messages/dropped")
        while int(watcher.receive().payload) < 75:
            pass


def test_unchanged_numbers_are_not_repeated(start):
    """A quiet broker publishes uptime, and little else."""
    broker = start(CONFIG)
    with broker.peer(V5) as watcher:
        watcher.connect("watcher")
        watcher.subscribe("$SYS/broker/retained messages/count", "$SYS/broker/clients/expired",
                          "$SYS/broker/uptime")
        seen = []
        while seen.count("uptime") < 5:
            p = watcher.receive()
            seen += [] if p.retain else [p.topic.removeprefix("$SYS/broker/")]
        # The first round, in which every number is new, may have come while we subscribed.
        seen = seen[seen.index("uptime", seen.index("uptime") + 1):]
        assert seen.count("clients/expired") == 0


def test_sys_interval_0_is_silent(start):
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 0\n")
    with broker.peer(V5) as peer:
        peer.connect("a")
        peer.subscribe("$SYS/#", "t")
        peer.publish("t", "fence", qos=1)
        peer.receive("t", "fence")


def test_sys_is_qos_2_and_without_expiry(client, values):
    peer = client(V5)
    peer.subscribe("$SYS/broker/version", qos=2)
    p = peer.receive(retain=True, qos=2)
    assert p.props == []


def test_clients_cannot_write_below_sys(client, values):
    """Denied as Mosquitto: acknowledged in 3.x, 0x87 in 5; the value stands. [MQTT311-3.3.5-2]"""
    before = snapshot(client, "$SYS/broker/version")
    assert client(V5).publish("$SYS/broker/version", "forged", qos=1, retain=True).code == 0x87
    client(V311).publish("$SYS/broker/version", "forged", qos=1, retain=True)
    assert snapshot(client, "$SYS/broker/version") == before
    for topic in ("$SYS/broker/connection/x", "$SYS/broker/connection/x/y/state"):
        assert client(V5).publish(topic, "1", qos=1).code == 0x87


@pytest.mark.parametrize("version", (V311, V5))
def test_a_bridge_may_say_that_it_is_up_and_down(client, version, uid):
    """The one topic below $SYS that is its client's, as Mosquitto's bridges want it: 1 when it has come, and
    0 by its will."""
    state = f"$SYS/broker/connection/{uid}/state"
    watcher = client(V311)
    watcher.subscribe(state)
    bridge = client(version, uid, will={"topic": state, "payload": "0", "qos": 1, "retain": True})
    bridge.publish(state, "1", qos=1, retain=True, code=0)
    watcher.receive(state, "1")
    bridge.drop()
    watcher.receive(state, "0")
    assert snapshot(client, state) == {f"connection/{uid}/state": "0"}


def number(watcher, topic, wanted):
    """Wait until the topic's number is one that `wanted` accepts."""
    watcher.subscribe("$SYS/broker/" + topic)
    while not wanted(int(watcher.receive("$SYS/broker/" + topic).payload)):
        pass


def only_ours(broker_kind):
    if broker_kind == "mosquitto":
        pytest.skip("a topic of nightjar's")


def test_memory_that_was_refused_is_counted(start, broker_kind):
    """A packet larger than memory_limit: there is no room to read it into."""
    only_ours(broker_kind)
    broker = start(CONFIG + "memory_limit 8000000\nmax_packet_size 100000000\n")
    with broker.peer(V5) as greedy, broker.peer(V5) as watcher:
        watcher.connect("watcher")
        number(watcher, "heap/refused", lambda n: n == 0)
        greedy.connect("greedy")
        try:
            greedy.publish("t", bytes(20000000), qos=0)
        except ConnectionError:
            pass
        number(watcher, "heap/refused", lambda n: n > 0)


def test_log_lines_that_were_lost_are_counted(start, broker_kind):
    """The reader of the log goes away: each line after that is a write that fails, and a line lost."""
    only_ours(broker_kind)
    broker = start(CONFIG + "log_dest stdout\n", read_output=False)
    with broker.peer(V5) as watcher:
        watcher.connect("watcher")
        number(watcher, "logging/lines/dropped", lambda n: n == 0)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), broker.process.stdout.fileno())
        broker.drain()
        with broker.peer(V311) as noisy:
            noisy.connect("noisy")
        number(watcher, "logging/lines/dropped", lambda n: n > 0)
        number(watcher, "logging/writes/failed", lambda n: n > 0)


def test_log_can_be_read_as_messages(start):
    """log_dest topic: one topic per type, not retained, the text with its time stamp."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest topic\nlog_dest stderr\n"
                   "log_type all\n", args=())
    with broker.peer(V5) as watcher, broker.peer(V311) as other:
        watcher.connect("watcher")
        watcher.subscribe("$SYS/broker/log/N", "$SYS/broker/log/M/subscribe")
        other.connect("noisy")
        other.subscribe("some/topic", qos=1)
        found = set()
        while len(found) < 2:
            p = watcher.receive(retain=False)
            if re.search(rb"^\d+: New client connected from .* as noisy ", p.payload):
                found.add("N")
            if re.search(rb"noisy 1 some/topic$", p.payload):
                assert p.topic == "$SYS/broker/log/M/subscribe"
                found.add("M")


def test_each_type_of_line_has_its_topic(start):
    """E, W, N, I and M/…, at QoS 2, not retained, gone after 20 seconds; debug lines never, or they would be about
    themselves."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest topic\nlog_type all\n", args=())
    with broker.peer(V5) as watcher, broker.peer(V5) as other:
        watcher.connect("watcher")
        watcher.subscribe("$SYS/broker/log/#", qos=2)
        other.connect("other")
        other.subscribe("some/topic")
        other.unsubscribe("some/topic")
        other.send(mqtt.ack(mqtt.PUBACK, 77))
        other.publish("some/topic", "x", qos=1)
        broker.write_config("nonsense\n")
        broker.signal(signal.SIGHUP)
        seen = {}
        while set(seen) != set("EWNIM"):
            p = watcher.receive()
            assert p.qos == 2 and not p.retain and 0 < p.props.get("message_expiry_interval") <= 20
            assert re.match(rb"\d{10}: ", p.payload) and b"PUBLISH" not in p.payload
            seen.setdefault(p.topic.split("/")[3], []).append(p.payload)
    assert any(b"nonsense" in line for line in seen["E"])
    assert any(b"unknown packet identifier 77" in line for line in seen["W"])
    assert any(b"New client connected" in line for line in seen["N"])
    assert any(b"Reloading config" in line for line in seen["I"])


def test_log_lines_that_are_dropped_say_nothing_about_themselves(start):
    """A subscriber of the log is away and its queue is full: that is one line, not one for each line."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest topic\nlog_dest stdout\nlog_type all\n"
                   "max_queued_messages 5\n", args=())
    with broker.peer(V5) as away, broker.peer(V5) as other:
        away.connect("away", clean=False, properties={"session_expiry_interval": 100})
        away.subscribe("$SYS/broker/log/#", qos=1)
        away.disconnect()
        broker.disconnected("away")
        other.connect("other")
        for n in range(50):
            other.subscribe(f"t/{n}")
        other.disconnect()
        broker.disconnected("other")
    # A line becomes a message after it has been written: only the line about messages says that they have come.
    broker.log.wait("being dropped")
    broker.mark()
    assert [line for line in broker.log.since() if "being dropped" in line] == \
        ["Outgoing messages are being dropped for client away."]


STORE = """disk/sessions disk/messages disk/bytes disk/bytes/maximum disk/full disk/errors disk/quarantined refused waits
commits/count commits/changes commits/changes/each commits/changes/cancelled commits/microseconds
commits/microseconds/maximum backups/count backups/failed backups/milliseconds backups/newest""".split()


def test_what_the_store_holds_and_has_done_is_told(start, broker_kind):
    """A message is one, however many wait for it; Mosquitto's own topics below store/ keep their meaning."""
    only_ours(broker_kind)
    broker = start(CONFIG + "store_max_bytes 1000000000\n")
    with broker.peer(V311) as one, broker.peer(V311) as two, broker.peer(V5) as watcher:
        for name, peer in ("one", one), ("two", two):
            peer.connect(name, clean=False)
            peer.subscribe("t", qos=1)
            peer.disconnect()
        watcher.connect("watcher")
        for n in range(5):
            watcher.publish("t", str(n), qos=1)
        wait_for(watcher, {"store/disk/sessions": "2", "store/disk/messages": "5", "store/disk/full": "0",
                           "store/disk/bytes/maximum": "1000000000", "store/disk/errors": "0", "store/refused": "0"})
        with broker.peer(V311) as one:
            one.connect("one", clean=False, present=True)
            for n in range(5):
                one.receive("t", str(n))
            one.disconnect()
        with broker.peer(V311) as two:
            two.connect("two", clean=True)
        wait_for(watcher, {"store/disk/sessions": "1", "store/disk/messages": "0"})
    values = {name: int(value) for name, value in snapshot(lambda version: opened(broker, version),
                                                           "$SYS/broker/store/#").items()}
    assert set(values) == {"store/" + name for name in STORE} | {"store/messages/count", "store/messages/bytes"}
    assert 0 < values["store/disk/bytes"] < 1000000000
    assert all(values["store/commits/" + name] > 0 for name in ("count", "changes", "microseconds", "microseconds/maximum"))


def opened(broker, version):
    peer = broker.peer(version)
    peer.connect("")
    return peer


def test_what_a_full_store_refuses_is_told(start, broker_kind):
    only_ours(broker_kind)
    broker = start(CONFIG + "store_max_bytes 1000000\n")
    with broker.peer(V5) as peer, broker.peer(V5) as watcher:
        peer.connect("p")
        # Less than an eighth of what is the store's reserve: none is refused for its size before the store is full.
        codes = (peer.publish(f"t/{n}", "x" * 10000, qos=1, retain=True).code for n in range(200))
        assert next(code for code in codes if code >= 0x80) == 0x97
        watcher.connect("watcher")
        wait_for(watcher, {"store/disk/full": "1", "store/refused": "1", "store/waits": "0"})
        with broker.peer(V5) as late:
            late.send(mqtt.connect("late", V5, properties={"session_expiry_interval": 10}))
            wait_for(watcher, {"store/waits": "1"})
        broker.log.wait("Client late waits for its CONNACK: the store takes no more")


def test_without_persistence_there_is_nothing_to_tell_of_a_store(start, broker_kind):
    only_ours(broker_kind)
    broker = start(CONFIG + "persistence false\n")
    value_of(lambda version: opened(broker, version), "uptime", lambda v: v != "0 seconds")  # all has been told once
    values = snapshot(lambda version: opened(broker, version), "$SYS/broker/store/#")
    assert set(values) == {"store/messages/count", "store/messages/bytes"}
