# SPDX-License-Identifier: Apache-2.0
"""Somebody on the path between client and broker: what he can do to a plain connection he cannot do to one
with TLS. [the course's levels "password" and "password and TLS"]"""
import socket
import ssl
import subprocess
import threading

import pytest

from support.broker import Broker
from support.mqtt import V311
from support.tool import NIGHTJAR_TOOLS, Running, run

TLS = 8
SECRET = "topSecret9"


class Proxy:
    """Forwards one connection; `alter` may change what goes to either side, from when `is_armed`."""

    def __init__(self, port, alter):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.to, self.alter, self.is_armed = port, alter, False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        client, _ = self.server.accept()
        broker = socket.create_connection(("127.0.0.1", self.to))
        with client, broker:
            back = threading.Thread(target=self.pump, args=(broker, client, "down"), daemon=True)
            back.start()
            self.pump(client, broker, "up")
            back.join(10)

    def pump(self, source, sink, direction):
        try:
            while data := source.recv(65536):
                sink.sendall(self.alter(direction, data) if self.is_armed else data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.server.close()
        self.thread.join(10)


def flip_last(wanted):
    def alter(direction, data):
        return data[:-1] + bytes([data[-1] ^ 1]) if direction == wanted else data
    return alter


@pytest.fixture(params=["nightjar", "mosquitto"])
def ends(request, lab):
    """A broker with a TLS and a plain listener, and what its clients are given."""
    setup = lab.setup()
    lines = "listener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\n"
    lines += "".join(f"{k} {v}\n" for k, v in setup.broker.items() if k not in ("cafile", "require_certificate"))
    broker = Broker(request.param, lines + "allow_anonymous true\n")
    broker.start()
    yield broker, ["--cafile", setup.client["cafile"]]
    assert broker.stop() == 0


@pytest.fixture
def through():
    proxies = []

    def make(port, alter):
        proxies.append(Proxy(port, alter))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


def sub_through(ends, proxy, options):
    """A sub whose subscription was answered, then the proxy begins; the payload "hello" is published."""
    broker = ends[0]
    mark = broker.log.mark
    child = Running(NIGHTJAR_TOOLS.command("sub") + ["-h", "127.0.0.1", "-p", str(proxy.port), "-t", "t", "-C", "1"] +
                    options)
    broker.log.wait("Sending SUBACK", mark)
    proxy.is_armed = True
    with broker.peer(V311) as peer:
        peer.connect("publisher")
        peer.publish("t", "hello", qos=1)
    return child


def test_one_byte_alters_a_plain_message(ends, through):
    with sub_through(ends, through(ends[0].port, flip_last("down")), []) as child:
        assert (child.wait(), child.out.text) == (0, "helln")


def test_one_byte_ends_a_connection_with_tls(ends, through):
    with sub_through(ends, through(ends[0].port2, flip_last("down")), ends[1]) as child:
        assert (child.wait(), child.out.text) == (TLS, "")
        assert child.err.text.startswith("Error: A TLS error occurred: ")


def test_one_byte_to_the_broker_ends_it_too(ends, through):
    proxy = through(ends[0].port2, flip_last("up"))
    options = ["-h", "127.0.0.1", "-p", str(proxy.port), "-t", "t", "-l", "-q", "1"] + ends[1]
    mark = ends[0].log.mark
    with Running(NIGHTJAR_TOOLS.command("pub") + options, stdin=subprocess.PIPE) as child:
        ends[0].log.wait("Sending CONNACK", mark)
        proxy.is_armed = True
        child.process.stdin.write(b"hello\n")
        child.process.stdin.flush()
        assert child.wait() == TLS
        assert "the broker refused the connection with alert 20 bad_record_mac" in child.err.text
    assert not any("Received PUBLISH" in line for line in ends[0].log.since(mark))


class Impostor:
    """Answers as the broker would, with a certificate of its own, and keeps what it hears."""

    def __init__(self, cert):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert.path, cert.key)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.heard = b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        raw, _ = self.server.accept()
        try:
            with self.context.wrap_socket(raw, server_side=True) as peer:
                self.heard = peer.recv(4096)
                peer.sendall(b"\x20\x02\x00\x00")
                while data := peer.recv(4096):
                    self.heard += data
        except OSError:
            pass

    def close(self):
        self.server.close()
        self.thread.join(10)


@pytest.fixture
def impostor():
    started = []

    def start(cert):
        started.append(Impostor(cert))
        return started[-1]

    yield start
    for one in started:
        one.close()


def publish_to(port, lab, *more):
    return run(NIGHTJAR_TOOLS.command("pub") + ["-h", "127.0.0.1", "-p", str(port), "-t", "t", "-m", "x", "-u", "u",
                                                "-P", SECRET, "--cafile", lab.ca().path, *more])


@pytest.mark.parametrize("more", ([], ["--insecure"]), ids=("", "insecure"))
def test_man_in_the_middle_with_another_ca_is_refused_and_hears_nothing(lab, impostor, more):
    other = lab.ca("other", "/O=Somebody else/CN=Other CA")
    thief = impostor(lab.server(other))
    code, out, err = publish_to(thief.port, lab, *more)
    thief.close()
    assert (code, out) == (TLS, b"") and b"CN=Other CA" in err
    assert thief.heard == b""


def test_man_in_the_middle_with_a_name_of_his_own_is_refused_unless_insecure(lab, impostor):
    """What --insecure gives away: whoever has any certificate of the CA can pose as the broker."""
    thief = impostor(lab.server(subject="/CN=printer", ext="basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
                                "subjectAltName=DNS:printer\n"))
    code, _, err = publish_to(thief.port, lab)
    thief.close()
    assert code == TLS and b"DNS:printer, not for 127.0.0.1" in err and thief.heard == b""
    thief = impostor(lab.server(subject="/CN=printer", ext="basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
                                "subjectAltName=DNS:printer\n"))
    code, _, err = publish_to(thief.port, lab, "--insecure")
    thief.close()
    assert code == 0 and SECRET.encode() in thief.heard
    assert b"Warning: --insecure: " in err and b"still verified" in err
