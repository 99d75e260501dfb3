# SPDX-License-Identifier: Apache-2.0
"""One raw connection to a broker: bytes out, packets in, nothing done behind the test's back.

A wait always has an end (TIMEOUT, far beyond what a sanitizer on a busy machine takes: it costs only where
a test fails) and always fails with what was waited for and what came. "Nothing came" is shown by a fence,
never by a pause: a PINGREQ whose PINGRESP must be the next packet, or a message of the same publisher that
must be the next PUBLISH.
"""
import os
import socket
import time

from . import mqtt

TIMEOUT = float(os.environ.get("NJ_TEST_TIMEOUT", "60"))


class Closed(Exception):
    """The broker closed the connection."""


class Peer:
    def __init__(self, address, version=mqtt.V311, timeout=TIMEOUT, rcvbuf=None, explained=True):
        self.version = version
        self.explained = explained
        self.timeout = timeout
        family = socket.AF_UNIX if isinstance(address, str) else \
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        self.buffer = b""
        self.backlog = []
        self.last_mid = 0
        self.client_id = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def port(self):
        return self.sock.getsockname()[1]

    # -------------------------------------------------------------------------- bytes

    def send(self, *chunks):
        """Bytes as they are; returns self, so that a test may read `peer.send(x).expect(...)`."""
        self.sock.sendall(b"".join(chunks))
        return self

    def send_slowly(self, data, step=1):
        """The same bytes in writes of `step` bytes each."""
        for at in range(0, len(data), step):
            self.sock.sendall(data[at:at + step])
        return self

    def close(self):
        self.sock.close()

    def reset(self):
        """Vanish with a RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def drop(self):
        """End the connection without DISCONNECT; returns once the broker has closed its side too."""
        self.sock.shutdown(socket.SHUT_WR)
        self.drain()
        self.close()

    def drain(self):
        """Read until the broker closes; returns the packets that came before."""
        got = self.backlog
        self.backlog = []
        try:
            while True:
                got.append(self.next())
        except Closed:
            return got

    def next_raw(self, timeout=None):
        """The bytes of the next whole packet."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            n = mqtt.split(self.buffer)
            if n:
                data, self.buffer = self.buffer[:n], self.buffer[n:]
                return data
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no whole packet in time; half a one: {self.buffer.hex()!r}")
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(1 << 18)
            except socket.timeout:
                continue
            except ConnectionError as e:
                raise Closed(str(e)) from None
            if not data:
                assert not self.buffer, f"closed inside a packet: {self.buffer.hex()}"
                raise Closed("end of stream")
            self.buffer += data

    # ------------------------------------------------------------------------ packets

    def next(self, timeout=None):
        if self.backlog:
            return self.backlog.pop(0)
        return mqtt.parse(self.next_raw(timeout), self.version)

    def expect(self, kind, timeout=None, **fields):
        """The next packet is of this kind and has these fields (`props_` aside, compared with ==)."""
        try:
            p = self.next(timeout)
        except Closed as e:
            raise AssertionError(f"closed ({e}) where {mqtt.NAMES[kind]} was expected") from None
        check(p, kind, fields)
        return p

    def expect_bytes(self, data):
        got = b""
        while len(got) < len(data):
            try:
                got += self.next_raw()
            except Closed:
                break
        assert got.hex() == data.hex()
        return self

    def pick(self, kind, timeout=None, **fields):
        """The first packet of this kind; what comes before it stays for later calls."""
        for i, p in enumerate(self.backlog):
            if p.kind == kind:
                del self.backlog[i]
                check(p, kind, fields)
                return p
        while True:
            try:
                p = mqtt.parse(self.next_raw(timeout), self.version)
            except Closed as e:
                raise AssertionError(f"closed ({e}) where {mqtt.NAMES[kind]} was expected; "
                                     f"before it came {self.backlog}") from None
            if p.kind == kind:
                check(p, kind, fields)
                return p
            self.backlog.append(p)

    def expect_closed(self, timeout=None):
        try:
            p = self.next(timeout)
        except Closed:
            self.close()
            return
        raise AssertionError(f"{p!r} where a closed connection was expected")

    def expect_disconnect(self, *codes):
        """Version 5: DISCONNECT with one of these codes, then the end. Before: just the end.

        To say why is a SHOULD of section 4.13: a control that only closes (`explained` false) passes."""
        if self.version == mqtt.V5:
            try:
                p = self.next()
            except Closed as e:
                assert not self.explained, f"closed ({e}) where DISCONNECT was expected"
                return
            assert p.kind == mqtt.DISCONNECT, f"{p!r} where DISCONNECT was expected"
            assert p.code in codes, f"{p!r}, expected one of {[hex(c) for c in codes]}"
        self.expect_closed()

    def fence(self):
        """Nothing is under way to this peer that the broker knew of: a PING goes round at once."""
        self.send(mqtt.PINGREQ_BYTES)
        self.expect(mqtt.PINGRESP)
        return self

    # ------------------------------------------------------------------ conversations

    def mid(self):
        self.last_mid = self.last_mid % 65535 + 1
        return self.last_mid

    def connect(self, client_id="", code=0, present=None, **kw):
        """CONNECT, and the CONNACK that must answer it."""
        self.client_id = client_id
        self.send(mqtt.connect(client_id, version=self.version, **kw))
        connack = self.expect(mqtt.CONNACK, code=code)
        if present is not None:
            assert connack.session_present == present
        return connack

    def subscribe(self, *filters, qos=0, properties=None, codes=None, **opts):
        """One SUBSCRIBE with all filters at these options; returns the SUBACK."""
        mid = self.mid()
        byte = mqtt.options(qos, **opts)
        self.send(mqtt.subscribe(mid, [(f, byte) for f in filters], self.version, properties))
        return self.pick(mqtt.SUBACK, mid=mid, codes=codes or [qos] * len(filters))

    def unsubscribe(self, *filters, codes=None):
        mid = self.mid()
        self.send(mqtt.unsubscribe(mid, filters, self.version))
        return self.pick(mqtt.UNSUBACK, mid=mid, **({"codes": codes} if codes else {}))

    def publish(self, topic, payload=b"", qos=0, code=None, **kw):
        """PUBLISH and the whole handshake of its QoS; returns the PUBACK or PUBREC, if any."""
        mid = self.mid() if qos else None
        self.send(mqtt.publish(topic, payload, qos, mid, version=self.version, **kw))
        want = {} if code is None else {"code": code}
        if qos == 1:
            return self.pick(mqtt.PUBACK, mid=mid, **want)
        if qos == 2:
            rec = self.pick(mqtt.PUBREC, mid=mid, **want)
            if rec.code < 0x80:
                self.send(mqtt.ack(mqtt.PUBREL, mid))
                self.pick(mqtt.PUBCOMP, mid=mid)
            return rec
        return None

    def receive(self, topic=None, payload=None, timeout=None, **fields):
        """The next packet is a PUBLISH; its handshake is completed."""
        if topic is not None:
            fields["topic"] = topic
        if payload is not None:
            fields["payload"] = mqtt.raw(payload)
        p = self.expect(mqtt.PUBLISH, timeout=timeout, **fields)
        self.acknowledge(p)
        return p

    def acknowledge(self, p):
        if p.qos == 1:
            self.send(mqtt.ack(mqtt.PUBACK, p.mid))
        elif p.qos == 2:
            self.send(mqtt.ack(mqtt.PUBREC, p.mid))
            self.pick(mqtt.PUBREL, mid=p.mid)
            self.send(mqtt.ack(mqtt.PUBCOMP, p.mid))

    def disconnect(self, code=None, properties=None):
        """DISCONNECT; returns once the broker has closed, so its work for this connection is done."""
        self.send(mqtt.disconnect(code, properties))
        got = self.drain()
        self.close()
        return got


def once_left_alone(attempt, others):
    """attempt() once more for each of `others` connections of the same name, which the broker may read only
    now: each of them takes over."""
    for _ in range(others):
        try:
            return attempt()
        except (AssertionError, OSError) as e:
            if isinstance(e, AssertionError) and "closed" not in str(e):
                raise
    return attempt()


def check(p, kind, fields):
    assert p.kind == kind, f"{p!r} where {mqtt.NAMES[kind]} was expected"
    for name, want in fields.items():
        got = getattr(p, name)
        assert got == want, f"{name} is {got!r}, expected {want!r} in {p!r}"
