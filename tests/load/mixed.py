# SPDX-License-Identifier: Apache-2.0
"""Mixed load: many clients of every version and QoS that come, vanish and come back; then the books are balanced.

One thread, one epoll set, its own small codec. Every message has a number; the Ledger knows who must have it:

- a persistent session gets every QoS 1 or 2 message that was acknowledged to its publisher, whatever broke on
  either side: nothing is lost;
- nobody gets a message twice where publisher and subscription are both at QoS 2: nothing is doubled;
- of each publisher, topic and QoS the first copies come in order.

A message whose publisher lost its clean session half way may have been taken or not: it is not asked for, but it
may not be doubled either. Clients: a third each of 3.1, 3.1.1 and 5.0; subscriptions at QoS 0, 1, 2; half of the
sessions persistent. Connections end by DISCONNECT, FIN, RST, or by a second connection of the same name.

    mixed.py PORT [--clients N] [--seconds N] [--rate PUBLISHES-PER-SECOND] [--seed N]
"""
import argparse
import collections
import errno
import heapq
import os
import random
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import mqtt                                            # noqa: E402
from support.mqtt import CONNACK, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, V5     # noqa: E402

WINDOW = 10            # QoS 1 and 2 messages a publisher has open at once: below our receive maximum
TOPICS_EACH = 2
GROUP = 6              # members of the one shared subscription, all persistent
SHARED = "load/shared"
QUIET_S = 20           # this long without progress at the end: what is missing will not come


class Ledger:
    """Who must have which message, and who has."""

    def __init__(self):
        self.sent = []                                    # number -> [topic, qos, publisher, settled]
        self.copies = collections.defaultdict(int)        # (number, subscriber) -> how often
        self.shared = collections.defaultdict(int)        # number -> copies in the group
        self.faults = []
        self.last = {}                                    # (subscriber, publisher, topic, qos) -> number
        self.received = 0
        self.repeated = 0

    def new(self, topic, qos, publisher):
        self.sent.append([topic, qos, publisher, False])
        return len(self.sent) - 1

    def settle(self, number):
        """Its publisher has the acknowledgement: the broker owns it now."""
        self.sent[number][3] = True

    def fault(self, text):
        self.faults.append(text)

    def take(self, subscriber, number, granted, shared):
        """A first copy or one more, as far as the subscriber's QoS 2 state can tell."""
        topic, qos, publisher, _ = self.sent[number]
        self.received += 1
        if shared:
            self.shared[number] += 1
            copies = self.shared[number]
        else:
            self.copies[number, subscriber] += 1
            copies = self.copies[number, subscriber]
        if copies > 1:
            self.repeated += 1
            if min(qos, granted) == 2:
                self.fault(f"doubled: message {number} (QoS 2 to {topic}) reached {subscriber} {copies} times")
            return
        if shared:
            return
        key = (subscriber, publisher, topic, qos)
        if self.last.get(key, -1) > number:
            self.fault(f"out of order: {number} after {self.last[key]} on {topic} at {subscriber}")
        self.last[key] = max(self.last.get(key, -1), number)

    def missing(self, subscribers):
        """(number, who) of settled messages that a persistent session has not got."""
        for number, (topic, qos, _, settled) in enumerate(self.sent):
            if not settled or qos == 0:
                continue
            if topic == SHARED:
                if not self.shared[number]:
                    yield number, "the group"
                continue
            for name in subscribers[topic]:
                if not self.copies.get((number, name)):
                    yield number, name


class Client:
    """One name: what outlives its connections (identifiers in use), and the connection of the moment."""

    def __init__(self, load, index):
        dice = load.dice
        self.load = load
        self.name = f"load-{index}"
        self.version = (3, 4, 5)[index % 3]
        self.in_group = index < GROUP
        self.persistent = self.in_group or dice.random() < 0.5
        self.granted = 2 if self.in_group else dice.randrange(3)
        self.topics = [SHARED] if self.in_group else \
            dice.sample(load.topics, min(TOPICS_EACH, len(load.topics)))
        self.had_session = False
        self.open = collections.OrderedDict()             # mid -> [number, qos, "publish" or "release"]
        self.waiting = collections.deque()                # numbers that wait for a place in the window
        self.released = {}                                # mid of QoS 2 messages received, not yet released
        self.next_mid = 0
        self.sock = None
        self.ready = False

    # ------------------------------------------------------------------------ connection

    def dial(self):
        self.hang_up()
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inbox, self.outbox = bytearray(), bytearray()
        self.ready = False
        code = self.sock.connect_ex(("127.0.0.1", self.load.port))
        if code not in (0, errno.EINPROGRESS):
            self.load.later(0.2, self.dial)
            return
        self.load.watch(self)
        properties = [("session_expiry_interval", 3600)] if self.version == V5 and self.persistent else None
        self.send(mqtt.connect(self.name, self.version, clean=not self.persistent, keepalive=0,
                               properties=properties))

    def hang_up(self, how="fin"):
        if self.sock is None:
            return
        self.load.forget(self)
        if how == "rst":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.sock = None
        self.ready = False

    def lost(self):
        """The broker closed, or the network did."""
        self.hang_up()
        self.load.later(self.load.dice.random() * 0.3, self.dial_if_down)

    def dial_if_down(self):
        if self.sock is None:
            self.dial()

    def leave(self):
        """End this connection in one of four ways, and be back after a while."""
        load, dice = self.load, self.load.dice
        if self.ready and not load.draining:
            load.ended += 1
            way = dice.choice(("disconnect", "fin", "rst", "take over"))
            if way == "take over":
                # The old socket stays open until the broker closes it: its bytes are nobody's now.
                load.forget(self)
                load.orphans.append(self.sock)
                self.sock = None
                self.dial()
            else:
                if way == "disconnect":
                    self.send(mqtt.disconnect())
                    self.flush()
                self.hang_up("rst" if way == "rst" else "fin")
                load.later(dice.random() * 0.8, self.dial_if_down)
        if not load.draining:
            load.later(0.5 + dice.random() * 5, self.leave)

    # ---------------------------------------------------------------------------- writing

    def send(self, data):
        self.outbox += data

    def flush(self):
        try:
            while self.outbox:
                n = self.sock.send(self.outbox)
                del self.outbox[:n]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def publish_next(self):
        """Fill the window from what waits."""
        while self.ready and self.waiting and len(self.open) < WINDOW:
            number = self.waiting.popleft()
            qos = self.load.ledger.sent[number][1]
            if qos == 0:
                self.send(self.packet(number, 0, None))
                continue
            mid = self.mid()
            self.open[mid] = [number, qos, "publish"]
            self.send(self.packet(number, qos, mid))

    def mid(self):
        while True:
            self.next_mid = self.next_mid % 65535 + 1
            if self.next_mid not in self.open:
                return self.next_mid

    def packet(self, number, qos, mid, dup=False):
        topic = self.load.ledger.sent[number][0]
        payload = b"%d:" % number + b"." * (number * 37 % 400)
        return mqtt.publish(topic, payload, qos, mid, dup=dup, version=self.version)

    def resume(self):
        """Send again what the last connection left open, in its order."""
        for mid, (number, qos, state) in self.open.items():
            self.send(self.packet(number, qos, mid, dup=True) if state == "publish" else mqtt.ack(PUBREL, mid))

    # ---------------------------------------------------------------------------- reading

    def on_readable(self):
        try:
            data = self.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.lost()
            return
        self.inbox += data
        at = 0
        while True:
            size = self.whole(at)
            if not size:
                break
            packet = bytes(self.inbox[at:at + size])
            at += size
            self.on_packet(packet)
            if self.sock is None:
                return
        del self.inbox[:at]
        self.publish_next()

    def whole(self, at):
        """Length of the packet at `at`, if all of it is there."""
        length, shift = 0, 0
        for i in range(at + 1, min(at + 5, len(self.inbox))):
            length |= (self.inbox[i] & 0x7F) << shift
            shift += 7
            if not self.inbox[i] & 0x80:
                total = i - at + 1 + length
                return total if len(self.inbox) - at >= total else 0
        return 0

    def on_packet(self, data):
        kind = data[0] >> 4
        if kind == PUBLISH:
            self.on_publish(mqtt.parse(data, self.version))
        elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
            self.on_ack(kind, mqtt.parse(data, self.version))
        elif kind == CONNACK:
            self.on_connack(mqtt.parse(data, self.version))
        elif kind == SUBACK:
            self.on_suback(mqtt.parse(data, self.version))
        elif kind == mqtt.DISCONNECT:
            p = mqtt.parse(data, self.version)
            if p.code != 0x8E:
                self.load.ledger.fault(f"{self.name} was disconnected: {p!r}")

    def on_connack(self, p):
        if p.code:
            self.load.ledger.fault(f"{self.name} was refused: {p!r}")
            return
        if self.had_session and self.persistent and self.version != 3 and not p.session_present:
            self.load.ledger.fault(f"the session of {self.name} was lost")
        if not self.persistent:
            # Nothing is known of what was open: taken or not, it will not be sent again.
            self.open.clear()
            self.released.clear()
        if self.persistent and self.had_session:
            self.ready = True
            self.resume()
            return
        filters = [(f"$share/group/{t}" if self.in_group else t, self.granted) for t in self.topics]
        self.send(mqtt.subscribe(65535, filters, self.version))

    def on_suback(self, p):
        if any(code > 2 for code in p.codes):
            self.load.ledger.fault(f"{self.name} may not subscribe: {p!r}")
        self.had_session = self.ready = True
        self.load.subscribed += 1
        if self.persistent:
            for topic in self.topics:
                if self.granted and not self.in_group:
                    self.load.owed[topic].append(self.name)
        self.resume()

    def on_publish(self, p):
        number = int(p.payload.split(b":", 1)[0])
        if p.qos == 2:
            if p.mid not in self.released:
                self.released[p.mid] = number
                self.load.ledger.take(self.name, number, self.granted, self.in_group)
            self.send(mqtt.ack(PUBREC, p.mid))
            return
        self.load.ledger.take(self.name, number, self.granted, self.in_group)
        if p.qos == 1:
            self.send(mqtt.ack(PUBACK, p.mid))

    def on_ack(self, kind, p):
        if kind == PUBREL:
            self.released.pop(p.mid, None)
            self.send(mqtt.ack(PUBCOMP, p.mid))
            return
        entry = self.open.get(p.mid)
        if entry is None:
            return
        if p.code >= 0x80 and (kind, p.code) != (PUBCOMP, 0x92):
            # 0x92 is no fault here: the PUBCOMP of an earlier connection got lost on its way.
            self.load.ledger.fault(f"{self.name}: message {entry[0]} was refused: {p!r}")
        if kind == PUBREC and entry[1] == 2:
            entry[2] = "release"
            self.load.ledger.settle(entry[0])
            self.send(mqtt.ack(PUBREL, p.mid))
        elif (kind == PUBACK and entry[1] == 1) or (kind == PUBCOMP and entry[1] == 2):
            self.load.ledger.settle(entry[0])
            del self.open[p.mid]


class Load:
    def __init__(self, port, clients, seconds, rate, seed):
        self.port, self.seconds, self.rate = port, seconds, rate
        self.dice = random.Random(seed)
        self.ledger = Ledger()
        self.topics = [f"load/{n}" for n in range(max(2, clients // 2))]
        self.owed = collections.defaultdict(list)
        self.epoll = select.epoll()
        self.by_fd = {}
        self.timers, self.timer_number = [], 0
        self.orphans = []
        self.subscribed = self.ended = 0
        self.draining = False
        self.clients = [Client(self, n) for n in range(clients)]

    # ------------------------------------------------------------------------------ loop

    def later(self, seconds, action):
        self.timer_number += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.timer_number, action))

    def watch(self, client):
        self.by_fd[client.sock.fileno()] = client
        self.epoll.register(client.sock, select.EPOLLIN)

    def forget(self, client):
        fd = client.sock.fileno()
        if self.by_fd.pop(fd, None):
            self.epoll.unregister(fd)

    def turn(self, until):
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            heapq.heappop(self.timers)[2]()
        next_timer = self.timers[0][0] if self.timers else until
        for fd, events in self.epoll.poll(max(0, min(next_timer, until) - time.monotonic())):
            client = self.by_fd.get(fd)
            if client is not None and events & select.EPOLLIN:
                client.on_readable()
            elif client is not None:
                client.lost()
        for client in self.clients:
            if client.sock is not None and client.outbox and not client.flush():
                client.lost()

    def run_until(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self.turn(min(end, time.monotonic() + 0.1))
        return condition()

    # ----------------------------------------------------------------------------- phases

    def publish_one(self):
        if self.draining:
            return
        client = self.dice.choice(self.clients)
        topic = SHARED if self.dice.random() < 0.03 else self.dice.choice(self.topics)
        if len(client.waiting) < 50:
            number = self.ledger.new(topic, self.dice.randrange(3), client.name)
            client.waiting.append(number)
            client.publish_next()

    def tick(self):
        """Ten times a second: this tenth's share of the publications."""
        for _ in range(max(1, self.rate // 10)):
            self.publish_one()
        if not self.draining:
            self.later(0.1, self.tick)

    def run(self):
        for client in self.clients:
            client.dial()
        if not self.run_until(lambda: self.subscribed >= len(self.clients), 60):
            self.ledger.fault(f"only {self.subscribed} of {len(self.clients)} clients could subscribe")
            return self.report()
        self.tick()
        for client in self.clients:
            self.later(self.dice.random() * 5, client.leave)
        self.run_until(lambda: False, self.seconds)
        self.drain()
        return self.report()

    def drain(self):
        """No new messages, no new ends: everybody comes back and gets what is due."""
        self.draining = True
        for client in self.clients:
            client.dial_if_down()
        seen, since = -1, time.monotonic()
        while True:
            self.run_until(lambda: False, 0.3)
            is_done = all(c.ready and not c.open and not c.waiting for c in self.clients if c.persistent)
            if is_done and next(self.ledger.missing(self.owed), None) is None:
                # A moment more for copies that should not come.
                self.run_until(lambda: False, 1.0)
                return
            first_copies = self.ledger.received - self.ledger.repeated
            if first_copies != seen:
                seen, since = first_copies, time.monotonic()
            elif time.monotonic() - since > QUIET_S:
                return

    def report(self):
        lost = list(self.ledger.missing(self.owed)) if self.draining else []
        for number, who in lost[:20]:
            topic, qos, publisher, _ = self.ledger.sent[number]
            print(f"lost: message {number} (QoS {qos}, {publisher} to {topic}) never reached {who}")
        for fault in self.ledger.faults[:20]:
            print(fault)
        settled = sum(1 for m in self.ledger.sent if m[3])
        print(f"{len(self.clients)} clients, {len(self.ledger.sent)} published, {settled} acknowledged, "
              f"{self.ledger.received} delivered, {self.ledger.repeated} repeated, {self.ended} connections ended, "
              f"{len(lost)} lost, {len(self.ledger.faults)} faults")
        return 1 if lost or self.ledger.faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sys.exit(Load(asked.port, asked.clients, asked.seconds, asked.rate, asked.seed).run())


if __name__ == "__main__":
    main()
