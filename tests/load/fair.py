# SPDX-License-Identifier: Apache-2.0
"""Who takes part in a test of fairness, a process each, so that none waits for another's interpreter:

    fair.py probe PORT              pairs of clients that tell how long a message takes, every two milliseconds
    fair.py flood PORT TOPIC        one publisher at full speed, QoS 0
    fair.py slow PORT TOPIC COUNT   subscribers that read two KiB every tenth of a second
    fair.py retained PORT FILTER COUNT   a subscriber that asks for COUNT retained messages again and again
    fair.py filters PORT COUNT      SUBSCRIBE and UNSUBSCRIBE with COUNT topic filters, again and again

Each prints a line when it is under way, goes on until its standard input ends, prints what it has seen as JSON,
and leaves.
"""
import json
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import mqtt                      # noqa: E402
from support.peer import Peer                 # noqa: E402

PAIRS = 8               # their homes are all workers, in all combinations
EVERY_S = 0.002
PATIENCE_S = 30
PAYLOAD = b"x" * 64


def peer(port, client_id, rcvbuf=None):
    it = Peer(("127.0.0.1", port), rcvbuf=rcvbuf)
    it.connect(client_id, keepalive=0)
    return it


def is_over():
    return bool(select.select([0], [], [], 0)[0])


def say(what):
    print(json.dumps(what), flush=True)


def probe(port):
    """Sent when it is time for it, whatever has become of those before; [when, how long it took] of each."""
    pairs = []
    for n in range(PAIRS):
        subscriber = peer(port, f"probe-to-{n}")
        subscriber.subscribe(f"probe/{n}")
        subscriber.sock.setblocking(False)
        pairs.append((peer(port, f"probe-from-{n}").sock, subscriber))
    by_fd = {to.sock.fileno(): to for _, to in pairs}
    epoll = select.epoll()
    for fd in [0, *by_fd]:
        epoll.register(fd, select.EPOLLIN)
    say("going")
    took, sent, end, start = [], 0, None, time.monotonic()
    while end is None or (len(took) < sent and time.monotonic() < end):
        due = start + sent * EVERY_S
        if end is None and time.monotonic() >= due:
            pairs[sent % PAIRS][0].sendall(
                mqtt.publish(f"probe/{sent % PAIRS}", struct.pack("!d", time.monotonic())))
            sent += 1
            continue
        for fd, _ in epoll.poll(max(0, (due if end is None else end) - time.monotonic())):
            if fd == 0:
                epoll.unregister(0)
                end = time.monotonic() + PATIENCE_S
                continue
            to = by_fd[fd]
            to.buffer += to.sock.recv(1 << 16)
            now = time.monotonic()
            while size := mqtt.split(to.buffer):
                when = struct.unpack("!d", to.buffer[size - 8:size])[0]
                took.append((when, now - when))
                to.buffer = to.buffer[size:]
    say({"sent": sent, "took": took})


def flood(port, topic):
    """How many it has sent; the broker has taken them all when this is said."""
    publisher = peer(port, "flood")
    many = mqtt.publish(topic, PAYLOAD) * 500
    sent = 0
    say("going")
    while not is_over():
        publisher.sock.sendall(many)
        sent += 500
    publisher.fence()
    say(sent)


def slow(port, topic, count):
    """How many bytes have come."""
    # Receive buffers that do not grow: what they do not read is the broker's.
    all_of_them = [peer(port, f"slow-{n}", rcvbuf=4096) for n in range(int(count))]
    got = 0
    for it in all_of_them:
        it.subscribe(topic)
        it.sock.setblocking(False)
    say("going")
    while not select.select([0], [], [], 0.1)[0]:
        for it in all_of_them:
            try:
                got += len(it.sock.recv(2048))
            except BlockingIOError:
                pass
    for it in all_of_them:
        it.close()
    say(got)


def count_packets(it, kind, enough):
    """Read until so many packets of this kind have come."""
    seen = 0
    while seen < enough:
        data = it.buffer + it.sock.recv(1 << 20)
        at = 0
        while at + 2 <= len(data) and at + 2 + data[at + 1] <= len(data):  # all are shorter than 128 bytes
            seen += data[at] >> 4 == kind
            at += 2 + data[at + 1]
        it.buffer = data[at:]
    return seen


def retained(port, wanted, count):
    """How often it has got all of them."""
    subscriber = peer(port, "wants-all")
    rounds = 0
    while not is_over():
        subscriber.send(mqtt.subscribe(1, [(wanted, 0)]))
        assert count_packets(subscriber, mqtt.PUBLISH, int(count)) == int(count)
        rounds += 1
        if rounds == 1:
            say("going")
    say(rounds)


def filters(port, count):
    """How often it has subscribed to all of them, and taken that back."""
    asker = peer(port, "asks-much")
    names = [f"building/{n % 40}/room/{n}/+/#" for n in range(int(count))]
    rounds = 0
    while not is_over():
        asker.subscribe(*names)
        asker.unsubscribe(*names)
        rounds += 1
        if rounds == 1:
            say("going")
    say(rounds)


if __name__ == "__main__":
    {f.__name__: f for f in (probe, flood, slow, retained, filters)}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
