# SPDX-License-Identifier: Apache-2.0
"""Those who talk to a broker that is killed, each with a part of its own. What they see goes to the ledger.

    Publisher    QoS 0, 1, 2, a window of ten; its session persists, or is clean
    Keeper       sets and clears retained messages
    Subscriber   a session that persists: always there, leaving and coming, or away for long; may be of a share group
    Toggler      subscribes and unsubscribes, again and again
    Ender        has its session ended, and begins another
    Mourner      has a will, and ends without DISCONNECT
    Looker       asks for all retained messages, and compares
"""
import asyncio
import random

from ledger import Message, payload
from support import mqtt
from support.mqtt import (CONNACK, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, UNSUBACK, V5)

USER, PASSWORD = "crash", "test"
KEEP_ALIVE_S = 3600    # nobody pings, and what waits for a sleeper takes its time at the end
WINDOW = 10            # messages of QoS 1 and 2 that a publisher has open at once
GROUP = "group"
SHUTTING_DOWN = 0x8B     # of DISCONNECT
UNAVAILABLE = (3, 0x88)  # of CONNACK, in MQTT 3 and 5: says the same there
NOT_FOUND = 0x92


class Client(asyncio.Protocol):
    """A name with a session, which connects again whenever it is cut off."""

    pauses = (0.002, 0.004)                               # between connections
    persists = True

    def __init__(self, run, name, version, by):
        self.run, self.name, self.version, self.by = run, name, version, by
        self.dice = random.Random(f"{run.seed} {name}")
        self.has_session = None                           # True, False; None: not known
        self.session_s = None                             # when it was acknowledged
        self.transport, self.is_up = None, False

    async def stay(self):
        """Until the run is over."""
        loop = asyncio.get_running_loop()
        while not self.run.is_over:
            self.life, self.gone = self.run.life, loop.create_future()
            try:
                if self.by == "unix":
                    await loop.create_unix_connection(lambda: self, self.run.unix_path)
                else:
                    await loop.create_connection(lambda: self, "127.0.0.1", self.run.broker.port)
                await self.gone
            except OSError:
                pass                                      # not there yet
            await self.pause()

    async def pause(self):
        low, high = (0.002, 0.004) if self.run.is_draining else self.pauses
        await asyncio.sleep(self.dice.uniform(low, high))

    def send(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    def will(self):
        return None

    def connection_made(self, transport):
        self.transport, self.inbox, self.is_up = transport, b"", False
        self.connects_clean = self.is_clean_now()
        # This CONNECT may end a session, or make one, and its CONNACK be lost.
        self.expected = self.has_session
        if self.connects_clean or not self.has_session:
            self.has_session = None
        expiry = 0 if self.connects_clean else 3600
        self.send(mqtt.connect(self.name, self.version, clean=self.connects_clean, keepalive=KEEP_ALIVE_S, username=USER,
                               password=PASSWORD, will=self.will(),
                               properties={"session_expiry_interval": expiry} if self.version == V5 else None))

    def is_clean_now(self):
        return not self.persists

    def connection_lost(self, _):
        self.is_up = False
        self.on_lost()
        self.gone.set_result(None)

    def on_lost(self):
        pass

    def data_received(self, data):
        self.inbox += data
        try:
            while n := mqtt.split(self.inbox):
                packet, self.inbox = mqtt.parse(self.inbox[:n], self.version), self.inbox[n:]
                self.run.news += packet.kind != CONNACK
                self.on_packet(packet)
        except mqtt.Malformed as e:
            self.run.ledger.fault(f"{self.name}: malformed: {e}")
            self.transport.abort()

    def on_packet(self, p):
        if self.life != self.run.life and not self.run.ledger.promise.is_exact:
            self.transport.abort()                        # said by the dead, and maybe not kept
        elif p.kind == DISCONNECT:
            if p.code != SHUTTING_DOWN and not self.run.is_faulty:
                self.run.ledger.fault(f"{self.name}, life {self.life}: {p!r}")
        elif p.kind != CONNACK:
            self.on_later_packet(p)
        elif p.code:
            if not self.run.is_faulty and not (self.run.is_stopping and p.code in UNAVAILABLE):
                self.run.ledger.fault(f"{self.name} was refused: {p!r}")
            self.transport.abort()
        elif self.life != self.run.life:
            self.transport.abort()                        # which life answered?
        else:
            self.on_connack(p)

    def on_connack(self, p):
        ledger = self.run.ledger
        if self.connects_clean and p.session_present:
            ledger.fault(f"{self.name} connected clean and got a session, life {self.life}")
        elif self.expected is False and p.session_present:
            ledger.failure(f"{self.name} has its ended session again in life {self.life}")
        elif self.expected and not self.connects_clean and not p.session_present and ledger.promise.outlives:
            ledger.failure(f"{self.name} has lost its session by life {self.life}")
        self.has_session, self.session_s = not self.connects_clean, self.run.now_s()
        self.is_up = True
        self.resume(p.session_present)

    def crash(self, since_s):
        """The broker is dead. What was acknowledged after `since_s` may be gone with it (None: nothing)."""
        if since_s is not None and (self.session_s is None or self.session_s >= since_s):
            self.has_session = None


class Publisher(Client):
    def __init__(self, *args, persists=True):
        super().__init__(*args)
        self.persists = persists
        self.open = {}                                    # packet identifier -> Message
        self.released = set()                             # packet identifiers whose PUBREC is here
        self.numbers = self.mids = 0

    def resume(self, is_present):
        """What is open goes on; without a session it is published anew, as libnightjar does. Of a clean session
        nobody knows what became of it: it may come, once."""
        if is_present:
            for mid, m in self.open.items():
                if mid in self.released:
                    self.send(mqtt.ack(PUBREL, mid))
                else:
                    self.transmit(m, mid, dup=True)
            return
        again = [m for mid, m in self.open.items() if mid not in self.released]
        self.open.clear()
        self.released.clear()
        for m in again if self.persists else ():
            self.publish(m)

    def publish(self, m):
        mid = None
        if m.qos:
            mid = self.mids = self.mids % 65535 + 1
            self.open[mid] = m
        self.transmit(m, mid)

    def transmit(self, m, mid, dup=False):
        if m.first_sent is None:
            m.first_sent = self.run.moment()
            m.candidates = self.run.subscribed_to(m.topic)
        elif not self.run.ledger.promise.outlives:
            m.candidates |= self.run.subscribed_to(m.topic)
        m.lives.add(self.life)
        self.send(mqtt.publish(m.topic, m.data, m.qos, mid, dup=dup, retain=self.retains(), version=self.version))

    def retains(self):
        return False

    def next_message(self):
        number = self.numbers
        return Message(self.name, number, self.dice.randrange(3), f"crash/{self.name}", payload(self.name, number))

    async def work(self):
        while not self.run.is_draining:
            await asyncio.sleep(self.dice.uniform(0, 0.01))
            for _ in range(self.dice.randrange(8)):
                if self.is_up and len(self.open) < WINDOW:
                    m = self.next_message()
                    self.run.ledger.messages[self.name, self.numbers] = m
                    self.numbers += 1
                    self.publish(m)

    def on_later_packet(self, p):
        m = self.open.get(p.mid)
        due = m and (PUBCOMP if p.mid in self.released else PUBREC if m.qos == 2 else PUBACK)
        if p.kind != due:
            self.run.ledger.fault(f"{self.name}: {p!r} instead of {due and mqtt.NAMES[due]}")
            return
        if p.code >= 0x80:
            self.refused(p, m)
            return
        self.run.ledger.acknowledge(m, self.run)
        if p.kind == PUBREC:
            self.released.add(p.mid)
            self.send(mqtt.ack(PUBREL, p.mid))
        else:
            self.released.discard(p.mid)
            del self.open[p.mid]

    def refused(self, p, m):
        if p.kind == PUBCOMP and p.code == NOT_FOUND:
            # It was released, and the PUBCOMP that said so did not come through.
            self.run.ledger.acknowledge(m, self.run)
            self.released.discard(p.mid)
        elif not self.run.is_faulty:
            self.run.ledger.fault(f"{self.name}: {p!r} for message {m.number}")
        else:
            self.run.ledger.counts["refused"] += 1
        self.open.pop(p.mid, None)


class Keeper(Publisher):
    """Each topic has one QoS: between two there is no order."""

    TOPICS = 12

    def retains(self):
        return True

    def next_message(self):
        number = self.numbers
        topic = self.dice.randrange(self.TOPICS)
        is_clear = self.dice.random() < 0.3
        m = Message(self.name, number, 1 + topic % 2, f"keep/{self.name}/{topic}",
                    b"" if is_clear else payload(self.name, number)[:3000])
        self.run.ledger.shelves[m.topic].send(number, is_clear)
        return m

    def transmit(self, m, mid, dup=False):
        self.run.ledger.shelves[m.topic].send(m.number, not m.data)     # known again, once memory was lost
        super().transmit(m, mid, dup)


class Subscriber(Client):
    def __init__(self, run, name, version, by, qos, filters=("crash/#", "will/#"), stays=None, away=None):
        super().__init__(run, name, version, by)
        self.qos, self.filters, self.stays = qos, filters, stays
        if away:
            self.pauses = away
        self.is_shared = filters[0].startswith("$share")
        self.since = None                                 # moment of the SUBACK that holds
        self.since_s, self.in_life = None, None
        self.off_since = None                             # moment of the UNSUBACK that holds
        self.received = set()                             # packet identifiers of QoS 2, not released

    @property
    def books_as(self):
        return GROUP if self.is_shared else self.name

    def is_subscribed(self):
        """Once for all, where the broker keeps it; else in this life."""
        return self.since is not None and (self.run.ledger.promise.outlives or self.in_life == self.run.life)

    def is_for(self, topic):
        return any(f == topic or f.removeprefix("$share/g/") == topic.split("/")[0] + "/#" for f in self.filters)

    def resume(self, is_present):
        if not is_present:
            self.received.clear()
            self.since = None
        if not is_present or self.since is None:
            self.subscribe()
        if self.stays:
            asyncio.get_running_loop().call_later(self.dice.uniform(*self.stays), self.leave, self.transport)

    def subscribe(self):
        self.off_since = None
        self.send(mqtt.subscribe(1, [(f, self.qos) for f in self.filters], self.version))

    def leave(self, transport):
        """Not while it subscribes: without a session there is nothing to come back to."""
        if transport is self.transport and self.is_up and self.is_subscribed() and not self.run.is_draining:
            self.send(mqtt.disconnect())
            self.transport.close()

    def on_later_packet(self, p):
        if p.kind == SUBACK:
            if any(code > 2 for code in p.codes):
                if not self.run.is_faulty:
                    self.run.ledger.fault(f"{self.name} may not subscribe: {p!r}")
                return
            self.since, self.since_s, self.in_life = self.run.moment(), self.run.now_s(), self.life
            self.on_subscribed()
        elif p.kind == PUBREL:
            self.received.discard(p.mid)
            self.send(mqtt.ack(PUBCOMP, p.mid))
        elif p.kind == PUBLISH:
            if p.qos < 2 or p.mid not in self.received:
                self.take(p)
            if p.qos == 2:
                self.received.add(p.mid)
            if p.qos:
                self.send(mqtt.ack(PUBACK if p.qos == 1 else PUBREC, p.mid))

    def take(self, p):
        self.run.ledger.take(self, self.life, p)

    def on_subscribed(self):
        pass

    def crash(self, since_s):
        super().crash(since_s)
        if since_s is not None:
            self.off_since = None
            # The broker may use an identifier again that it has forgotten: here the client forgets it, too.
            self.received.clear()
            if self.since_s is None or self.since_s >= since_s:
                self.since = None


class Toggler(Subscriber):
    """One change after the other, each once the last is acknowledged."""

    def resume(self, is_present):
        if not is_present:
            self.received.clear()
            self.since = None
        self.subscribe()

    def on_subscribed(self):
        self.later(self.unsubscribe)

    def later(self, act):
        if not self.run.is_draining:
            asyncio.get_running_loop().call_later(self.dice.uniform(0, 0.08), self.if_still, self.transport, act)

    def if_still(self, transport, act):
        if transport is self.transport and self.is_up and not self.run.is_draining:
            act()

    def subscribe(self):
        # Its SUBACK gives the subscription a new date: nothing is owed across the doubt.
        self.since = None
        super().subscribe()

    def unsubscribe(self):
        self.since = None
        self.send(mqtt.unsubscribe(2, list(self.filters), self.version))

    def on_later_packet(self, p):
        if p.kind == UNSUBACK:
            self.off_since = self.run.moment()
            self.later(self.subscribe)
        else:
            super().on_later_packet(p)


class Ender(Subscriber):
    """Connects with a clean start every so often: the CONNACK says that its session is no more."""

    pauses = (0, 0.02)
    is_ending = False

    def is_clean_now(self):
        self.is_ending = not self.run.is_draining and self.has_session is not False and self.dice.random() < 0.4
        if self.is_ending:
            self.since = None
            self.run.ledger.forgive(self.name)
        return self.is_ending

    def resume(self, is_present):
        if self.is_ending:
            self.received.clear()                          # not before: the CONNECT may not have arrived
            self.off_since = self.run.moment()
            self.send(mqtt.disconnect())
            self.transport.close()
        else:
            super().resume(is_present)


class Mourner(Client):
    """Its will is written before its session is acknowledged, or with the SUBACK that follows at the latest: changes
    of a connection become safe in their order. Then an end without DISCONNECT has it published, at once or at the
    next start."""

    pauses = (0.01, 0.05)
    number, is_due = -1, False

    def will(self):
        self.number += 1
        m = Message(self.name, self.number, 1 + self.number % 2, f"will/{self.name}",
                    payload(self.name, self.number)[:2000])
        m.first_sent, m.lives = self.run.moment(), {self.life}
        m.candidates = self.run.subscribed_to(m.topic)
        self.message = self.run.ledger.messages[self.name, self.number] = m
        return {"topic": m.topic, "payload": m.data, "qos": m.qos}

    def resume(self, _):
        self.send(mqtt.subscribe(1, [("nothing/comes/here", 1)], self.version))

    def on_later_packet(self, p):
        if p.kind == SUBACK:
            self.is_due, self.since_s = True, self.run.now_s()
            asyncio.get_running_loop().call_later(self.dice.uniform(0.02, 0.5), self.leave, self.transport)

    def leave(self, transport):
        if transport is self.transport and self.is_up and not self.run.is_draining:
            if self.dice.random() < 0.3:
                self.is_due = False
                self.send(mqtt.disconnect())
            transport.close()

    def crash(self, since_s):
        super().crash(since_s)
        self.is_due = self.is_due and (since_s is None or self.since_s < since_s)

    def on_lost(self):
        if self.is_due:
            self.is_due = False
            self.run.ledger.acknowledge(self.message, self.run)


class Looker(Client):
    """Its SUBSCRIBE of all is answered before its next one is looked at: what that brings says that it has seen all."""

    persists = False
    pauses = (0.02, 0.1)
    MARK = "mark/keep"
    is_done = False

    async def pause(self):
        await asyncio.sleep(self.dice.uniform(*self.pauses))

    def resume(self, _):
        self.found, self.is_marked = {}, False
        self.floors = {topic: shelf.floor for topic, shelf in self.run.ledger.shelves.items()}
        self.send(mqtt.publish(self.MARK, b"mark", 1, 3, retain=True, version=self.version))

    def on_later_packet(self, p):
        if p.kind == PUBACK:
            self.send(mqtt.subscribe(1, [("keep/#", 0)], self.version))
        elif p.kind == SUBACK and not self.is_marked:
            self.is_marked = True
            self.send(mqtt.subscribe(2, [(self.MARK, 0)], self.version))
        elif p.kind == PUBLISH and p.topic == self.MARK:
            self.compare()
            self.run.looks += 1
            self.is_done = self.run.is_draining
            self.transport.close()
        elif p.kind == PUBLISH:
            self.found[p.topic] = int(p.payload.split(b" ", 2)[1]) if p.payload else None

    def compare(self):
        ledger = self.run.ledger
        for topic, floor in self.floors.items():
            found = self.found.get(topic)
            if topic in ledger.shelves and ledger.shelves[topic].wrong(floor, found):
                ledger.fault(f"retained on {topic}: {found} is kept, {floor} was acknowledged, life {self.life}")
