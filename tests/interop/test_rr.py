# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""mosquitto_rr 2.0.11 beside nightjar rr, before a broker that says what is written down here: the same options, the
same bytes in both directions, the same words and exit codes; where ours are others, why."""
import signal
import subprocess

import pytest

from support import mqtt
from support.broker import free_port
from support.mqtt import CONNECT, PUBLISH, SUBSCRIBE, V5, V31, V311
from support.peer import TIMEOUT
from support.script import GREETING, Script, suback
from support.tool import MOSQUITTO_TOOLS, NIGHTJAR_TOOLS, environment, run

BOTH = (MOSQUITTO_TOOLS, NIGHTJAR_TOOLS)
ASK = ["-i", "me", "-t", "t", "-e", "e", "-m", "?"]
CONNACK = (CONNECT, GREETING[V5])
SUBACK = (SUBSCRIBE, suback(1, 0, V5))


@pytest.fixture(autouse=True)
def installed(broker_kind):
    if broker_kind == "mosquitto" or MOSQUITTO_TOOLS.missing:
        pytest.skip("compares nightjar rr with Debian's mosquitto_rr")


def answer(*payloads, version=V5, **kw):
    return (PUBLISH, b"".join(mqtt.publish("e", p, 0, version=version, **kw) for p in payloads))


def beside(steps, options, stdin=None):
    """Both before the same broker: (exit code, stdout, stderr), and what it heard but for the goodbye, which ours
    always says."""
    results = []
    for tools in BOTH:
        with Script(steps) as broker:
            code, out, err = run(tools.command("rr") + broker.at() + ASK + options, stdin)
        results.append((code, out, err.replace(b"nightjar rr", b"mosquitto_rr"),
                        [p for p in broker.heard[0] if p[0] >> 4 != mqtt.DISCONNECT]))
    return results


def same(steps, options, code=0):
    theirs, ours = beside(steps, options)
    assert ours == theirs and ours[0] == code
    return ours


@pytest.mark.parametrize("version,word", [(V5, "5"), (V311, "311"), (V31, "31")], ids=str)
def test_every_version(version, word):
    same([(CONNECT, GREETING[version]), (SUBSCRIBE, suback(1, 0, version)), answer("!", version=version)], ["-V", word])


@pytest.mark.parametrize("options", [
    "-c", "-c -x 100", "-x 10", "-x -1", "-k 5", "-u a", "-u a -P b", "-P b", "-q 1", "-q 2", "-M 3", "--nodelay", "-N", "-v",
    "-v -N", "-F %t/%p", "--quiet", "--will-topic w", "--will-topic w --will-payload x --will-qos 1 --will-retain",
    "-D connect receive-maximum 7", "-D connect user-property a b", "-D connect topic-alias-maximum 3",
    "-D connect session-expiry-interval 9", "-D connect request-response-information 1",
    "-D connect request-problem-information 0", "-D connect maximum-packet-size 1000", "-D subscribe user-property a b",
    "-D subscribe subscription-identifier 5", "-D publish user-property a b", "-D publish content-type x",
    "-D publish correlation-data c", "-D publish message-expiry-interval 4", "-D publish payload-format-indicator 1",
    "-D unsubscribe user-property a b", "-D disconnect user-property a b", "-D will will-delay-interval 5 --will-topic w"])
def test_options(options):
    same([CONNACK, SUBACK, answer("answer")], options.split())


@pytest.mark.parametrize("options", [
    "-C 1", "-E", "-r", "-l", "--repeat 2", "-T x", "-U x", "--retained-only", "--remove-retained", "-m again", "-n", "-W",
    "-W -1", "-q 3", "-e #", "-D publish response-topic other"])
def test_what_is_not_for_rr_is_refused_in_the_same_words(options):
    results = [run(t.command("rr") + ["-h", "127.0.0.1", "-p", str(free_port())] + ASK + options.split()) for t in BOTH]
    theirs, ours = ((code, out, err.replace(b"nightjar rr", b"mosquitto_rr")) for code, out, err in results)
    assert ours == theirs and ours[0] == 1 and b"Error" in ours[2]


ANSWERS = {
    "empty": [CONNACK, SUBACK, answer("")],
    "retained": [CONNACK, SUBACK, answer("!", retain=True)],
    "an old one first": [CONNACK, (SUBSCRIBE, suback(1, 0, V5) + mqtt.publish("e", "old", 0, version=V5, retain=True))],
    "before SUBACK": [CONNACK, (SUBSCRIBE, mqtt.publish("e", "early", 0, version=V5) + suback(1, 0, V5))],
    "on another topic": [CONNACK, SUBACK, (PUBLISH, mqtt.publish("x", "other", 0, version=V5))],
    "twice": [CONNACK, SUBACK, answer("one", "two")],
    "after a PUBACK that nobody subscribes": [CONNACK, (SUBSCRIBE, suback(1, 1, V5)),
                                              (PUBLISH, mqtt.packet(mqtt.PUBACK, 0, b"\0\2\x10") + answer("!")[1])],
}


@pytest.mark.parametrize("options", (["-v"], ["-v", "-q", "1"]), ids=("", "QoS 1"))
@pytest.mark.parametrize("name", ANSWERS)
def test_the_first_message_is_the_answer(name, options):
    theirs, ours = beside(ANSWERS[name], options)
    assert ours[:3] == theirs[:3] and ours[0] == 0


@pytest.mark.parametrize("steps", [[(CONNECT, b"")], [CONNACK, (SUBSCRIBE, b"")], [CONNACK, SUBACK],
                                   [CONNACK, SUBACK, (PUBLISH, mqtt.packet(mqtt.PUBACK, 0, b"\0\2\x87"))]],
                         ids=("no CONNACK", "no SUBACK", "no answer", "refused"))
def test_time_is_up_whatever_it_waits_for(steps):
    assert same(steps, ["-W", "1", "-q", "1"], code=27)[2] == b"Timed out\n"


@pytest.mark.parametrize("code", (0x80, 0x83, 0x87, 0x8F, 0x97, 0xA2), ids=hex)
def test_denied_subscription_is_told_in_the_same_words(code):
    """Theirs ends with 0 all the same."""
    theirs, ours = beside([CONNACK, (SUBSCRIBE, suback(1, code, V5))], [])
    assert ours[1:3] == theirs[1:3] and ours[2] != b"" and (theirs[0], ours[0]) == (0, code)


@pytest.mark.parametrize("code,text", [(0x8B, b"Server shutting down"), (0x8E, b"Session taken over"), (0x98, b"Administrative action")],
                         ids=("0x8b", "0x8e", "0x98"))
def test_broker_that_ends_the_connection_is_quoted(code, text):
    """Theirs ends with 0, without a word and without an answer."""
    theirs, ours = beside([CONNACK, SUBACK, (PUBLISH, b"\xe0\x02" + bytes([code]) + b"\0")], [])
    assert theirs[:3] == (0, b"", b"")
    assert ours[:3] == (4, b"", b"Error: The client is not currently connected.\n(the broker said: " + text + b")\n")


@pytest.mark.parametrize("limit,options", [(b"\x24\0", ["-q", "2"]), (b"\x27\0\0\0\x20", ["-D", "publish", "content-type", "x" * 99])],
                         ids=("QoS", "size"))
def test_request_that_the_broker_cannot_take(limit, options):
    steps = [(CONNECT, mqtt.packet(mqtt.CONNACK, 0, b"\0\0" + bytes([len(limit)]) + limit)), SUBACK]
    theirs, ours = beside(steps, options)
    assert ours == theirs and ours[0] != 0 and ours[2].startswith(b"Error: ")


def test_alias_that_the_broker_does_not_allow_is_named():
    """Theirs sends it."""
    with Script([CONNACK, SUBACK]) as broker:
        done = run(NIGHTJAR_TOOLS.command("rr") + broker.at() + ASK + ["-D", "publish", "topic-alias", "1"])
    assert done == (3, b"", b"Error: The topic alias is higher than the broker allows.\n")


@pytest.mark.parametrize("word", ("-s", "-f"))
def test_request_from_elsewhere(tmp_path, word):
    """2.0.11 sends an empty one."""
    (tmp_path / "request").write_bytes(bytes(range(256)))
    options = ["-s"] if word == "-s" else ["-f", str(tmp_path / "request")]
    with Script([CONNACK, SUBACK, answer("!")]) as broker:
        code, out, err = run(NIGHTJAR_TOOLS.command("rr") + broker.at() + ASK[:-2] + options, bytes(range(256)))
    assert (code, out, err) == (0, b"!\n", b"")
    assert broker.heard[0][2].endswith(bytes(range(256)))


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT), ids=("SIGTERM", "SIGINT"))
@pytest.mark.parametrize("steps,heard,code,goodbye", [
    ([(CONNECT, b"")], 1, 255, []), ([CONNACK, SUBACK], 3, 0, [b"\xe0\x01\x04"])], ids=("before CONNACK", "waiting"))
def test_signal_says_goodbye_with_the_will(steps, heard, code, goodbye, number):
    """As 2.1: DISCONNECT with reason 4, if there is somebody to say it to. 2.0.11 is killed by them."""
    with Script(steps) as broker:
        child = subprocess.Popen(NIGHTJAR_TOOLS.command("rr") + broker.at() + ASK, env=environment())
        broker.wait(heard)
        child.send_signal(number)
        assert child.wait(TIMEOUT) == code
    assert broker.heard[0][heard:] == goodbye


def test_url_without_a_port_means_its_schemes():
    """Also where -p said another before: 1883, where nobody listens here, or somebody else."""
    with Script([CONNACK]) as broker:
        words = broker.at() + ["-L", "mqtt://127.0.0.1/t", "-e", "e", "-m", "?", "-W", "1"]
        theirs, ours = (run(t.command("rr") + words) for t in BOTH)
        run(NIGHTJAR_TOOLS.command("pub") + broker.at() + ["-t", "t", "-m", "x", "-V", "5"])
    assert len(broker.heard[0]) == 3 and broker.heard[0][1][0] >> 4 == PUBLISH  # nobody but pub was here
    assert theirs[1:] == ours[1:]
