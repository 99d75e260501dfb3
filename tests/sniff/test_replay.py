# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar replay`: the clients of ../shared/captures, played again to a broker of ours, and to servers that answer otherwise."""
import contextlib
import pathlib
import select
import socket
import subprocess
import threading
import time

import pytest

from support import peer
from support.broker import NIGHTJAR, ROOT

CAPTURES = pathlib.Path(ROOT).parent / "shared" / "captures"
NAMES = sorted(p.name for p in CAPTURES.glob("*.pcap*"))
QUIET = "listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 0\n"

pytestmark = pytest.mark.skipif(not NAMES, reason=f"{CAPTURES} is not there")


def replay(name, port, *words, code=0, **kw):
    file = CAPTURES / (name if "." in str(name) else f"{name}.pcap")
    done = subprocess.run([NIGHTJAR, "replay", file, "--to", f"127.0.0.1:{port}", *words], capture_output=True, timeout=60,
                          check=False, **kw)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.decode() + done.stderr.decode()


@contextlib.contextmanager
def server(serve):
    """A thread that runs serve(listening socket, heard); heard is a list for what it has to tell."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(peer.TIMEOUT)
        thread = threading.Thread(target=serve, args=(listening, heard))
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join(peer.TIMEOUT)
        assert not thread.is_alive()


def test_the_lab_is_answered_as_it_was(start):
    broker = start(QUIET)
    mark = broker.log.mark
    assert replay("seed002_plain_v311", broker.port, "--speed", "max") == \
        "Conversations played: 3, packets of them: 9, differences: 0.\n"
    broker.log.wait("as mosqsub-A", mark)


def test_the_course_is_played_from_a_pipe(start):
    broker = start(QUIET)
    with open(CAPTURES / "seed000_10frames_reconstructed.pcap", "rb") as file:
        done = subprocess.run([NIGHTJAR, "replay", "-", "--to", f"localhost:{broker.port}", "--speed", "0"], stdin=file,
                              capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 and b"Conversations played: 1, packets of them: 2, differences: 0." in done.stdout, done


def test_messages_of_all_qualities_are_acknowledged(start):
    broker = start(QUIET)
    assert "differences: 0" in replay("v31_qos012_retain_will", broker.port, "--speed", "max")


def test_other_answers_are_told(start):
    broker = start("listener {port} 127.0.0.1\nallow_anonymous false\n")
    text = replay("seed002_plain_v311", broker.port, "--speed", "max", "--timeout", "30", code=1)
    assert "stream 0 (mosqsub-A): CONNACK: then 0 (Connection Accepted), now 5 (not authorized)" in text
    assert "stream 0 (mosqsub-A): SUBACK (id 1) did not come" in text
    assert "stream 0 (mosqsub-A): PUBLISH world did not come" in text
    assert "the broker closed it, and did not then" in text


def test_messages_that_were_not_there_then_are_told(start):
    broker = start(QUIET)
    with broker.peer() as other:
        other.connect()
        other.publish("cellar/light", b"on", retain=True)
        other.fence()
    assert "stream 0 (mosqsub-A): PUBLISH cellar/light came, and did not then" in \
        replay("seed002_plain_v311", broker.port, "--speed", "max", code=1)


@pytest.mark.parametrize("speed, least", [("1", 1.1), ("4", 0.27)])
def test_it_takes_the_captures_time(start, speed, least):
    broker = start(QUIET)
    begin = time.monotonic()
    replay("seed002_plain_v311", broker.port, "--speed", speed)
    assert time.monotonic() - begin >= least


def test_nothing_follows_connect_before_it_is_answered():
    def serve(listening, heard):
        with listening.accept()[0] as client:
            client.settimeout(peer.TIMEOUT)
            heard.append(client.recv(4096))
            heard.append(select.select([client], [], [], 0.3)[0])
            client.sendall(bytes.fromhex("200900000622000a210014"))
            heard.append(client.recv(4096))
            assert client.recv(4096) == b""

    with server(serve) as (port, heard):
        replay("seed000_10frames_reconstructed", port, "--speed", "max")
    assert heard[0][:1] == b"\x10" and heard[1] == [] and heard[2] == bytes.fromhex("30090004") + b"ciel\x0051"


def test_who_does_not_answer_is_not_waited_for_again():
    def serve(listening, heard):
        with listening.accept()[0] as client:
            client.settimeout(peer.TIMEOUT)
            while received := client.recv(4096):
                heard.append(received)

    with server(serve) as (port, heard):
        text = replay("seed000_10frames_reconstructed", port, "--speed", "max", "--timeout", "0.2", code=1)
    assert "(mqttx_badclient): CONNACK did not come" in text
    assert b"".join(heard).endswith(b"ciel\x0051")


def test_what_is_no_mqtt_is_said_so():
    def serve(listening, _):
        with listening.accept()[0] as client:
            client.recv(4096)
            client.sendall(b"\x20\xff\xff\xff\xff\xff")
            client.settimeout(peer.TIMEOUT)
            client.recv(4096)

    with server(serve) as (port, _):
        assert "what the broker sends is no MQTT" in \
            replay("seed000_10frames_reconstructed", port, "--speed", "max", "--timeout", "1", code=1)


def test_where_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        text = replay("seed000_10frames_reconstructed", taken.getsockname()[1], "--speed", "max", code=1)
    lines = text.splitlines()
    assert lines[0] == "Nothing could be played: the broker took no connection."
    assert lines[-1] == "Conversations played: 0, packets of them: 0, differences: 1."
    assert "did not come" not in text


def segment(payload, sequence):
    tcp = bytes.fromhex("9c40075b") + sequence.to_bytes(4, "big") + bytes.fromhex("000000005018200000000000") + payload
    ip = bytes.fromhex("4500") + (20 + len(tcp)).to_bytes(2, "big") + bytes.fromhex("0000000040060000 0a000001 0a000002") + tcp
    return bytes(8) + len(ip).to_bytes(4, "little") * 2 + ip


def test_a_broker_that_stops_reading_is_not_waited_for_for_ever(tmp_path):
    """More than any socket has room for."""
    packets = [bytes.fromhex("100e00044d5154540402003c0002") + b"id"]
    packets += [b"\x30\xe3\xd4\x03\x00\x01a" + bytes(60000)] * 300
    sequence, frames = 1000, []
    for packet in packets:
        frames.append(segment(packet, sequence))
        sequence += len(packet)
    capture = tmp_path / "much.pcap"
    capture.write_bytes(bytes.fromhex("d4c3b2a1 02000400 0000000000000000 00000400 65000000") + b"".join(frames))
    done = threading.Event()

    def serve(listening, _):
        with listening.accept()[0]:
            done.wait(peer.TIMEOUT)

    with server(serve) as (port, _):
        text = replay(capture, port, "--speed", "max", "--timeout", "0.3", code=1)
        done.set()
    assert "stream 0 (id): the broker stopped reading\n" in text
    assert "Conversations played: 1, packets of them: " in text


def test_tls_needs_its_secrets(start):
    broker = start(QUIET)
    assert "none with a CONNECT that can be read" in replay("tls13_with_keylog", broker.port, code=2)
    assert "Conversations played: 1" in replay("tls13_with_keylog", broker.port, "--speed", "max", "--keylog",
                                               CAPTURES / "tls13_with_keylog.keylog.txt")


def test_a_conversation_without_connect_is_left_out(start):
    broker = start(QUIET)
    assert "stream 14: left out, for its CONNECT is not in the capture" in \
        replay("malformed_v3", broker.port, "--speed", "max", "--timeout", "0.2", code=1)


def test_every_capture_can_be_played(start):
    broker = start(QUIET)
    for name in NAMES:
        file = CAPTURES / name
        done = subprocess.run([NIGHTJAR, "replay", file, "--to", f"127.0.0.1:{broker.port}", "--speed", "max", "--timeout", "0.05"],
                              capture_output=True, timeout=60, check=False)
        assert done.returncode in (0, 1, 2), (name, done)
        assert all(c == "\n" or ord(c) >= 32 for c in done.stdout.decode()), name
    assert broker.alive


@pytest.mark.parametrize("words, says", [
    ([], "which capture?"),
    (["x"], "which broker?"),
    (["x", "y"], "one capture at a time"),
    (["x", "--to", "localhost"], "HOST:PORT is expected"),
    (["x", "--to", "::1:1883"], "in brackets"),
    (["x", "--to", "192.0.2.7:1883"], "is not this machine"),
    (["x", "--to", "localhost:1883"], "No such file"),
    (["x", "--speed", "fast"], "a number is expected, or max"),
    (["x", "--speed", "-1"], "a number is expected, or max"),
    (["x", "--timeout", "nan"], "seconds are expected"),
    (["x", "--sped"], "did you mean '--speed'?"),
])
def test_a_mistake_is_named(words, says, tmp_path):
    done = subprocess.run([NIGHTJAR, "replay", *words], capture_output=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 2 and says in done.stderr.decode(), done
