# SPDX-License-Identifier: Apache-2.0
"""Signals in the middle of everything, and what the process runs out of: memory, descriptors, a reader of its
output. It stays itself, and it ends when it is told to.
"""
import random
import re
import signal
import socket
import threading
import time

import pytest

from support import mqtt
from support.mqtt import V311, V5
from support.peer import TIMEOUT

OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\nlog_type error\nlog_type warning\nlog_type information\n"


class Load:
    """Clients that come, subscribe, publish and go, until the end of the block."""

    def __init__(self, broker, threads=4):
        self.broker = broker
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]

    def run(self, number):
        rnd = random.Random(number)
        while not self.is_over.is_set():
            try:
                self.one(rnd)
            except OSError:
                pass

    def one(self, rnd):
        version = rnd.choice((V311, V5))
        with socket.create_connection(("127.0.0.1", self.broker.port)) as sock:
            sock.settimeout(1)
            sock.sendall(mqtt.connect(f"load{rnd.randrange(8)}", version, clean=rnd.random() < 0.5,
                                      will={"topic": "load/will", "payload": "w", "qos": 1})
                         + mqtt.subscribe(1, [("load/#", rnd.randrange(3)), ("$share/g/load/#", 1)], version))
            for n in range(60):
                sock.sendall(mqtt.publish(f"load/{n % 9}", "x" * rnd.choice((3, 9000)), n % 3, n + 1,
                                          version=version, retain=n == 5))
            sock.recv(100000)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def serves(broker):
    with broker.peer(V5) as peer:
        peer.connect("other")
        peer.subscribe("other")
        peer.publish("other", "x")
        peer.receive("other", "x")


@pytest.mark.parametrize("workers", (1, 4))
def test_reloads_under_load(start, workers):
    """Every other file is bad: what is in force is always a whole configuration, and nobody is thrown out for a
    reload alone."""
    broker = start(OPEN + f"workers {workers}\n")
    with broker.peer(V5) as witness, Load(broker):
        witness.connect("witness")
        for n in range(20):
            mark = broker.log.mark
            broker.write_config(broker.config + (
                "no_such_option 1\n" if n % 2 else
                f"allow_duplicate_messages {('true', 'false')[n % 4 == 0]}\nmax_inflight_messages {1 + n}\n"))
            broker.signal(signal.SIGHUP)
            broker.signal(signal.SIGUSR2)
            broker.log.wait("Reloading config|no_such_option", mark)
            witness.fence()
    serves(broker)


@pytest.mark.parametrize("workers", (1, 4))
def test_end_under_load(start, workers):
    """SIGTERM while clients publish and come: it ends, though they go on, with 0, and with log_dest topic its
    last lines disturb nobody."""
    broker = start(OPEN + f"workers {workers}\nlog_dest stdout\nlog_dest topic\n")
    with broker.peer(V5) as witness, Load(broker):
        witness.connect("witness")
        witness.subscribe("load/#")
        for _ in range(100):
            witness.receive()
        broker.signal(signal.SIGTERM)
        assert broker.wait() == 0
    broker.stop()


def fill(broker, name):
    """Make the broker hold whatever it can be made to hold; the connection stays open."""
    sock = socket.create_connection(("127.0.0.1", broker.port))
    sock.settimeout(0.5)
    try:
        sock.sendall(mqtt.connect(name, clean=False))
        sock.recv(100)
        sock.sendall(mqtt.subscribe(1, [(f"{name}/{n}", 1) for n in range(500)] + [("#", 1)]))
        for n in range(60):
            sock.sendall(mqtt.publish(f"{name}/{n}", "x" * 60000, n % 2, n + 1, retain=n % 9 == 0))
        for n in range(500):  # to the last byte
            sock.sendall(mqtt.publish(f"{name}/{n}/small", "x", 1, 100 + n, retain=True))
    except OSError:
        pass
    return sock


def test_reload_and_end_at_the_memory_limit(start):
    """Peers have used up memory_limit: it is said, SIGHUP and SIGTERM do their work all the same, and who comes
    when they have gone is served."""
    broker = start(OPEN + "memory_limit 20000000\nmax_queued_messages 0\nmax_inflight_messages 0\nworkers 2\n")
    hogs = [fill(broker, f"hog{n}") for n in range(12)]
    while "memory_limit" not in broker.log.text:  # a slow broker was given less
        hogs.append(fill(broker, f"hog{len(hogs)}"))
        assert len(hogs) < 200
    mark = broker.log.mark
    broker.signal(signal.SIGHUP)
    broker.log.wait("Reloading config", mark)
    broker.signal(signal.SIGUSR2)
    broker.log.wait("subscriptions", mark)
    for hog in hogs:
        hog.close()
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            serves(broker)
            break
        except (AssertionError, OSError):
            assert time.monotonic() < deadline
    more = [fill(broker, f"more{n}") for n in range(12)]
    broker.signal(signal.SIGTERM)
    assert broker.wait() == 0
    for hog in more:
        hog.close()
    broker.stop()


def test_claimed_lengths_set_nothing_aside(start):
    """Mosquitto 2017-7651, EMQX 2021-33175: 400 CONNECTs of 2 MB are begun, byte by byte, and never finished. At
    64 MB of memory_limit others do not notice."""
    broker = start(OPEN + "memory_limit 64000000\n")
    crowd = []
    for _ in range(400):
        crowd.append(socket.create_connection(("127.0.0.1", broker.port)))
        crowd[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"\x10\x80\x80\x7a\x00\x04MQTT":
        for sock in crowd:
            sock.send(bytes([byte]))
    for _ in range(4):
        serves(broker)
    for sock in crowd:
        sock.close()


def test_reload_without_descriptors_keeps_the_policy(start):
    """Mosquitto 2017-7652: while no file can be opened, SIGHUP changes nothing, least of all who may come in."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous false\nworkers 2\n", nofile=64)
    crowd = []
    try:
        for _ in range(100):
            crowd.append(socket.create_connection(("127.0.0.1", broker.port), 1))
    except OSError:
        pass
    broker.log.wait("Unable to accept")
    mark = broker.log.mark
    broker.write_config("listener {port} 127.0.0.1\nallow_anonymous true\nworkers 2\n")
    broker.signal(signal.SIGHUP)
    broker.log.wait("stays as it was", mark)
    before = broker.cpu_seconds()
    for sock in crowd:
        sock.close()
    broker.write_config("listener {port} 127.0.0.1\nallow_anonymous false\nworkers 2\n")
    with broker.peer(V311) as peer:
        peer.connect("nobody", code=5)
    assert broker.cpu_seconds() - before < 1


def test_subscription_tree_that_nobody_reads(start):
    """SIGUSR2 writes the tree to a pipe that is full: subscribers do not wait for it, and SIGTERM is heard."""
    broker = start(OPEN.replace("log_type information", "log_dest none"), read_output=False)
    with broker.peer(V5) as many, broker.peer(V311) as other:
        many.connect("many")
        other.connect("other")
        many.send(mqtt.subscribe(1, [(f"a/filter/of/some/length/{n}", 0) for n in range(8000)], V5))
        many.pick(mqtt.SUBACK)
        broker.signal(signal.SIGUSR2)
        for n in range(20):
            other.subscribe(f"x/{n}")
    broker.signal(signal.SIGTERM)
    assert broker.process.wait(TIMEOUT) == 0
    broker.drain()


def test_subscription_tree_writes_nothing_that_a_terminal_obeys(start):
    """HiveMQ 2020-13821 on standard output: filters are peers' text."""
    broker = start(OPEN)
    with broker.peer(V311) as peer:
        peer.connect("a")
        peer.subscribe("evil/\x1b[2J/\x7f/filter")
        mark = broker.log.mark
        broker.signal(signal.SIGUSR2)
        line = broker.log.wait(r"evil.*filter \(1 subscriber", mark).string
    assert re.fullmatch(r"[ -~]+", line)
