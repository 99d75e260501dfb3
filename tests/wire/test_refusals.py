# SPDX-License-Identifier: Apache-2.0
"""Who is not let in: recognised by its first bytes, told in the log within a ration, kept among the last refusals."""
import re
import signal

import pytest

from support import mqtt

CONFIG = "listener {port} 127.0.0.1\nallow_anonymous false\n"
PROXY_1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 1883\r\n"
PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)
WEBSOCKET = (b"GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")


@pytest.fixture(autouse=True)
def ours(broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")


def read_to_the_end(p):
    try:
        while p.sock.recv(100):
            pass
    except ConnectionResetError:
        pass


@pytest.mark.parametrize("data,words", [
    (b"\x16\x03\x01\x02\x00\x01\x00", "appears to be using TLS to connect to a non-TLS listener"),
    (b"GET / HTTP/1.1\r\n\r\n", "appears to be using HTTP"),
    (b"POST /x HTTP/1.1\r\n", "appears to be using HTTP"),
    (WEBSOCKET, "MQTT over WebSocket"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "appears to be using SSH"),
    (PROXY_1 + mqtt.connect("x"), "header of the PROXY protocol"),
    (PROXY_2 + mqtt.connect("x"), "header of the PROXY protocol"),
    (b"\x30\xff\xff\x7f", "First packet not CONNECT"),
    (b"P", "First packet not CONNECT"),
], ids=("tls", "http", "post", "websocket", "ssh", "proxy1", "proxy2", "publish", "byte"))
def test_first_bytes_say_what_it_is_and_nothing_more_is_waited_for(broker, data, words):
    mark = broker.log.mark
    with broker.peer() as p:
        p.send(data)
        read_to_the_end(p)
    broker.log.wait(re.escape(words), mark)
    broker.log.wait(r"Client 127\.0\.0\.1 \[\S+\] disconnected: ", mark)


def test_who_fails_again_and_again_is_told_of_within_a_ration_and_counted(start):
    """All are kept back or said, and the sum is exact; who is let in meanwhile has its lines."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous false\nlistener {port2} 127.0.0.1\n"
                   "listener_allow_anonymous true\n")
    count = 1500
    mark = broker.log.mark
    for i in range(count):
        with broker.peer() as p:
            p.send(mqtt.connect(f"stranger{i}"))
            read_to_the_end(p)
    with broker.peer(port=broker.port2) as p:
        p.connect("welcome")
        p.fence()
    broker.log.wait("New client connected from .* as welcome", mark)
    assert broker.stop() == 0    # what is kept back is said at the latest now
    lines = broker.log.since(mark)
    said = sum("refused: no user name" in line for line in lines)
    more = sum(int(n) for n in re.findall(r"And (\d+) more connections were not let in", "\n".join(lines)))
    assert said + more == count and more > 0
    gone = [line for line in lines if re.search(r"Client stranger\d+ \[\S+\] disconnected: not authorised", line)]
    assert len(gone) == said
    came = sum("New connection from" in line for line in lines)
    assert came < count


def test_last_refusals_are_numbered_and_in_order(start):
    broker = start()
    for i in range(1005):
        with broker.peer() as p:
            p.send(mqtt.connect(f"s{i}").replace(b"MQTT", b"MQTX") if i % 2 else b"GET / HTTP/1.1\r\n")
            read_to_the_end(p)
    mark = broker.log.mark
    broker.signal(signal.SIGUSR2)
    broker.log.wait("1005 refusals since the start; the last 1000 at most, the oldest first:", mark)
    assert broker.stop() == 0    # it has said all of them before
    told = [line for line in broker.log.since(mark) if re.match(r"\d+ s ago: ", line)]
    assert len(told) == 1000
    ages = [int(line.split()[0]) for line in told]
    assert ages == sorted(ages, reverse=True)
    for i, line in enumerate(told):
        assert ("invalid protocol" if i % 2 == 0 else "using HTTP") in line, (i, line)
