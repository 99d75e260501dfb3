# SPDX-License-Identifier: Apache-2.0
"""paho C (Debian's libpaho-mqtt): the blocking client, told line by line what to do (paho_c/talk.c)."""
import os
import shutil
import subprocess

import pytest

from support.peer import TIMEOUT
from support.tool import environment

VERSIONS = pytest.mark.parametrize("version", (3, 4, 5), ids=lambda v: f"v{v}")


@pytest.fixture(scope="session")
def talk(tmp_path_factory):
    """talk.c, compiled."""
    source = os.path.join(os.path.dirname(__file__), "paho_c", "talk.c")
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("cc")
    program = str(tmp_path_factory.mktemp("paho-c") / "talk")
    if not compiler:
        pytest.skip("no C compiler")
    done = subprocess.run([compiler, "-Wall", "-Wextra", "-o", program, source, "-lpaho-mqtt3c"],
                          capture_output=True, text=True, check=False)
    if "MQTTClient.h" in done.stderr and "No such file" in done.stderr:
        pytest.skip("libpaho-mqtt-dev is not installed")
    assert done.returncode == 0 and not done.stderr, done.stderr
    return program


class Talk:
    def __init__(self, program, broker):
        self.process = subprocess.Popen([program, f"tcp://127.0.0.1:{broker.port}"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=environment(), text=True)

    def tell(self, line, wait=True):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n") if wait else None

    def end(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()


@pytest.fixture
def paho(talk, broker):
    running = []

    def start(on=None):
        running.append(Talk(talk, on or broker))
        return running[-1]

    yield start
    for t in running:
        if not t.process.stdin.closed:
            t.end()


@VERSIONS
@pytest.mark.parametrize("qos", (0, 1, 2))
def test_messages_of_every_qos(paho, version, qos, uid):
    subscriber, publisher = paho(), paho()
    assert subscriber.tell(f"connect {version} {uid}-s 1") == "connected 0"
    assert publisher.tell(f"connect {version} {uid}-p 1") == "connected 0"
    assert subscriber.tell(f"sub {uid}/# {qos}") == f"subscribed {qos}"
    for n in range(20):
        assert publisher.tell(f"pub {uid}/{n} {qos} 0 payload {n}") == "published"
        assert subscriber.tell("take") == f"message {uid}/{n} {qos} 0 payload {n}"
    assert publisher.tell("disconnect") == "disconnected"


@VERSIONS
def test_retained_unsubscribe_and_large(paho, version, uid):
    client = paho()
    client.tell(f"connect {version} {uid} 1")
    assert client.tell(f"pub {uid} 1 1 kept") == "published"
    client.tell(f"sub {uid} 2")
    assert client.tell("take") == f"message {uid} 1 1 kept"
    large = "x" * 100000
    assert client.tell(f"pub {uid} 2 0 {large}") == "published"
    assert client.tell("take") == f"message {uid} 2 0 {large}"
    assert client.tell(f"unsub {uid}") == "unsubscribed"
    client.tell(f"pub {uid} 1 0 unheard")
    client.tell(f"sub {uid} 0")
    assert client.tell("take") == f"message {uid} 0 1 kept"


@VERSIONS
def test_will_of_a_vanished_client(paho, version, uid):
    watcher, gone = paho(), paho()
    watcher.tell(f"connect {version} {uid}-w 1")
    watcher.tell(f"sub {uid} 2")
    gone.tell(f"will {uid} bye 2", wait=False)
    assert gone.tell(f"connect {version} {uid}-g 1") == "connected 0"
    gone.process.kill()
    assert watcher.tell("take") == f"message {uid} 2 0 bye"


@VERSIONS
def test_session_is_resumed(paho, version, uid):
    """The library tells of a present session in 3.1.1 only; the messages come in every version."""
    first, publisher = paho(), paho()
    assert first.tell(f"connect {version} {uid} 0").startswith("connected")
    first.tell(f"sub {uid}/t 2")
    first.tell("disconnect")
    publisher.tell(f"connect {version} {uid}-p 1")
    for n in range(5):
        publisher.tell(f"pub {uid}/t 2 0 {n}")
    second = paho()
    assert second.tell(f"connect {version} {uid} 0") == ("connected 1" if version == 4 else "connected 0")
    for n in range(5):
        assert second.tell("take") == f"message {uid}/t 2 0 {n}"


def test_refusal_is_understood(talk, start):
    broker = start("listener {port} 127.0.0.1\n")
    for version, code in ((3, 5), (4, 5), (5, 135)):
        client = Talk(talk, broker)
        assert client.tell(f"connect {version} x 1") == f"refused {code}"
        client.end()
