# SPDX-License-Identifier: Apache-2.0
"""What pub, sub and rr do beyond the bytes that test_tools.py compares with Mosquitto's: secrets, lines that
outlive a broker, brokers that talk nonsense, the screens of 2.1; and libnightjar as its examples use it."""
import os
import re
import signal
import subprocess

import pytest

from support.broker import NIGHTJAR
from support.mqtt import CONNACK, CONNECT, DISCONNECT, PUBREC, PUBREL, SUBSCRIBE, V5, V311, ack, packet, props, publish
from support.peer import TIMEOUT
from support.script import GREETING, Script, suback
from support.tool import NIGHTJAR_TOOLS, Running, environment, run, terminate

EXAMPLES = os.path.join(os.path.dirname(os.path.realpath(NIGHTJAR)), "..", "..", "examples")


def at(broker):
    return ["-h", "127.0.0.1", "-p", str(broker.port)]


def subscribed(broker, options, program="sub"):
    """A running sub whose subscription the broker has answered."""
    mark = broker.mark()
    child = Running(NIGHTJAR_TOOLS.command(program) + at(broker) + options)
    broker.log.wait("Sending SUBACK", mark)
    return child


def test_password_is_not_for_ps(broker, uid):
    for words in (["-u", "u", "-P", "hunter2"], ["-L", f"mqtt://u:hunter2@127.0.0.1:{broker.port}/{uid}"]):
        with subscribed(broker, ["-t", uid] + words) as child:
            with open(f"/proc/{child.process.pid}/cmdline", "rb") as f:
                seen = f.read()
            assert b"hunter2" not in seen and b"xxxxxxx" in seen


def test_watch_keeps_a_line_for_each_topic(broker, client, uid):
    with subscribed(broker, ["-t", uid + "/#", "-w", "-v", "-C", "3"]) as child:
        publisher = client(V311)
        for topic, text in (("a", "1"), ("b", "2"), ("a", "3")):
            publisher.publish(f"{uid}/{topic}", text, qos=1)
        assert child.wait() == 0
        shown = child.out.text
    assert [int(line) for line in re.findall(r"\x1b\[(\d+);1H", shown)] == [1, 2, 3, 2]
    assert "Broker: 127.0.0.1" in shown and f"{uid}/a 3" in shown


def test_message_rate_counts_instead_of_printing(broker, client, uid):
    with subscribed(broker, ["-t", uid, "--message-rate", "-C", "5"]) as child:
        publisher = client(V311)
        for _ in range(5):
            publisher.publish(uid, "x", qos=1)
        assert child.wait() == 0
        assert all(re.fullmatch(r"\d+ msgs/s", line) for line in child.out.text.splitlines())


def test_latency_is_printed_before_the_answer(broker, client, uid):
    responder = client(V311)
    responder.subscribe(uid + "/ask")
    child = Running(NIGHTJAR_TOOLS.command("rr") + at(broker) +
                    ["-t", uid + "/ask", "-e", uid + "/answer", "-m", "?", "--latency", "-V", "311", "-W", "60"])
    with child:
        responder.receive(uid + "/ask", "?")
        responder.publish(uid + "/answer", "!")
        assert child.wait() == 0
        first, answer = child.out.text.splitlines()
    assert re.match(r"Latency: \d", first) and answer == "!"


def test_lines_outlive_the_broker(start, uid):
    """Read from a pipe at QoS 1 while the broker is killed and comes back: no line is lost, and the exit code
    is 0 only then. What was on its way may come twice."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    config = broker.config
    child = subprocess.Popen(NIGHTJAR_TOOLS.command("pub") + at(broker) + ["-t", uid, "-l", "-q", "1"],
                             stdin=subprocess.PIPE, env=environment())
    seen = set()

    def watch(count):
        with broker.peer(V311) as watcher:
            watcher.connect("w")
            watcher.subscribe(uid, qos=0)
            child.stdin.write(b"".join(b"%d\n" % n for n in range(*count)))
            child.stdin.flush()
            while len(seen) < count[1]:
                seen.add(int(watcher.receive(uid).payload))

    watch((0, 100))
    broker.signal(signal.SIGKILL)
    broker.wait()
    broker.config = config.replace("{port}", str(broker.port))
    broker.spawn()
    broker.wait_listening()
    watch((100, 200))
    child.stdin.close()
    assert child.wait(TIMEOUT) == 0 and seen == set(range(200))


def test_sub_that_only_unsubscribes_ends_with_the_last_answer(broker, uid):
    """-E with -U alone, which Debian's does not take."""
    mark = broker.mark()
    assert run(NIGHTJAR_TOOLS.command("sub") + at(broker) + ["-U", uid + "/a", "-U", uid + "/b", "-E"]) == (0, b"", b"")
    assert broker.log.wait("Received (UNSUBSCRIBE|DISCONNECT) from", mark).group(1) == "UNSUBSCRIBE"


def test_alias_that_the_broker_does_not_allow_is_named(broker, uid):
    words = ["-t", uid, "-m", "x", "-V", "5", "-D", "publish", "topic-alias", "11"]
    assert run(NIGHTJAR_TOOLS.command("pub") + at(broker) + words) == \
        (3, b"", b"Error: The topic alias is higher than the broker allows.\n")


NONSENSE = [b"\x90\x02\x00\x01", b"\x20\x02\x00\x00\x90\x02\x00\x01", b"\x20\x02\x00\x00\xff\xff\xff\xff\xff",
            b"\x20\x02\x00\x00\x40\x02\x00\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x00\x20\x02\x00\x00"]


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda b: b.hex())
@pytest.mark.parametrize("words", (["pub", "-t", "t", "-m", "x", "-q", "1"], ["sub", "-t", "t"]), ids=lambda w: w[0])
def test_broker_that_talks_nonsense_ends_a_client_with_words(answer, words):
    with Script([(CONNECT, answer)]) as broker:
        code, out, err = run(NIGHTJAR_TOOLS.command(words[0]) + broker.at() + words[1:])
    assert code in (2, 21) and out == b"" and err.startswith(b"Error: "), (code, out, err)


UNAVAILABLE = [("wildcard_subscription_available", ["-t", "a/#"], 0xA2, "Wildcard Subscriptions"),
               ("shared_subscription_available", ["-t", "$share/s/a"], 0x9E, "Shared Subscriptions"),
               ("subscription_identifier_available", ["-t", "a", "-D", "subscribe", "subscription-identifier", "1"],
                0xA1, "Subscription Identifiers")]


@pytest.mark.parametrize("what,options,code,words", UNAVAILABLE, ids=[u[0] for u in UNAVAILABLE])
def test_subscription_that_the_broker_does_not_support_is_not_sent(what, options, code, words):
    """Debian's sends it, is disconnected, and begins anew for ever."""
    greeting = packet(CONNACK, 0, b"\0\0" + props({what: 0}))
    with Script([(CONNECT, greeting)]) as broker:
        done = run(NIGHTJAR_TOOLS.command("sub") + broker.at() + options + ["-V", "5"])
    assert done == (code, b"", f"Error: {words} not supported\n".encode())
    assert [p[0] >> 4 for p in broker.heard[0]] == [CONNECT, DISCONNECT]


def test_goodbye_is_no_larger_than_the_broker_takes():
    greeting = packet(CONNACK, 0, b"\0\0" + props({"maximum_packet_size": 20}))
    with Script([(CONNECT, greeting)]) as broker:
        code, out, err = run(NIGHTJAR_TOOLS.command("pub") + broker.at() +
                             ["-t", "t", "-m", "x", "-D", "disconnect", "user-property", "key", "x" * 20])
    assert (code, out) == (0, b"") and err.startswith(b"Warning: -D disconnect is left out")
    assert broker.heard[0][-1] == b"\xe0\x00"


@pytest.mark.parametrize("version,knows", ((V5, True), (V311, False)), ids=("known", "forgotten"))
def test_message_of_qos_2_outlives_its_connection(version, knows):
    """Where the connection breaks before PUBREL it is printed all the same, and once: whether the broker then goes
    on with it or has forgotten it."""
    message = publish("t", "x", 2, 7, version=version)
    again = publish("t", "x", 2, 7, dup=True, version=version) + ack(PUBREL, 7)
    greeting = GREETING[version]
    with Script([(CONNECT, greeting), (SUBSCRIBE, suback(1, 2, version) + message), (PUBREC, b"")],
                [(CONNECT, greeting[:2] + bytes([knows]) + greeting[3:]),
                 (SUBSCRIBE, suback(2, 2, version) + (again if knows else b"") + publish("t", "end", version=version))
                 ]) as broker:
        done = run(NIGHTJAR_TOOLS.command("sub") + broker.at() +
                   ["-t", "t", "-q", "2", "-c", "-i", "me", "-C", "2", "-V", "5" if version == V5 else "311"])
    assert done == (0, b"x\nend\n", b"")


def test_message_of_qos_2_is_not_thrown_away_at_the_end():
    """The broker has its PUBREC and will not send it again."""
    with Script([(CONNECT, GREETING[V311]), (SUBSCRIBE, suback(1, 2, V311) + publish("t", "x", 2, 7))]) as broker:
        with Running(NIGHTJAR_TOOLS.command("sub") + broker.at() + ["-t", "t", "-q", "2", "-d"]) as child:
            child.out.wait("sending PUBREC")
            terminate(child.process)
            assert child.wait() == 0
            assert child.out.text.splitlines()[-2:] == ["Client null sending DISCONNECT", "x"]


@pytest.fixture
def examples():
    if not os.access(os.path.join(EXAMPLES, "example-publish"), os.X_OK):
        pytest.skip("this build has no examples")
    return lambda name, broker, *words: [os.path.join(EXAMPLES, "example-" + name), "127.0.0.1", str(broker.port), *words]


def test_examples_of_the_library_reach_each_other(broker, uid, examples):
    with Running(examples("listen", broker, uid, "2")) as listener:
        listener.err.wait("listening")
        for text in ("one", "two"):
            assert run(examples("publish", broker, uid, text)) == (0, b"", b"")
        assert listener.wait() == 0
        assert listener.out.text == f"{uid}: one\n{uid}: two"
