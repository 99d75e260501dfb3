# SPDX-License-Identifier: Apache-2.0
"""A broker that says what a test has written down, for clients: what they make of bytes that no real one sends, or
in an order that no real one can be held to."""
import socket
import threading

from . import mqtt
from .peer import TIMEOUT

GREETING = {mqtt.V31: b"\x20\x02\x00\x00", mqtt.V311: b"\x20\x02\x00\x00", mqtt.V5: b"\x20\x03\x00\x00\x00"}


class Script:
    """Listens on `port`. `connections`: for each a list of (kind, bytes): after a packet of this kind, or at once
    where it is None, these bytes go out. The last connection is read to its end, the others are closed after their
    last bytes. `heard`: what came on each, as a list of packets in bytes."""

    def __init__(self, *connections):
        self.connections = connections
        self.heard = [[] for _ in connections]
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(TIMEOUT)
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self.play, daemon=True)

    @property
    def port(self):
        return self.server.getsockname()[1]

    def at(self):
        return ["-h", "127.0.0.1", "-p", str(self.port)]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(TIMEOUT)
        self.server.close()

    def play(self):
        for steps, heard in zip(self.connections, self.heard):
            sock, _ = self.server.accept()
            with sock:
                sock.settimeout(TIMEOUT)
                packets = self.packets(sock, heard)
                for kind, answer in steps:
                    if kind is not None and not any(p[0] >> 4 == kind for p in packets):
                        return  # the client has gone: the test sees why
                    sock.sendall(answer)
                if heard is self.heard[-1]:
                    for _ in packets:
                        pass

    def wait(self, count):
        """Until so many packets have come on the last connection."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.heard[-1]) >= count, TIMEOUT), self.heard

    def packets(self, sock, heard):
        buffer = b""
        while True:
            n = mqtt.split(buffer)
            if n:
                with self.news:
                    heard.append(buffer[:n])
                    self.news.notify_all()
                buffer = buffer[n:]
                yield heard[-1]
                continue
            try:
                data = sock.recv(65536)
            except ConnectionError:
                return
            if not data:
                return
            buffer += data


def suback(mid, code, version):
    return mqtt.packet(mqtt.SUBACK, 0, mid.to_bytes(2, "big") + (b"\0" if version == mqtt.V5 else b"") + bytes([code]))
