# SPDX-License-Identifier: Apache-2.0
"""Random MQTT between clients and a real broker, over the loopback and through a proxy that cuts it into segments."""
import contextlib
import random
import select
import socket
import struct
import threading

from sniff import traffic
from support.peer import TIMEOUT


def packets_of(data):
    """The whole packets that it begins with, and the rest."""
    packets = []
    while len(data) >= 2 and (header := header_bytes(data)):
        size = header + sum((byte & 127) << 7 * i for i, byte in enumerate(data[1:header]))
        if size > len(data):
            break
        packets.append(data[:size])
        data = data[size:]
    return packets, data


def header_bytes(data):
    """0: it is not all there."""
    return next((n + 1 for n in range(1, min(len(data), 5)) if not data[n] & 0x80), 0)


class Proxy:
    """Hands everything on in pieces that do not end within a fixed header, which tshark 4.0 does not put together."""

    def __init__(self, port, seed):
        self.target, self.rng = port, random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(TIMEOUT)
        self.listener.close()

    def run(self):
        others, waiting = {}, {}
        while True:
            ready, _, _ = select.select([self.listener, *others], [], [])
            for end in ready:
                if end is self.listener:
                    try:
                        near = end.accept()[0]
                    except OSError:
                        for other in others:
                            other.close()
                        return
                    far = socket.create_connection(("127.0.0.1", self.target), TIMEOUT)
                    for a, b in ((near, far), (far, near)):
                        a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        others[a], waiting[a] = b, b""
                elif end in others and not self.hand_on(end, others[end], waiting):
                    for one in (others.pop(end), end):
                        others.pop(one, None)
                        one.close()

    def hand_on(self, end, other, waiting):
        with contextlib.suppress(OSError):
            data = end.recv(65536)
            run, waiting[end] = packets_of(waiting[end] + data)
            at, whole = 0, b"".join(run)
            for cut in traffic.beside_headers(self.rng, run) if run else []:
                other.sendall(whole[at:cut])
                at = cut
            return bool(data)
        return False


class Client(traffic.Client):
    """As a broker wants it: what it says makes sense, and it answers."""

    def __init__(self, rng, number, port):
        super().__init__(rng, (3, 4, 5, 5)[number % 4])
        self.number, self.ident_given, self.open, self.data = number, 0, set(), b""
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.seen = 0

    def some(self, *properties):
        """Of these, with their length in front: (identifier, value)."""
        if self.version < 5:
            return b""
        chosen = self.rng.sample(properties, self.rng.randint(0, len(properties)))
        body = b"".join(bytes([i]) + value for i, value in chosen)
        body += b"".join(b"\x26" + self.value("pair") for _ in range(self.rng.choice((0, 0, 1, 3))))
        return traffic.varint(len(body)) + body

    def of_a_message(self):
        topic = traffic.lp(b"answer/" + str(self.number).encode())
        return [(1, b"\0"), (2, b"\0\0\1\0"), (3, self.value("text")), (8, topic), (9, self.value("data"))]

    def topic(self, number):
        return f"c{number}/".encode() + self.word(30).translate(bytes.maketrans(b"+#$", b"xyz"))

    def send(self, packet):
        self.socket.sendall(packet)
        self.seen += 1

    def name(self, kind):
        self.ident_given += 1
        self.open.add(kind)
        return struct.pack("!H", self.ident_given)

    def begin(self):
        rng = self.rng
        flags = 2 | rng.choice((0, 4, 4 | 8, 4 | 16 | 32))
        payload = traffic.lp(f"client{self.number}".encode())
        if flags & 4:
            payload += self.some((0x18, b"\0\0\1\0"), *self.of_a_message()) + traffic.lp(self.topic(99)) + traffic.lp(self.blob())
        if rng.random() < 0.5:
            flags |= 0xC0
            payload += traffic.lp(self.word()) + traffic.lp(self.word())
        settings = self.some((0x11, b"\0\0\0\0"), (0x21, b"\xff\xff"), (0x17, b"\1"), (0x19, b"\1"), (0x22, b"\0\x10"))
        self.send(self.packet(traffic.CONNECT, traffic.lp(b"MQIsdp" if self.version == 3 else b"MQTT") +
                              bytes([self.version, flags, 0, 60]) + settings + payload))
        self.open.add(traffic.CONNACK)
        self.hear()
        filters = [f"c{self.number}/#".encode(), *(self.topic(98) for _ in range(rng.randint(0, 2)))]
        self.send(self.packet(traffic.SUBSCRIBE, self.name(traffic.SUBACK) + self.some((0x0B, b"\x81\1")) +
                              b"".join(traffic.lp(f) + bytes([rng.randint(0, 2)]) for f in filters), 2))
        self.hear()

    def speak(self, clients):
        """A run of packets that ends with a PINGREQ."""
        rng = self.rng
        for _ in range(rng.randint(3, 8)):
            qos = rng.randint(0, 2)
            ident = self.name((traffic.PUBACK, traffic.PUBCOMP)[qos - 1]) if qos else b""
            payload = rng.choice((rng.randbytes(rng.randint(0, 300)), b'{"t": 21.5}', b""))
            self.send(self.packet(traffic.PUBLISH, traffic.lp(self.topic(rng.randrange(clients))) + ident +
                                  self.some(*self.of_a_message()) + payload, qos << 1))
            if qos:
                self.hear()
        if rng.random() < 0.3:
            self.send(self.packet(traffic.UNSUBSCRIBE, self.name(traffic.UNSUBACK) + self.some() + traffic.lp(self.topic(98)), 2))
        self.send(self.packet(traffic.PINGREQ, b""))
        self.open.add(traffic.PINGRESP)
        self.hear()

    def hear(self):
        """Until all that was asked is answered; what is delivered is acknowledged."""
        while self.open:
            data = self.socket.recv(65536)
            assert data, "the broker has closed the connection"
            packets, self.data = packets_of(self.data + data)
            for packet in packets:
                self.seen += 1
                self.answer_to(packet)

    def answer_to(self, packet):
        kind, body = packet[0] >> 4, packet[header_bytes(packet):]
        self.open.discard(kind)
        answer = {traffic.PUBREC: traffic.PUBREL, traffic.PUBREL: traffic.PUBCOMP}.get(kind)
        if kind == traffic.PUBLISH and packet[0] & 6:
            answer = traffic.PUBACK if packet[0] & 2 else traffic.PUBREC
            body = body[2 + struct.unpack_from("!H", body)[0]:]
        if answer:
            self.send(self.packet(answer, body[:2], 2 if answer == traffic.PUBREL else 0))

    def end(self):
        self.send(self.packet(traffic.DISCONNECT, b"" if self.version < 5 else b"\0" + self.some()))
        self.socket.close()


def talk(seed, port, clients, runs):
    """What clients say and hear; how many packets that was."""
    rng = random.Random(seed)
    all_clients = [Client(rng, number, port) for number in range(clients)]
    for client in all_clients:
        client.begin()
    for _ in range(runs):
        for client in all_clients:
            client.speak(clients)
    for client in all_clients:
        client.end()
    return sum(client.seen for client in all_clients)
