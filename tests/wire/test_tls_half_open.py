# SPDX-License-Identifier: Apache-2.0
"""Thousands of strangers who begin a handshake and never end it: what they cost, and who notices."""
import resource
import shutil
import ssl
import time

import pytest

from support import mqtt
from support.certs import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")

# Our ends of the connections are descriptors of this process.
STRANGERS = min(5000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200)
# Measured: 44.7 KB with OpenSSL 3.0. Much more would be a leak, or a message that is kept.
BYTES_EACH = 90_000


def hello(ca):
    """A ClientHello, to be sent by all of them."""
    out = ssl.MemoryBIO()
    try:
        ssl.create_default_context(cafile=ca).wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def heap(broker):
    """What the broker says of its memory. In each round uptime comes first: with the second one from now, a whole
    round has passed."""
    with broker.peer(5) as p:
        p.connect("watch")
        p.subscribe("$SYS/broker/heap/current")
        p.subscribe("$SYS/broker/uptime")
        rounds, held = 0, None
        while rounds < 2:
            news = p.receive()
            if news.topic == "$SYS/broker/heap/current":
                held = int(news.payload)
            elif not news.retain:
                rounds += 1
        return held


def ping_seconds(p):
    began = time.monotonic()
    p.send(mqtt.PINGREQ_BYTES)
    p.expect(mqtt.PINGRESP)
    return time.monotonic() - began


def test_half_open_handshakes_delay_nobody_and_end_in_time(broker_kind, start):
    if broker_kind != "nightjar":
        pytest.skip("Mosquitto lets them stay for ever")
    certs = Authority()
    certs.issue("broker", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, STRANGERS + 200), hard))
    strangers = []
    try:
        broker = start("allow_anonymous true\nsys_interval 1\nconnect_timeout 60\nlistener {port} 127.0.0.1\n"
                       "listener {port2} 127.0.0.1\n"
                       f"certfile {certs.path('broker.crt')}\nkeyfile {certs.path('broker.key')}\n")
        first = hello(certs.ca)
        with broker.peer(port=broker.port2) as calm:
            calm.sock = ssl.create_default_context(cafile=certs.ca).wrap_socket(calm.sock, server_hostname="localhost")
            calm.connect("calm", keepalive=0)
            before, slowest = heap(broker), 0
            for n in range(STRANGERS):
                strangers.append(broker.peer(port=broker.port2))
                strangers[-1].send(first)
                if n % 50 == 0:
                    slowest = max(slowest, ping_seconds(calm))
            for stranger in strangers:
                assert stranger.sock.recv(1) == b"\x16"  # all have their answer, and go no further
            slowest = max([slowest] + [ping_seconds(calm) for _ in range(100)])
            held = heap(broker) - before
            assert STRANGERS * 1000 < held < STRANGERS * BYTES_EACH, f"{held / STRANGERS:.0f} bytes for each"
            assert slowest < 2, f"a ping took {slowest:.3f} s"
            print(f"{STRANGERS} strangers: {held / STRANGERS:.0f} bytes each, slowest ping {slowest * 1000:.1f} ms")
            for stranger in strangers:
                stranger.sock.close()
            for _ in range(20):
                if heap(broker) - before < held / 10:
                    break
            else:
                raise AssertionError("what they held is not given back")
            calm.fence()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        shutil.rmtree(certs.dir)
