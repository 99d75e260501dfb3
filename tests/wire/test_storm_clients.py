# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, none of them polite, from several threads against several workers. What counts is what
is left: the broker serves, nobody holds a place, and (in a build with sanitizers) nothing was reported.
"""
import random
import socket
import threading

import pytest

from support import mqtt
from support.mqtt import V31, V311, V5, PUBACK, PUBLISH, SUBACK
from support.peer import once_left_alone

OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\nlog_type error\nlog_type warning\n"
WORKERS = pytest.mark.parametrize("workers", (1, 4))


def hostile(broker):
    """A socket that is not checked: whatever happens to it is part of the storm."""
    sock = socket.create_connection(("127.0.0.1", broker.port))
    sock.settimeout(10)
    return sock


def end(sock, is_reset):
    if is_reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def storm(threads, rounds, one):
    """one(rnd, thread) again and again on each thread; broken connections are what it is about."""
    unexpected = []

    def run(number):
        rnd = random.Random(number)
        for _ in range(rounds):
            try:
                one(rnd, number)
            except OSError:
                pass
            except Exception as e:  # pylint: disable=broad-except
                unexpected.append(e)
                raise

    running = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not unexpected


def serves(broker):
    """Another client gets its message, through whatever worker it came to."""
    for n in range(4):
        with broker.peer(V5) as peer:
            peer.connect(f"other-{n}")
            peer.subscribe("other")
            peer.publish("other", "x")
            peer.receive("other", "x")


def clients_connected(broker):
    with broker.peer(V311) as peer:
        peer.connect("observer")
        peer.subscribe("$SYS/broker/clients/connected")
        while True:
            if peer.receive("$SYS/broker/clients/connected").payload == b"1":
                return


@WORKERS
def test_connection_storm_leaves_nobody(start, workers):
    """Each leaves in another way: at once, in the middle of a packet, by reset, politely. [MQTT311-3.14.4-3]"""
    broker = start(OPEN + f"workers {workers}\nsys_interval 1\n")

    def one(rnd, _):
        version = rnd.choice(mqtt.VERSIONS)
        will = {"topic": "storm/will", "payload": "x" * rnd.choice((1, 5000)), "qos": rnd.randrange(3),
                "retain": rnd.random() < 0.3}
        hello = mqtt.connect(f"c{rnd.randrange(40)}", version, will=rnd.choice((None, will)))
        sock, how = hostile(broker), rnd.randrange(6)
        if how == 0:
            hello = hello[:rnd.randrange(len(hello))]
        sock.sendall(hello)
        if how > 1:
            sock.recv(100)
        if how == 2:
            sock.sendall(mqtt.publish("storm/a", "x" * 100, 1, 7, version=version)[:50])
        if how == 3:
            sock.sendall(mqtt.subscribe(3, [("storm/#", 1)], version)
                         + mqtt.publish("storm/a", "x", 2, 9, version=version))
        if how == 4:
            sock.sendall(mqtt.disconnect())
        end(sock, rnd.random() < 0.5)

    storm(4, 150, one)
    serves(broker)
    clients_connected(broker)


@WORKERS
def test_take_over_storm_of_a_loaded_session(start, workers):
    """NanoMQ 2026-22040, sol #17: one name on many sockets, with a will, share groups and messages of each QoS
    under way; in the end it is the last one's. [MQTT5-3.1.4-3] [MQTT311-3.1.4-2]"""
    broker = start(OPEN + f"workers {workers}\n")

    def one(rnd, _):
        version = rnd.choice((V311, V5))
        properties = {"session_expiry_interval": 100, "receive_maximum": rnd.choice((1, 100)),
                      "topic_alias_maximum": 5} if version == V5 else None
        sock = hostile(broker)
        sock.sendall(mqtt.connect("the-one", version, clean=rnd.random() < 0.3, properties=properties,
                                  will={"topic": "one/will", "payload": "w", "qos": 1})
                     + mqtt.subscribe(3, [("one/#", 2), ("$share/g/one/#", 1)], version)
                     + b"".join(mqtt.publish("one/x", "x" * 10, qos, 4 + qos, version=version)
                                for qos in (0, 1, 2)))
        if rnd.random() < 0.5:
            sock.recv(1000)
        if rnd.random() < 0.7:
            end(sock, rnd.random() < 0.3)

    storm(8, 60, one)

    def is_the_ones():
        with broker.peer(V5) as last:
            last.connect("the-one", clean=True)
            last.subscribe("one/#")
            last.publish("one/x", "mine")
            last.receive("one/x", "mine")

    once_left_alone(is_the_ones, 8 * 60)
    serves(broker)


@WORKERS
def test_subscription_storm_under_traffic(start, workers):
    """NanoMQ 2025-59946, Mosquitto 2024-8376: sessions subscribe, share, unsubscribe, vanish and come back while
    messages are routed to them by other workers."""
    broker = start(OPEN + f"workers {workers}\n")
    filters = ("a/b", "a/+", "#", "+/b", "$share/g/a/b", "$share/g/#", "$share/h/a/+", "a/#")
    is_over = threading.Event()

    def subscriber(rnd, _):
        version, sock = rnd.choice((V311, V5)), hostile(broker)
        sock.sendall(mqtt.connect(f"sub{rnd.randrange(6)}", version, clean=rnd.random() < 0.5))
        for mid in range(1, 21):
            chosen = [(rnd.choice(filters), rnd.randrange(3)) for _ in range(3)]
            sock.sendall(mqtt.subscribe(mid, chosen, version) if rnd.random() < 0.6 else
                         mqtt.unsubscribe(mid, [name for name, _ in chosen], version))
            if rnd.random() < 0.1:
                sock.recv(10000)
        end(sock, rnd.random() < 0.5)

    def publisher(number):
        rnd = random.Random(100 + number)
        with broker.peer(V311) as peer:
            peer.connect(f"pub{number}")
            while not is_over.is_set():
                peer.publish(rnd.choice(("a/b", "a/c", "b/b")), "p" * rnd.choice((5, 5000)), rnd.randrange(3),
                             retain=rnd.random() < 0.05)

    publishers = [threading.Thread(target=publisher, args=(n,)) for n in range(2)]
    for thread in publishers:
        thread.start()
    storm(6, 30, subscriber)
    is_over.set()
    for thread in publishers:
        thread.join()
    serves(broker)


def test_window_of_65535_acknowledged_in_any_order(start):
    """The client allows all there are: everything is in flight at once, in order, and the first is acknowledged
    last. [MQTT5-4.9.0-1] [MQTT5-2.2.1-3]"""
    broker = start(OPEN + "max_inflight_messages 0\nmax_queued_messages 0\n")
    more = 300
    with broker.peer(V5) as sub, broker.peer(V311) as pub:
        sub.connect("window", properties={"receive_maximum": 65535})
        sub.subscribe("w", qos=1)
        pub.connect("p")
        sender = threading.Thread(target=lambda: [
            pub.sock.sendall(b"".join(mqtt.publish("w", str(n), 1, n % 65535 + 1)
                                      for n in range(first, min(first + 5000, 65535 + more))))
            for first in range(0, 65535 + more, 5000)])
        acks = threading.Thread(target=lambda: [pub.expect(PUBACK) for _ in range(65535 + more)])
        sender.start()
        acks.start()
        mids = []
        for n in range(65535):
            p = sub.expect(PUBLISH, payload=str(n).encode())
            mids.append(p.mid)
        sub.fence()
        assert sorted(mids) == list(range(1, 65536))
        others = mids[1:]
        random.Random(1).shuffle(others)
        sub.send(*[mqtt.ack(PUBACK, mid) for mid in others + mids[:1]])
        for n in range(65535, 65535 + more):
            sub.receive("w", str(n))
        sender.join()
        acks.join()


def test_subscribe_of_a_hundred_thousand_filters(start):
    """One packet of 1.2 MB, then the same small filter 100,000 times: both are answered in full, and others are
    served meanwhile."""
    broker = start(OPEN + "workers 2\n")
    with broker.peer(V5) as many, broker.peer(V5) as other:
        many.connect("many")
        other.connect("other")
        other.publish("same", "r", qos=1, retain=True)
        many.send(mqtt.subscribe(1, [(f"filter/{n}/+", 1) for n in range(99000)], V5))
        other.fence()
        many.expect(SUBACK, mid=1, codes=[1] * 99000)
        many.send(mqtt.subscribe(2, [("same", 0)] * 100000, V5))
        other.fence()
        many.expect(SUBACK, mid=2, codes=[0] * 100000)
        many.receive("same", "r")
        other.publish("filter/77/x", "y")
        many.receive("filter/77/x", "y")
        many.fence()
