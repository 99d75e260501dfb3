# SPDX-License-Identifier: Apache-2.0
"""Random MQTT conversations, cut into TCP segments, as a capture: the same bytes for the same seed.

Packets obey the form of their version (they can be read to their end); what they mean together need not make sense."""
import random
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, \
    DISCONNECT, AUTH = range(1, 16)
WILL = 0

# Properties: how their value is written, and the packets that may have them.
PROPERTIES = {
    0x01: ("bool", (PUBLISH, WILL)), 0x02: ("u32", (PUBLISH, WILL)), 0x03: ("text", (PUBLISH, WILL)), 0x08: ("topic", (PUBLISH, WILL)),
    0x09: ("data", (PUBLISH, WILL)), 0x0B: ("varint", (PUBLISH, SUBSCRIBE)), 0x11: ("u32", (CONNECT, CONNACK, DISCONNECT)),
    0x12: ("text", (CONNACK,)), 0x13: ("u16", (CONNACK,)), 0x15: ("text", (CONNECT, CONNACK, AUTH)),
    0x16: ("data", (CONNECT, CONNACK, AUTH)), 0x17: ("bool", (CONNECT,)), 0x18: ("u32", (WILL,)), 0x19: ("bool", (CONNECT,)),
    0x1A: ("text", (CONNACK,)), 0x1C: ("text", (CONNACK, DISCONNECT)),
    0x1F: ("text", (CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH)), 0x21: ("u16", (CONNECT, CONNACK)),
    0x22: ("u16", (CONNECT, CONNACK)), 0x24: ("bool", (CONNACK,)), 0x25: ("bool", (CONNACK,)),
    0x26: ("pair", (CONNECT, CONNACK, PUBLISH, WILL, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK,
                    DISCONNECT, AUTH)),
    0x27: ("u32", (CONNECT, CONNACK)), 0x28: ("bool", (CONNACK,)), 0x29: ("bool", (CONNACK,)), 0x2A: ("bool", (CONNACK,)),
}
REASONS = {
    CONNACK: (0, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 140, 144, 149, 151, 153, 154, 155, 156, 157, 159),
    PUBACK: (0, 16, 128, 131, 135, 144, 145, 151, 153), PUBREC: (0, 16, 128, 131, 135, 144, 145, 151, 153),
    PUBREL: (0, 146), PUBCOMP: (0, 146), SUBACK: (0, 1, 2, 128, 131, 135, 143, 145, 151, 158, 161, 162),
    UNSUBACK: (0, 17, 128, 131, 135, 143, 145),
    DISCONNECT: (0, 4, 128, 129, 130, 131, 135, 137, 139, 141, 142, 143, 144, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156,
                 157, 158, 159, 160, 161, 162),
    AUTH: (0, 24, 25),
}
LETTERS = "abcdefghijklmnopqrstuvwxyz/0123456789 -_+#$éàßжあ\U0001f600\"'\\|,;=<&"


def varint(n):
    out = b""
    while True:
        n, low = n >> 7, n & 0x7F
        out += bytes([low | (0x80 if n else 0)])
        if not n:
            return out


def lp(value):
    return struct.pack("!H", len(value)) + value


class Client:
    """One conversation's packets: (to the server?, bytes)."""

    def __init__(self, rng, version, aliasing=(True, False)):
        self.rng, self.version, self.aliasing = rng, version, aliasing
        self.aliases = {True: [], False: []}  # given to topics so far, by direction

    def word(self, most=20, least=0):
        n = self.rng.choice((least, 1, 4, self.rng.randint(least, most)))
        return "".join(self.rng.choices(LETTERS, k=max(n, least))).encode()

    def blob(self, most=40):
        n = self.rng.choice((0, 1, self.rng.randint(0, most)))
        return self.rng.randbytes(n)

    def value(self, kind):
        rng = self.rng
        if kind == "bool":
            return bytes([rng.randint(0, 1)])
        if kind in ("u16", "u32"):
            n = 2 if kind == "u16" else 4
            return rng.choice((0, 1, 256 ** n - 1, rng.randrange(256 ** n))).to_bytes(n, "big")
        if kind == "varint":
            return varint(rng.choice((1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455)))
        if kind == "pair":
            return lp(self.word()) + lp(self.word())
        return lp(self.blob() if kind == "data" else self.word(least=1 if kind == "topic" else 0))

    def properties(self, where, first=b""):
        """With their length in front; nothing before version 5."""
        if self.version < 5:
            return b""
        fitting = [i for i, (_, packets) in PROPERTIES.items() if where in packets]
        chosen = self.rng.sample(fitting, self.rng.randint(0, len(fitting)) if self.rng.random() < 0.5 else 0)
        chosen += [0x26] * self.rng.choice((0, 0, 0, 1, 3))
        body = first + b"".join(bytes([i]) + self.value(PROPERTIES[i][0]) for i in chosen)
        return varint(len(body)) + body

    def packet(self, kind, body, flags=0):
        return bytes([kind << 4 | flags]) + varint(len(body)) + body

    def ident(self):
        return struct.pack("!H", self.rng.choice((1, 65535, self.rng.randint(1, 65535))))

    def connect(self):
        rng = self.rng
        flags = rng.randint(0, 1) << 1
        payload = lp(self.word(most=23))
        if rng.random() < 0.5:
            flags |= 4 | rng.randint(0, 2) << 3 | rng.randint(0, 1) << 5
            payload += self.properties(WILL) + lp(self.word(least=1)) + lp(self.blob())
        if rng.random() < 0.5:
            flags |= 0x80
            payload += lp(self.word())
        if flags & 0x80 and rng.random() < 0.7:
            flags |= 0x40
            payload += lp(self.word())
        name = b"MQIsdp" if self.version == 3 else b"MQTT"
        return self.packet(CONNECT, lp(name) + bytes([self.version, flags]) + struct.pack("!H", rng.choice((0, 60, 65535))) +
                           self.properties(CONNECT) + payload)

    def connack(self):
        code = self.rng.choice(REASONS[CONNACK]) if self.version == 5 else self.rng.randint(0, 5)
        session = self.rng.randint(0, 1) if self.version > 3 else 0
        return self.packet(CONNACK, bytes([session, code]) + self.properties(CONNACK))

    def publish(self, to_server):
        rng = self.rng
        qos = rng.randint(0, 2)
        topic, alias = self.word(most=40, least=1), b""
        if self.version == 5 and rng.random() < 0.3 and to_server in self.aliasing:
            given = self.aliases[to_server]
            if given and rng.random() < 0.6:
                topic, alias = b"", rng.choice(given)
            else:  # of the two directions' numbers none is the same: tshark has one table for both
                alias = 2 * len(given) + 1 + to_server
                given.append(alias)
            alias = b"\x23" + struct.pack("!H", alias)
        size = rng.choice((0, 1, rng.randint(0, 100), rng.randint(100, 300), rng.choice((0, 20000))))
        payload = rng.choice((rng.randbytes(size), b"x" * size, b'{"t": 21.5, "unit": "\xc2\xb0C"}'))
        return self.packet(PUBLISH, lp(topic) + (self.ident() if qos else b"") + self.properties(PUBLISH, alias) + payload,
                           (rng.randint(0, 1) << 3 if qos else 0) | qos << 1 | rng.randint(0, 1))

    def answer(self, kind):
        """PUBACK, PUBREC, PUBREL, PUBCOMP: in version 5 a success needs no more than the identifier."""
        body = self.ident()
        if self.version == 5 and self.rng.random() < 0.6:
            body += bytes([self.rng.choice(REASONS[kind])])
            if self.rng.random() < 0.6:
                body += self.properties(kind)
        return self.packet(kind, body, 2 if kind == PUBREL else 0)

    def subscribe(self):
        rng = self.rng
        filters = b""
        for _ in range(rng.randint(1, 4)):
            options = rng.randint(0, 2)
            if self.version == 5:
                options |= rng.randint(0, 1) << 2 | rng.randint(0, 1) << 3 | rng.randint(0, 2) << 4
            filters += lp(rng.choice((b"#", b"+/a", b"$share/g/t", self.word(least=1)))) + bytes([options])
        return self.packet(SUBSCRIBE, self.ident() + self.properties(SUBSCRIBE) + filters, 2)

    def suback(self):
        codes = REASONS[SUBACK] if self.version == 5 else (0, 1, 2, 128) if self.version == 4 else (0, 1, 2)
        return self.packet(SUBACK, self.ident() + self.properties(SUBACK) + bytes(self.rng.choices(codes, k=self.rng.randint(1, 4))))

    def unsubscribe(self):
        return self.packet(UNSUBSCRIBE, self.ident() + self.properties(UNSUBSCRIBE) +
                           b"".join(lp(self.word(least=1)) for _ in range(self.rng.randint(1, 3))), 2)

    def unsuback(self):
        codes = bytes(self.rng.choices(REASONS[UNSUBACK], k=self.rng.randint(1, 3))) if self.version == 5 else b""
        return self.packet(UNSUBACK, self.ident() + self.properties(UNSUBACK) + codes)

    def with_reason(self, kind):
        """DISCONNECT, AUTH: in version 5 a success needs no body at all."""
        if self.version < 5 or self.rng.random() < 0.3:
            return self.packet(kind, b"")
        body = bytes([self.rng.choice(REASONS[kind])])
        return self.packet(kind, body + (self.properties(kind) if self.rng.random() < 0.7 or kind == AUTH else b""))

    def packets(self, count):
        yield True, self.connect()
        if self.version == 5 and self.rng.random() < 0.2:
            yield False, self.with_reason(AUTH)
            yield True, self.with_reason(AUTH)
        yield False, self.connack()
        for _ in range(count):
            to_server = self.rng.random() < 0.5
            kinds = [lambda: self.publish(to_server)] * 4 + [lambda k=k: self.answer(k) for k in (PUBACK, PUBREC, PUBREL, PUBCOMP)]
            if to_server:
                kinds += [self.subscribe, self.unsubscribe, lambda: self.packet(PINGREQ, b"")]
            else:
                kinds += [self.suback, self.unsuback, lambda: self.packet(PINGRESP, b"")]
            yield to_server, self.rng.choice(kinds)()
        if self.version == 5 and self.rng.random() < 0.3:
            yield False, self.with_reason(DISCONNECT)
        else:
            yield True, self.with_reason(DISCONNECT)


# ---- what carries them ----

class Capture:
    """Frames of Ethernet with IPv4 or IPv6, one microsecond after the other."""

    def __init__(self):
        self.frames = []

    def add(self, six, packet):
        ether = b"\2\0\0\0\0\1\2\0\0\0\0\2" + (b"\x86\xdd" if six else b"\x08\0")
        self.frames.append(ether + packet)

    def bytes(self):
        out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
        for number, frame in enumerate(self.frames):
            out.append(struct.pack("<IIII", 1700000000 + number // 1000000, number % 1000000, len(frame), len(frame)) + frame)
        return b"".join(out)


class Connection:
    """Both sides of TCP between one client and port 1883."""

    def __init__(self, capture, rng, number):
        self.capture, self.six = capture, rng.random() < 0.3
        self.client_port = 20000 + number
        self.sequence = {True: rng.randrange(1 << 32), False: rng.randrange(1 << 32)}
        self.segment(True, 2)
        self.segment(False, 0x12)
        self.segment(True, 0x10)

    def segment(self, to_server, flags=0x18, payload=b"", sequence=None):
        """The next one of this side, or one whose number is given; then nothing moves."""
        ports = (self.client_port, 1883) if to_server else (1883, self.client_port)
        ack = self.sequence[not to_server] if flags & 0x10 else 0
        tcp = struct.pack("!HHIIBBHHH", *ports, self.sequence[to_server] if sequence is None else sequence, ack, 0x50, flags, 65000,
                          0, 0) + payload
        if sequence is None:
            self.sequence[to_server] = (self.sequence[to_server] + len(payload) + (1 if flags & 3 else 0)) & 0xFFFFFFFF
        hosts = [b"\n\0\0\1", b"\n\0\0\2"][::1 if to_server else -1]
        if self.six:
            hosts = [b"\xfd" + bytes(14) + h[3:] for h in hosts]
            ip = struct.pack("!IHBB", 0x60000000, len(tcp), 6, 64) + b"".join(hosts)
        else:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 7, 0x4000, 64, 6, 0) + b"".join(hosts)
        self.capture.add(self.six, ip + tcp)

    def end(self):
        self.segment(True, 0x11)
        self.segment(False, 0x11)
        self.segment(True, 0x10)


def fixed_header(packet):
    """How long it is: one byte, and those of the remaining length."""
    n = 1
    while packet[n] & 0x80:
        n += 1
    return n + 1


def whole(_, run):
    """Cuts: none but between packets."""
    at, cuts = 0, []
    for packet in run:
        at += len(packet)
        cuts.append(at)
    return cuts


def beside_headers(rng, run):
    """Anywhere but within a fixed header, which tshark 4.0 does not put together."""
    at, allowed, end = 0, [], 0
    for packet in run:
        allowed += [at] + list(range(at + fixed_header(packet), at + len(packet)))
        at += len(packet)
    end = at
    allowed = [cut for cut in allowed if cut > 0]
    return sorted({*rng.sample(allowed, min(len(allowed), rng.choice((0, 0, 1, 2, 3 * len(run))))), end})


def anywhere(rng, run):
    end = sum(map(len, run))
    return sorted({*(rng.randint(1, end) for _ in range(rng.choice((0, 1, 2, 3 * len(run))))), end})


def conversation(capture, rng, number, count, cuts, disorder=0.0):
    """Packets that one side sends without the other's speaking are one run of bytes, and cut as `cuts` says. Of the segments
    of a run some come twice, late, or after their successor."""
    client = Client(rng, rng.choice((3, 4, 5, 5, 5)))
    connection = Connection(capture, rng, number)
    runs = []
    for to_server, packet in client.packets(count):
        if not runs or runs[-1][0] != to_server or rng.random() < 0.3:
            runs.append((to_server, []))
        runs[-1][1].append(packet)
        yield packet
    chance = random.Random(number)  # of its own: the same packets, however they are cut
    for to_server, run in runs:
        data, at, segments = b"".join(run), 0, []
        for cut in cuts(chance, run):
            segments.append((at, data[at:cut]))
            at = cut
        send(connection, to_server, segments, chance, disorder)
    connection.end()


def send(connection, to_server, segments, rng, disorder):
    begin = connection.sequence[to_server]
    order = list(range(len(segments)))
    for i in range(len(order) - 1):
        if rng.random() < disorder:
            order[i], order[i + 1] = order[i + 1], order[i]
    for i in order:
        at, payload = segments[i]
        for _ in range(2 if rng.random() < disorder else 1):
            connection.segment(to_server, 0x18, payload, (begin + at) & 0xFFFFFFFF)
    connection.sequence[to_server] = (begin + sum(len(p) for _, p in segments)) & 0xFFFFFFFF
    connection.segment(not to_server, 0x10)


def damaged(rng, packet):
    """One byte behind the fixed header is another, below 128; mostly that makes it malformed."""
    at = rng.randrange(fixed_header(packet), len(packet))
    return packet[:at] + bytes([rng.choice((0, 0x7F, rng.randrange(128)))]) + packet[at + 1:]


def make_damaged(seed, connections, count):
    """A packet a segment, and every fifth, but for the CONNECT, is not what it was."""
    rng = random.Random(seed)
    capture = Capture()
    for number in range(connections):
        client = Client(rng, rng.choice((3, 4, 5, 5, 5)), [True])
        connection = Connection(capture, rng, number)
        for place, (to_server, packet) in enumerate(client.packets(count)):
            if place > 0 and 2 < len(packet) < 400 and rng.random() < 0.2:
                packet = damaged(rng, packet)
            connection.segment(to_server, 0x18, packet)
        connection.end()
    return capture.bytes()


def make(seed, connections, count, cuts, disorder=0.0):
    """The capture, and how many packets are in it."""
    rng = random.Random(seed)
    capture = Capture()
    packets = sum(1 for number in range(connections) for _ in conversation(capture, rng, number, count, cuts, disorder))
    return capture.bytes(), packets
