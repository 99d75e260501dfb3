# SPDX-License-Identifier: Apache-2.0
"""The books of a crash run: what was sent, acknowledged and owed to whom, what came, and what is wrong with it."""
import collections
import re


def payload(publisher, number):
    """Its bytes are known to whoever knows its number; a few are larger than a socket's buffer."""
    size = 200_000 if number % 97 == 5 else number * 37 % 900
    return (f"{publisher} {number} " * (size // 8 + 1)).encode()


class Promise:
    """What a durability promises of a broker that ends in this way, of those in which state outlives it at all."""

    def __init__(self, durability, end, interval_s):
        self.durability = durability
        self.outlives = durability != "memory"
        # Nothing is lost, nothing doubled at QoS 2, whatever happens.
        self.is_exact = durability == "always" or (durability == "none" and end != "power")
        # What was acknowledged longer ago than this is not lost.
        self.window_s = interval_s if durability == "interval" else None
        self.keeps_something = self.is_exact or self.window_s is not None


class Message:
    def __init__(self, publisher, number, qos, topic, data):
        self.publisher, self.number, self.qos, self.topic, self.data = publisher, number, qos, topic, data
        self.first_sent = None                            # moment, as Run.moment counts
        self.lives = set()                                # in which it was sent
        self.candidates = set()                           # (life, who, since when): had subscribed when it was sent first
        self.owed = set()                                 # (life, who): … and had it still when it was acknowledged
        self.acknowledged = None                          # in which life
        self.acknowledged_s = None                        # CLOCK_MONOTONIC
        self.is_excused = False                           # a crash came before the promise held


class Shelf:
    """One topic's retained message: numbers in the order in which they were sent."""

    def __init__(self):
        self.clears, self.sent = set(), -1
        self.history = []                                 # (number, acknowledged when)

    def send(self, number, is_clear):
        self.sent = max(self.sent, number)
        if is_clear:
            self.clears.add(number)

    def acknowledge(self, number, now_s):
        if not self.history or number > self.history[-1][0]:
            self.history.append((number, now_s))

    @property
    def floor(self):
        """The newest that was acknowledged: nothing older may be there, or nothing at all, unless it says so."""
        return self.history[-1][0] if self.history else -1

    def excuse(self, since_s):
        self.history = [(n, when) for n, when in self.history if when < since_s]

    def wrong(self, floor, found):
        """`found`: a number, or None where nothing is kept."""
        if found is None:
            return floor >= 0 and not any(n >= floor for n in self.clears)
        return found < floor or found > self.sent or found in self.clears


class Ledger:
    def __init__(self, promise):
        self.promise = promise
        self.messages = {}                                # (publisher, number) -> Message
        self.came = collections.defaultdict(set)          # (publisher, number, who) -> lives
        self.last = {}                                    # (who, publisher, its QoS[, life]) -> number
        self.shelves = collections.defaultdict(Shelf)     # topic ->
        self.counts = collections.Counter()
        self.faults = []

    def fault(self, text):
        self.faults.append(text)

    def failure(self, text):
        """A fault where the promise is exact, else a count."""
        if self.promise.is_exact:
            self.fault(text)
        else:
            self.counts["excused"] += 1

    # ------------------------------------------------------------------------ publications

    def acknowledge(self, m, run):
        if m.acknowledged is not None:
            return
        m.acknowledged, m.acknowledged_s = run.life, run.now_s()
        m.owed = {(life, who) for life, who, since in m.candidates if run.subscribed_since(who) == since}
        if m.topic.startswith("keep/"):
            self.shelves[m.topic].acknowledge(m.number, m.acknowledged_s)

    def forgive(self, who):
        """What waits for it may be thrown away with its session."""
        for m in self.messages.values():
            m.owed = {(life, name) for life, name in m.owed if name != who}

    def take(self, subscriber, life, p):
        """A PUBLISH that its subscriber had not got in this life, as far as QoS 2 can tell."""
        who, is_shared, off_since = subscriber.books_as, subscriber.is_shared, subscriber.off_since
        self.counts["received"] += 1
        says = re.match(rb"(\w+) (\d+) ", p.payload)
        publisher, number = (says[1].decode(), int(says[2])) if says else ("nobody", 0)
        what = f"message {number} of {publisher} to {who}, life {life}"
        m = self.messages.get((publisher, number))
        if m is None or p.topic != m.topic or p.payload != m.data:
            self.fault(f"foreign or torn: {what}: {p.topic} {p.payload[:100]!r}")
            return
        if not (m.lives if self.promise.outlives else m.lives & {life}):
            self.fault(f"not sent in this life: {what}")
        if off_since is not None and m.first_sent > off_since:
            self.failure(f"not subscribed to: {what}")
        qos = min(m.qos, subscriber.qos)
        if p.qos != qos or p.retain:
            self.fault(f"QoS {p.qos} for {qos}, retain {p.retain}: {what}")
        before = self.came[publisher, number, who]
        is_first = not before
        if life in before:
            self.again(what, qos, p.dup, is_shared)
        elif before:
            self.in_two_lives(what, qos, m)
        before.add(life)
        # First copies keep their order whatever happens; in memory a new life begins anew. What was sent before the
        # subscription comes behind others where it had to be sent once more.
        was_subscribed = any(name == who and since == subscriber.since for _, name, since in m.candidates)
        if not is_shared and ((is_first and was_subscribed) or not self.promise.outlives):
            self.in_order(what, (who, publisher, m.qos) if self.promise.is_exact else
                          (who, publisher, m.qos, life), number)

    def in_order(self, what, key, number):
        if self.last.get(key, -1) > number:
            self.fault(f"out of order: {what}, after {self.last[key]}")
        self.last[key] = number

    def again(self, what, qos, dup, is_shared):
        """A durable queue may have it and then, once more, a publisher whose acknowledgement was lost."""
        self.counts["repeated"] += 1
        if qos == 2:
            self.failure(f"twice in one life at QoS 2, DUP {dup}: {what}")
        elif not (dup or self.promise.outlives or is_shared) or qos == 0:
            self.fault(f"twice in one life at QoS {qos}, DUP {dup}: {what}")

    def in_two_lives(self, what, qos, m):
        if qos != 2:
            self.counts["repeated"] += 1
        elif m.publisher.startswith("will"):
            self.counts["wills twice"] += 1
        else:
            self.counts["doubled"] += 1
            if self.promise.outlives:
                self.failure(f"doubled at QoS 2: {what}")

    # ---------------------------------------------------------------------------- crashes

    def crash(self, life, since_s):
        """The life has ended at a moment at which what was acknowledged after `since_s` may be lost; None: nothing."""
        if not self.promise.outlives or not self.promise.keeps_something:
            self.shelves.clear()
        if self.promise.window_s is None or since_s is None:
            return
        for m in self.messages.values():
            if m.acknowledged == life and m.acknowledged_s >= since_s:
                m.is_excused = True
        for shelf in self.shelves.values():
            shelf.excuse(since_s)

    def acknowledged(self):
        return [m for m in self.messages.values() if m.acknowledged is not None]

    def missing(self, life=None):
        """Acknowledged messages that somebody has not got: all, or those acknowledged in one life."""
        return [m for m in self.acknowledged()
                if m.qos and not m.is_excused and life in (None, m.acknowledged) and self.who_lacks(m, life)]

    def who_lacks(self, m, life=None):
        return [name for owed_in, name in m.owed
                if life in (None, owed_in) and not self.came.get((m.publisher, m.number, name))]
