# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""mosquitto_pub, _sub and _rr beside nightjar pub, sub and rr: the same options, the same bytes, the same exit codes.

Each case runs both on the same broker and compares. Debian's tools are 2.0.11; where 2.1 differs from them
(../shared/mosquitto-2.1-options.md, section 3) the test says how, and asks nightjar for 2.1's answer.
"""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from support import mqtt
from support.broker import free_port
from support.mqtt import PUBLISH, V5, V311
from support.peer import TIMEOUT
from support.script import GREETING, Script, suback
from support.tool import MOSQUITTO_TOOLS, NIGHTJAR_TOOLS, environment, linked_tools, run, terminate

BOTH = (MOSQUITTO_TOOLS, NIGHTJAR_TOOLS)

# QoS 0 and 1 only: across QoS 1 and 2 the standard promises no order. QOS_2 is a list of its own.
MESSAGES = [
    ("/a", b"hello", dict(qos=0)),
    ("/a/b", b"second one", dict(qos=1)),
    ("/empty", b"", dict(qos=0)),
    ("/json", b'{"a": [1, 2.5, null, true], "b": {"c": "\\u00e9"}}', dict(qos=1)),
    ("/binary", bytes(range(256)), dict(qos=0)),
    ("/utf8/\u00e9", "caf\u00e9 \U0001f989".encode(), dict(qos=1)),
    ("/quotes", b'say "hi"\\ \t\n', dict(qos=0)),
    ("/props", b"with properties", dict(qos=1, properties=[
        ("content_type", "text/plain"), ("response_topic", "answers/here"), ("correlation_data", b"id-7"),
        ("payload_format_indicator", 1), ("message_expiry_interval", 1000),
        ("user_property", ("one", "1")), ("user_property", ("two", "zwei"))])),
    ("/number", b"42", dict(qos=0)),
]
QOS_2 = [(topic, payload, {**kw, "qos": 2}) for topic, payload, kw in MESSAGES]


@pytest.fixture(autouse=True)
def installed(broker_kind):
    if broker_kind == "mosquitto":
        pytest.skip("compares nightjar's tools with Debian's: needs nightjar")
    for tools in BOTH:
        if tools.missing:
            pytest.skip(f"{tools.missing} is not installed")


def at(broker):
    return ["-h", "127.0.0.1", "-p", str(broker.port)]


def normal(text):
    """Times replaced: they are the only thing that may differ."""
    text = re.sub(rb'"tst":(\s*)"[^"]*"', rb'"tst":\1"T"', text)
    text = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", b"ISO-TIME", text)
    return re.sub(rb"\b1[0-9]{9}\.[0-9]{9}\b", b"UNIX-TIME", text)


class Raw:
    """A child whose output is taken as bytes at its end."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment())

    def result(self, timeout=TIMEOUT * 3):
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"did not end: {self.process.communicate()}") from None
        return self.process.returncode, out, err


def seen_by_both(broker, client, uid, options, messages=MESSAGES, count=None, retained=(), tries=10):
    """What both print of the same messages: [(exit code, output, errors), …]. Where it took more than a second,
    the expiry of a message may have been counted down for one of them only: then both try again."""
    for topic, payload, kw in retained:
        client(V5).publish(uid + topic, payload, retain=True, qos=1)
    running = []
    for tools in BOTH:
        mark = broker.mark()
        running.append(Raw(tools.command("sub") + at(broker) + ["-t", uid + "/#"] + options
                           + ["-C", str(count or len(messages) + len(retained))]))
        broker.log.wait(r"Sending SUBACK to ", mark)
        for topic, _, _ in retained:  # what is said later may overtake them
            broker.log.wait(rf"Sending PUBLISH to .*'{uid}{topic}'", mark)
    publisher = client(V5)
    began = time.monotonic()
    for topic, payload, kw in messages:
        publisher.publish(uid + topic, payload, **kw)
    results = [r.result() for r in running]
    if results[0] != results[1] and time.monotonic() - began > 1 and tries > 1:
        return seen_by_both(broker, client, uid, options, messages, count, retained, tries - 1)
    return [(code, normal(out), err) for code, out, err in results]


# ------------------------------------------------------------------------ what sub prints

FORMATS = ["%%", "%A|%E|%F|%S", "%C|%R", "%D", "%P", "%I", "%U", "%l", "%m", "%p", "%q", "%r", "%t", "%x", "%X", "@@",
           "@Y-@m-@dT@H:@M:@S@z".replace("@S@z", ""), "\\\\", "\\a\\e\\n\\r\\t\\v", "a\\0b", "%t %p", "%t: %l bytes",
           "%10l|", "%-10l|", "%010l|", "%40t|", "%-40t|", "%.3t|", "%-40.3t|", "%40.3t|", "%5q|", "%-5q|", "%05q|",
           "%5r|", "%6m|", "%-6m|", "%06m|", "%40p|", "%-40p|", "%3p|",
           "%030p|", "%20C|", "%-20C|", "%.4C|", "%20R|", "%-20R|", "%.4R|", "%10E|", "%-10F|", "%010E|", "%10A|",
           "%8S|", "plain", "", "%p%p%p", "%q%r%m", "é%té"]


@pytest.mark.parametrize("format_", FORMATS, ids=repr)
@pytest.mark.parametrize("version", ("311", "5"))
def test_format(broker, client, uid, format_, version):
    theirs, ours = seen_by_both(broker, client, uid, ["-F", format_, "-V", version, "-q", "2"])
    assert ours == theirs


@pytest.mark.parametrize("options", [["-F", "%j"], ["-F", "%j", "--pretty"]], ids=" ".join)
@pytest.mark.parametrize("version", ("311", "5"))
def test_json(broker, client, uid, options, version):
    """2.1 writes retain as true or false where 2.0 wrote 1 or 0; the rest is byte for byte."""
    messages = [m for m in MESSAGES if m[0] not in ("/binary", "/props")]
    theirs, ours = seen_by_both(broker, client, uid, options + ["-V", version, "-q", "2"], messages)
    word = lambda m: b'"retain":' + m.group(1) + (b"true" if m.group(2) == b"1" else b"false")
    theirs = (theirs[0], re.sub(rb'"retain":(\s*)([01])', word, theirs[1]), theirs[2])
    assert ours == theirs


def test_properties_in_json(broker, client, uid):
    """User properties are a list of pairs since 2.1, so that none is lost; 2.0 wrote one object."""
    theirs, ours = seen_by_both(broker, client, uid, ["-F", "%j", "-V", "5"], [m for m in MESSAGES if m[0] == "/props"])
    told = json.loads(theirs[1])
    told["retain"] = bool(told["retain"])
    told["properties"]["user-properties"] = [{"one": "1"}, {"two": "zwei"}]
    assert list(json.loads(ours[1]).items()) == list(told.items())
    assert list(json.loads(ours[1])["properties"]) == list(told["properties"])


@pytest.mark.parametrize("options", [["-F", "%J"], ["-F", "%J", "--pretty"]], ids=" ".join)
def test_json_payload(broker, client, uid, options):
    messages = [m for m in MESSAGES if m[0] in ("/json", "/number")]
    theirs, ours = seen_by_both(broker, client, uid, options, messages)
    word = lambda m: b'"retain":' + m.group(1) + (b"true" if m.group(2) == b"1" else b"false")
    assert ours[1] == re.sub(rb'"retain":(\s*)([01])', word, theirs[1]) and ours[0] == theirs[0] == 0


def test_payload_that_is_no_json_is_told(broker, client, uid):
    """%J: a message on stderr, nothing on stdout, and on it goes."""
    _, ours = seen_by_both(broker, client, uid, ["-F", "%J"], [("/x", b"no json", {}), ("/y", b"7", {})])
    assert ours[0] == 0 and f"Error: Message payload is not valid JSON on topic {uid}/x.".encode() in ours[2]
    assert json.loads(ours[1].splitlines()[-1])["payload"] == 7


def test_time_of_json_has_the_form_of_2_1(broker, client, uid):
    mark = broker.mark()
    child = Raw(NIGHTJAR_TOOLS.command("sub") + at(broker) + ["-t", uid, "-F", "%j", "-C", "1"])
    broker.log.wait("Sending SUBACK", mark)
    client(V311).publish(uid, "x")
    told = json.loads(child.result()[1])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4}", told["tst"])
    assert list(told) == ["tst", "topic", "qos", "retain", "payloadlen", "payload"]


@pytest.mark.parametrize("format_", ("%q %m %r %t", "%j"))
def test_format_at_qos_2(broker, client, uid, format_):
    """Either client works with this broker, over TCP. [MQTT311-7.0.0-2] [MQTT311-7.1.2-1] [MQTT5-4.2-1]"""
    messages = [m for m in QOS_2 if m[0] not in ("/binary", "/props")]
    theirs, ours = seen_by_both(broker, client, uid, ["-F", format_, "-q", "2"], messages)
    assert ours == (theirs[0], re.sub(rb'"retain":0', b'"retain":false', theirs[1]), theirs[2])


@pytest.mark.parametrize("payload,format_,shown", [
    (b"hello", "%.2x", b"68 65 6c 6c 6f\n"), (b"hello", "%.2:x", b"68:65:6c:6c:6f\n"),
    (b"hello", "%.4-X", b"6865-6C6C-6F\n"), (b"hello", "%.1x", b"6 8 6 5 6 c 6 c 6 f\n"),
    (b"hello", "%.3x", b"686 56c 6c6 f\n"), (b"", "%.2x", b"\n"),
    (struct.pack("=f", 1.5), "%f", b"1.500000\n"), (struct.pack("=d", -2.25), "%d", b"-2.250000\n"),
    (struct.pack("=d", 3.14159), "%.2d|", b"3.14|\n"), (struct.pack("=f", 1.5), "%10.1f|", b"       1.5|\n")])
def test_escapes_of_2_1(broker, client, uid, payload, format_, shown):
    """Groups of hexadecimal digits; %f and %d, the payload as a float or double of this machine."""
    mark = broker.mark()
    child = Raw(NIGHTJAR_TOOLS.command("sub") + at(broker) + ["-t", uid, "-F", format_, "-C", "1"])
    broker.log.wait("Sending SUBACK", mark)
    client(V311).publish(uid, payload)
    assert child.result()[:2] == (0, shown)


PRINTING = [[], ["-v"], ["-N"], ["-v", "-N"], ["-q", "1"], ["-q", "2", "-v"], ["-v", "-R"], ["--quiet"],
            ["-v", "-T", "{}/a/#"], ["-v", "-T", "{}/+", "-T", "{}/utf8/#"], ["-V", "5", "-v"], ["-V", "31", "-v"],
            ["-k", "30"], ["-M", "5", "-q", "2"], ["-I", "pre-"],
            ["--nodelay"], ["-A", "127.0.0.1"], ["-V", "5", "--retain-as-published", "-v"],
            ["-V", "5", "-D", "subscribe", "subscription-identifier", "7", "-F", "%S %t"],
            ["-V", "5", "-D", "connect", "user-property", "k", "v"], ["-u", "user", "-P", "pw", "-v"],
            ["--will-topic", "{}-w", "--will-payload", "bye", "--will-qos", "1", "--will-retain"]]


@pytest.mark.parametrize("options", PRINTING, ids=" ".join)
def test_printing(broker, client, uid, options):
    """Retained and live messages, with every option that bears on printing."""
    options = [o.format(uid) for o in options]
    retained = [("/kept", b"retained", {})]
    hidden = sum(bool(re.search(r"/a(/|$)", t)) for t, _, _ in MESSAGES) if "{}/a/#".format(uid) in options else \
        sum(t.count("/") == 1 or t.startswith("/utf8") for t, _, _ in MESSAGES) + 1 if "-T" in options else 0
    shown = len(MESSAGES) + 1 - hidden - ("-R" in options)
    theirs, ours = seen_by_both(broker, client, uid, options, retained=retained, count=shown)
    assert ours == theirs
    client(V5).publish(uid + "/kept", b"", retain=True, qos=1)


@pytest.mark.parametrize("options", [["-i", "{}-one"], ["-i", "{}-two", "-c"], ["-i", "{}-three", "-x", "100", "-V", "5"],
                                     ["-i", "{}-four", "-V", "5", "-c"]], ids=" ".join)
def test_options_that_name_the_client(broker, client, uid, options):
    """One after the other, since both would be the same client."""
    results = []
    for tools in BOTH:
        mark = broker.mark()
        child = Raw(tools.command("sub") + at(broker) + ["-t", uid, "-q", "1", "-v", "-C", "2"]
                    + [o.format(uid) for o in options])
        name = options[1].format(uid)
        line = broker.log.wait(rf"New client connected from .* as ({name} \(.*\))", mark).group(1)
        broker.log.wait("Sending SUBACK", mark)
        publisher = client(V311)
        publisher.publish(uid, "one", qos=1)
        publisher.publish(uid, "two", qos=0)
        results.append((child.result(), line))
        broker.log.wait(rf"Received DISCONNECT from {name}", mark)
        mark = broker.mark()
        cleaner = client(V5, name)
        cleaner.disconnect()
        broker.log.wait(rf"Received DISCONNECT from {name}", mark)
    assert results[0] == results[1]


ENDINGS = [(["-W", "1"], 27), (["-E"], 0), (["-C", "1", "-W", "1"], 27), (["--retained-only", "-W", "1"], 27),
           (["-U", "{}/x", "-E"], 0), (["-U", "{}/x", "-W", "1"], 27), (["-N", "-W", "1"], 27),
           (["-W", "1", "--quiet"], 27)]


@pytest.mark.parametrize("options,code", ENDINGS, ids=[" ".join(o) for o, _ in ENDINGS])
def test_sub_ends(broker, uid, options, code):
    """By time, or as soon as the subscription is acknowledged: code, stdout, stderr."""
    options = [o.format(uid) for o in options]
    results = [run(t.command("sub") + at(broker) + ["-t", uid + "/none"] + options) for t in BOTH]
    assert results[0] == results[1] and results[1][0] == code


def test_remove_retained(broker, client, uid):
    """What it shows it clears. (Debian's waits for ever when -C is given besides.)"""
    for n in range(3):
        client(V5).publish(f"{uid}/{n}", str(n), qos=1, retain=True)
    code, out, err = run(NIGHTJAR_TOOLS.command("sub") + at(broker) +
                         ["-t", uid + "/#", "--remove-retained", "-C", "3", "-v"])
    assert (code, sorted(out.splitlines()), err) == (0, [f"{uid}/{n} {n}".encode() for n in range(3)], b"")
    late = client(V5)
    late.subscribe(uid + "/#")
    late.fence()


def test_remove_more_retained_than_there_are_packet_identifiers():
    """The answers stand behind the messages: to wait for them is to wait for ever."""
    count = 66000
    kept = b"".join(mqtt.publish(f"t/{n}", "x", retain=True) for n in range(count))
    with Script([(mqtt.CONNECT, GREETING[V311]), (mqtt.SUBSCRIBE, suback(1, 0, V311) + kept)]) as broker:
        code, out, err = run(NIGHTJAR_TOOLS.command("sub") + broker.at() +
                             ["-t", "#", "--remove-retained", "-W", "3"])
    assert (code, len(out.splitlines()), err) == (27, count, b"Timed out\n")
    removed_at_once = [p for p in broker.heard[0] if p[0] == PUBLISH << 4 | 1]
    assert len(removed_at_once) == count - 65535


def test_retained_only(broker, client, uid):
    """It ends at the first live message."""
    results = []
    client(V5).publish(f"{uid}/r", "kept", qos=1, retain=True)
    for tools in BOTH:
        mark = broker.mark()
        child = Raw(tools.command("sub") + at(broker) + ["-t", uid + "/#", "--retained-only", "-v"])
        broker.log.wait(rf"Sending PUBLISH to .*'{uid}/r'", mark)  # what is said later may overtake it
        client(V5).publish(f"{uid}/live", "live", qos=1)
        results.append(child.result())
    assert results[0] == results[1] == (0, f"{uid}/r kept\n".encode(), b"")


def until_ping(peer):
    peer.send(mqtt.PINGREQ_BYTES)
    while True:
        p = peer.next()
        if p.kind == mqtt.PINGRESP:
            return
        if p.kind == PUBLISH:
            peer.acknowledge(p)
            yield p


def debug_lines(text):
    """-d output with what is random replaced: the generated client id."""
    return [re.sub(r"^Client \S+ (sending|received)", r"Client ID \1", line.replace("null", "ID"))
            for line in text.decode().splitlines()]


@pytest.mark.parametrize("program,options", [
    ("pub", ["-t", "{}", "-m", "x"]), ("pub", ["-t", "{}", "-m", "x", "-q", "1"]),
    ("pub", ["-t", "{}", "-m", "x", "-q", "2", "-V", "5"]), ("sub", ["-t", "{}/#", "-E"]),
    ("sub", ["-t", "{}/a", "-t", "{}/b", "-q", "1", "-E"])], ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_debug_lines(broker, uid, program, options):
    options = [o.format(uid) for o in options] + ["-d", "-i", uid + "-d"]
    results = [run(t.command(program) + at(broker) + options) for t in BOTH]
    assert debug_lines(results[0][1]) == debug_lines(results[1][1]) and results[0][0] == results[1][0]


# ------------------------------------------------------------------------ QoS 2 among others


def conversation(script):
    """Builds what a broker says after SUBACK: script(publish, pubrel) in bytes."""
    def of(version):
        publish = lambda topic, qos=0, mid=None, **kw: mqtt.publish(topic, topic, qos, mid, version=version, **kw)
        return script(publish, lambda mid: mqtt.ack(mqtt.PUBREL, mid))
    return of


MIXED_QOS = {
    "released in another order": (5, [], conversation(lambda p, rel: (
        p("a", 2, 1) + p("b") + p("c", 1, 2) + p("d", 2, 3) + rel(3) + p("e") + rel(1)))),
    "one after the other": (4, [], conversation(lambda p, rel: (
        p("a", 2, 1) + p("b", 1, 2) + rel(1) + p("c", 2, 1) + p("d") + rel(1)))),
    "more than are asked for": (2, [], conversation(lambda p, rel: (
        p("a", 2, 1) + p("b", 2, 2) + rel(2) + rel(1) + p("c")))),
    "retained hidden": (2, ["-R"], conversation(lambda p, rel: (
        p("a", 2, 1, retain=True) + p("b", 2, 2) + rel(1) + rel(2) + p("c")))),
    "retained only": (4, ["--retained-only"], conversation(lambda p, rel: (
        p("a", 2, 1, retain=True) + p("b", 2, 2, retain=True) + rel(1) + p("c", 2, 3) + rel(2) + rel(3)))),
    "a live one before the retained": (4, ["--retained-only"], conversation(lambda p, rel: (
        p("a", 2, 1, retain=True) + p("b") + rel(1)))),
    "filtered out": (2, ["-T", "a"], conversation(lambda p, rel: (
        p("a", 2, 1) + p("b", 2, 2) + rel(2) + rel(1) + p("c")))),
    "filled with its properties": (2, ["-F", "%t %m %q %r %l %p"], conversation(lambda p, rel: (
        p("a", 2, 1, retain=True) + p("b") + rel(1)))),
}

# A client that ends before it has read everything takes with it what it has written.
ENDS_EARLY = {"more than are asked for", "a live one before the retained"}


@pytest.mark.parametrize("debug", ([], ["-d"]), ids=("", "-d"))
@pytest.mark.parametrize("version", ("311", "5"))
@pytest.mark.parametrize("name", MIXED_QOS)
def test_qos_2_among_others(name, version, debug):
    """A message of QoS 2 is printed at its PUBREL, whatever came since its PUBLISH; -d prints the packets around
    it. The same bytes go to the broker, too."""
    count, options, script = MIXED_QOS[name]
    number = V5 if version == "5" else V311
    results = []
    for tools in BOTH:
        with Script([(mqtt.CONNECT, GREETING[number]),
                     (mqtt.SUBSCRIBE, suback(1, 2, number) + script(number))]) as broker:
            done = run(tools.command("sub") + broker.at() + ["-i", "me", "-t", "#", "-q", "2", "-v", "-V", version,
                                                             "-C", str(count)] + options + debug)
        results.append((done, None if name in ENDS_EARLY else broker.heard))
    assert results[1] == results[0] and results[1][0][0] == 0


def test_rr_at_qos_2():
    """The answer is printed at its PUBREL. (Debian's ends without a goodbye, so that its will is published.)"""
    results = []
    for tools in BOTH:
        with Script([(mqtt.CONNECT, GREETING[V5]), (mqtt.SUBSCRIBE, suback(1, 2, V5)),
                     (PUBLISH, mqtt.publish("e", "answer", 2, 7, version=V5)),
                     (mqtt.PUBREC, mqtt.ack(mqtt.PUBREL, 7))]) as broker:
            done = run(tools.command("rr") + broker.at() + ["-i", "me", "-t", "t", "-e", "e", "-m", "?", "-q", "2", "-d"])
        results.append((*done, broker.heard[0]))
    code, out, err, heard = results[0]
    assert results[1] == (code, out + b"Client me sending DISCONNECT\n", err, heard + [mqtt.disconnect()])
    assert code == 0 and out.endswith(b"received PUBREL (Mid: 7)\nClient me sending PUBCOMP (m7)\nanswer\n")


# ------------------------------------------------------------------------ what pub sends


def published(broker, client, uid, tools, options, stdin=None, count=1, program="pub", env=None):
    """What arrives of one command: ((code, out, err), [(topic, payload, qos, retain, properties)…])."""
    watcher = client(V5)
    watcher.subscribe(uid + "/#", qos=2, retain_as_published=True, retain_handling=2)
    done = run(tools.command(program) + at(broker) + options, stdin, env=env)
    got = []
    for _ in range(count):
        p = watcher.receive()
        # 77 s are counted down, on a busy machine by more than none.
        props = [(n, 77 if n == "message_expiry_interval" and 60 <= v <= 77 else v) for n, v in p.props]
        got.append((p.topic, p.payload, p.qos, p.retain, props))
    assert not list(until_ping(watcher))
    watcher.close()
    return done, got


PUBLISHING = [
    (["-t", "{}/a", "-m", "hello"], None, 1), (["-t", "{}/a", "-m", "hello", "-q", "1"], None, 1),
    (["-t", "{}/a", "-m", "hello", "-q", "2"], None, 1), (["-t", "{}/a", "-n"], None, 1),
    (["-t", "{}/a", "-m", ""], None, 1), (["-t", "{}/a", "-l"], b"one\ntwo\n\nfour", 4),
    (["-t", "{}/a", "-l", "-q", "1"], b"".join(b"%d\n" % n for n in range(200)), 200),
    (["-t", "{}/a", "-l", "-q", "2"], b"".join(b"%d\n" % n for n in range(50)), 50),
    (["-t", "{}/a", "-l"], b"", 0), (["-t", "{}/a", "-l"], b"x" * 100000 + b"\n", 1),
    (["-t", "{}/a", "-s"], b"all\nof\nit\x00\xff", 1), (["-t", "{}/a", "-f", "{FILE}"], None, 1),
    (["-t", "{}/a", "-f", "/dev/null", "-q", "1"], None, 1),
    (["-t", "{}/a", "-m", "x", "--repeat", "3"], None, 3),
    (["-t", "{}/a", "-m", "x", "--repeat", "3", "--repeat-delay", "0.01", "-q", "1"], None, 3),
    (["-t", "{}/a", "-m", "x", "-V", "5"], None, 1), (["-t", "{}/a", "-m", "x", "-V", "31"], None, 1),
    (["-t", "{}/a", "-m", "x", "-V", "mqttv5", "-q", "2"], None, 1),
    (["-t", "{}/a", "-m", "é\U0001f989"], None, 1), (["-t", "{}/é/ü", "-m", "x"], None, 1),
    (["-L", "mqtt://127.0.0.1:{PORT}/{}/url", "-m", "x"], None, 1),
    (["-L", "mqtt://user:pw@127.0.0.1:{PORT}/{}/url/deep", "-m", "x"], None, 1),
    (["-t", "{}/a", "-m", "x", "-D", "publish", "content-type", "text/plain"], None, 1),
    (["-t", "{}/a", "-m", "x", "-q", "1", "-D", "publish", "message-expiry-interval", "77",
      "-D", "publish", "response-topic", "r/t", "-D", "publish", "correlation-data", "cd",
      "-D", "publish", "payload-format-indicator", "1", "-D", "publish", "user-property", "k", "v",
      "-D", "publish", "user-property", "k", "w"], None, 1),
    (["-t", "{}/a", "-m", "x", "--repeat", "3", "-D", "publish", "topic-alias", "5"], None, 3),
    (["-t", "{}/a", "-m", "x", "-D", "connect", "session-expiry-interval", "0", "-D", "disconnect",
      "reason-string", "bye"], None, 1),
    (["-t", "{}/a", "-m", "x", "-u", "user", "-P", "pw", "-k", "10", "-i", "{}-pub"], None, 1),
    (["-t", "{}/a", "-m", "x", "-A", "127.0.0.1", "--nodelay", "-M", "3"], None, 1),
    (["-t", "{}/a", "-m", "x", "--will-topic", "{}/will", "--will-payload", "w"], None, 1),
]


@pytest.mark.parametrize("options,stdin,count", PUBLISHING, ids=[" ".join(p[0]) for p in PUBLISHING])
def test_publishing(broker, client, uid, tmp_path, options, stdin, count):
    path = tmp_path / "payload"
    path.write_bytes(b"from a file\n\x00\xff")
    options = [o.replace("{FILE}", str(path)).replace("{PORT}", str(broker.port)).replace("{}", uid) for o in options]
    theirs, ours = (published(broker, client, uid, t, options, stdin, count) for t in BOTH)
    assert ours == theirs and ours[0][0] == 0


def test_retained_publishing(broker, client, uid):
    for tools in BOTH:
        done, got = published(broker, client, uid, tools, ["-t", uid + "/r", "-m", "kept", "-r", "-q", "1"])
        assert done == (0, b"", b"") and got == [(uid + "/r", b"kept", 1, True, [])]
        late = client(V5)
        late.subscribe(uid + "/r")
        late.receive(uid + "/r", "kept", retain=True)
        done, got = published(broker, client, uid, tools, ["-t", uid + "/r", "-n", "-r"])
        assert got == [(uid + "/r", b"", 0, True, [])]


def test_options_files(broker, client, uid, tmp_path, tmp_path_factory):
    """In $XDG_CONFIG_HOME, under the name the program was called by; the command line comes after."""
    links = tmp_path_factory.mktemp("links")
    for name in ("mosquitto_pub", "nightjar-pub"):
        (tmp_path / name).write_text(f"# comment\n-t {uid}/file\n-q 1\n-m from file\n", encoding="utf-8")
    for tools in BOTH + (linked_tools(str(links)),):
        watcher = client(V5)
        watcher.subscribe(uid + "/#", qos=2)
        for more, topic in (([], "/file"), (["-t", uid + "/line"], "/line")):
            code, out, err = run(tools.command("pub") + at(broker) + more, env={"XDG_CONFIG_HOME": str(tmp_path)})
            assert (code, out, err) == (0, b"", b"")
            watcher.receive(uid + topic, "from file", qos=1)
        watcher.close()


def test_blanks_around_an_option_in_a_file_mean_nothing(broker, client, uid, tmp_path):
    for tools, name in zip(BOTH, ("mosquitto_pub", "nightjar-pub")):
        (tmp_path / name).write_text(f"  -t {uid}\n-q  1\n  \n-r \n-m  two blanks \n", encoding="utf-8")
        done, got = published(broker, client, uid, tools, [], env={"XDG_CONFIG_HOME": str(tmp_path)})
        assert done == (0, b"", b"") and got == [(uid, b" two blanks ", 1, True, [])], tools.name


def test_long_line_of_a_file_is_read_whole_or_refused_unread(broker, client, uid, tmp_path):
    """2.0.11 takes what lies beyond 1,023 bytes for an option, and prints it: it may be a password."""
    path = tmp_path / "options"
    path.write_text(f"-t {uid}\n-m {'x' * 65535}\n", encoding="utf-8")
    done, got = published(broker, client, uid, NIGHTJAR_TOOLS, ["-o", str(path)])
    assert done == (0, b"", b"") and got == [(uid, b"x" * 65535, 0, False, [])]
    path.write_text(f"-P {'x' * 70000}\n", encoding="utf-8")
    code, out, err = run(NIGHTJAR_TOOLS.command("pub") + ["-o", str(path)])
    assert code == 1 and err.startswith(b"Error: A line of ") and b"xxx" not in out + err


def test_option_file_of_2_1(broker, client, uid, tmp_path):
    """-o FILE: read options from this file only."""
    path = tmp_path / "options"
    path.write_text(f"-t {uid}/o\n-m words with blanks\n", encoding="utf-8")
    done, got = published(broker, client, uid, NIGHTJAR_TOOLS, ["-o", str(path)])
    assert done == (0, b"", b"") and got == [(uid + "/o", b"words with blanks", 0, False, [])]


# --------------------------------------------------------------------------- rr


@pytest.mark.parametrize("options", [["-m", "ask"], ["-m", "ask", "-v"], ["-m", "ask", "-F", "%t|%p|%q"],
                                     ["-m", "ask", "-N"], ["-n"], ["-m", "ask", "-q", "1"],
                                     ["-m", "ask", "-V", "5"], ["-m", "ask", "-V", "311"],
                                     ["-m", "ask", "-D", "publish", "correlation-data", "c1"]], ids=" ".join)
def test_rr(broker, client, uid, options):
    """Both ask the same responder; request and answer are compared."""
    responder = client(V5)
    responder.subscribe(uid + "/ask", qos=2)
    results = []
    for tools in BOTH:
        child = Raw(tools.command("rr") + at(broker) + ["-t", uid + "/ask", "-e", uid + "/answer", "-W", str(int(TIMEOUT))] + options)
        p = responder.receive(uid + "/ask")
        responder.publish(p.props.get("response_topic") or uid + "/answer", b"the answer", qos=1,
                          properties=[(n, v) for n, v in p.props if n == "correlation_data"])
        results.append((child.result(), p.payload, p.qos, list(p.props)))
    assert results[1] == results[0] and results[1][0][0] == 0


def test_rr_without_an_answer_times_out(broker, uid):
    results = [run(t.command("rr") + at(broker) + ["-t", uid, "-e", uid + "/e", "-m", "x", "-W", "1"]) for t in BOTH]
    assert results[0] == results[1] and results[1][0] == 27


# ------------------------------------------------------------------ errors and exit codes

WRONG = [
    ("pub", ["-t", "x"]), ("pub", ["-m", "x"]), ("pub", ["-t", "x", "-m", "a", "-n"]), ("pub", ["-t", "x", "-m"]),
    ("pub", ["-t", "x", "-m", "a", "-q", "3"]), ("pub", ["-t", "x", "-m", "a", "-q"]),
    ("pub", ["-t", "x/#", "-m", "a"]), ("pub", ["-t", "x", "-m", "a", "-k", "4"]),
    ("pub", ["-t", "x", "-m", "a", "-k", "65536"]), ("pub", ["-t", "x", "-m", "a", "-p", "65536"]),
    ("pub", ["-t", "x", "-m", "a", "-V", "6"]), ("pub", ["-t", "x", "-m", "a", "--repeat", "0"]),
    ("pub", ["-t", "x", "-m", "a", "--repeat-delay", "-1"]),
    ("pub", ["-t", "x", "-m", "a", "-M", "0"]), ("pub", ["-t", "x", "-m", "a", "--will-payload", "p"]),
    ("pub", ["-t", "x", "-m", "a", "--will-retain"]), ("pub", ["-t", "x", "-m", "a", "--will-qos", "3"]),
    ("pub", ["-t", "x", "-m", "a", "--will-topic", "a/#"]), ("pub", ["-t", "x", "-m", "a", "-x", "-2"]),
    ("pub", ["-t", "x", "-m", "a", "-x", "4294967296"]), ("pub", ["-t", "x", "-m", "a", "--frobnicate"]),
    ("pub", ["-t", "x", "-m", "a", "-i", "a", "-I", "b"]),
    ("pub", ["-L", "mqtt://localhost", "-m", "a"]), ("pub", ["-t", "x", "-m", "a", "-D", "publish"]),
    ("pub", ["-t", "x", "-m", "a", "-D", "puback", "reason-string", "1"]),
    ("pub", ["-t", "x", "-m", "a", "-D", "publish", "receive-maximum", "1"]),
    ("pub", ["-t", "x", "-m", "a", "-D", "publish", "subscription-identifier", "1"]),
    ("pub", ["-t", "x", "-m", "a", "-F", "%p"]), ("pub", ["-t", "x", "-s", "-l"]),
    ("sub", ["-t"]), ("sub", ["-t", "a/#/b"]), ("sub", ["-t", "x", "-C", "0"]),
    ("sub", ["-t", "x", "-W", "0"]), ("sub", ["-t", "x", "-q", "3"]), ("sub", ["-t", "x", "-F", "%y"]),
    ("sub", ["-t", "x", "-F", "%"]), ("sub", ["-t", "x", "-F", "@"]), ("sub", ["-t", "x", "-F", "\\"]),
    ("sub", ["-t", "x", "-F", "\\q"]), ("sub", ["-t", "x", "-R", "--retained-only"]), ("sub", ["-t", "x", "-T", "#/a"]),
    ("sub", ["-t", "x", "-U", "#/a"]), ("sub", ["-t", "x", "-c"]), ("sub", ["-t", "x", "--random-filter", "0"]),
    ("sub", ["-t", "x", "-m", "x"]), ("sub", ["-t", "x", "-u"]), ("sub", ["-t", "x", "-P", "pw"]),
    ("sub", ["-t", "x", "--frobnicate"]), ("rr", ["-t", "x", "-m", "a"]), ("rr", ["-e", "x", "-m", "a"]),
    ("rr", ["-t", "x", "-e", "y"]), ("rr", ["-t", "x", "-e", "y/#", "-m", "a"]),
    ("rr", ["-t", "x", "-e", "y", "-m", "a", "-W", "0"]), ("rr", ["-t", "x", "-e", "y", "-m", "a", "-F", "%y"]),
]


@pytest.mark.parametrize("program,options", WRONG, ids=[f"{p} {' '.join(o)}" for p, o in WRONG])
def test_wrong_command_line(broker, program, options):
    """The same exit code, and the same first line on stderr."""
    results = [run(t.command(program) + ([] if "-p" in options else at(broker)) + options)
               for t in BOTH]
    (code, out, err), (our_code, our_out, our_err) = results
    assert our_code == code
    first = lambda text: text.decode().strip().splitlines()[:1]
    assert first(our_err or our_out) == first(err or out)


OF_2_1 = [
    ("pub", ["-L", "http://x/y"], "Unsupported URL scheme."),
    ("pub", ["-D", "nonsense", "content-type", "1"], "Invalid command nonsense given in --property argument."),
    ("pub", ["-D", "publish", "nonsense", "1"], "Invalid property name nonsense given in --property argument."),
    ("pub", ["-t", "x", "-f", "/nonexistent"], 'Unable to read file "/nonexistent": No such file or directory.'),
    ("sub", [], "You must specify a topic to subscribe to (-t) or unsubscribe from (-U)."),
    ("sub", ["-t", "x", "-o", "a", "-o", "b"], "Duplicate -o argument given."),
    ("sub", ["-t", "x", "--retain-handling", "no"], "Unknown value 'no' for --retain-handling. It is one of always, new, never."),
]


@pytest.mark.parametrize("program,options,words", OF_2_1, ids=[f"{p} {' '.join(o)}" for p, o, _ in OF_2_1])
def test_words_of_2_1_tell_more(program, options, words):
    """Debian's name neither the word that was wrong nor the reason."""
    code, out, err = run(NIGHTJAR_TOOLS.command(program) + options)
    assert (code, out, err.decode().splitlines()[0]) == (1, b"", "Error: " + words)


def refused_with(packet, command):
    """What a tool says of a broker that answers CONNECT with `packet` and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(packet)
                while peer.recv(4096):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = run(command + ["-h", "127.0.0.1", "-p", str(server.getsockname()[1])])
        thread.join(10)
        return done


CONNACKS = [("31", 6), ("31", 255), ("311", 5), ("311", 6), ("311", 128), ("5", 1), ("5", 0x8A), ("5", 0x9F),
            ("5", 0xA0), ("5", 0xFF)]


@pytest.mark.parametrize("program,words", (("pub", ["-t", "t", "-m", "x"]), ("sub", ["-t", "t"])))
@pytest.mark.parametrize("version,code", CONNACKS)
def test_any_code_of_connack_is_the_exit_code(version, code, program, words):
    """Also one of no standard: some brokers and gateways have their own."""
    body = bytes([0, code]) + (b"\0" if version == "5" else b"")
    theirs, ours = (refused_with(mqtt.packet(mqtt.CONNACK, 0, body), t.command(program) + words + ["-V", version])
                    for t in BOTH)
    assert ours[0] == code and ours[2].splitlines()[0] == theirs[2].splitlines()[0]


def test_refused_connection(broker_kind, start, uid):
    """CONNACK 5, and 0x87 in version 5: code and words."""
    broker = start("listener {port} 127.0.0.1\n")
    for version in ("31", "311", "5"):
        for program, more in (("pub", ["-m", "x"]), ("sub", []), ("rr", ["-e", "r", "-m", "x"])):
            theirs, ours = (run(t.command(program) + at(broker) + ["-t", uid, "-V", version] + more) for t in BOTH)
            # 2.0's rr had words for the reasons of version 5 only.
            assert ours == theirs or (program == "rr" and ours[:2] == theirs[:2]), (program, version)
            assert ours[0] == (135 if version == "5" else 5)


@pytest.mark.parametrize("program,more", [("pub", ["-m", "x"]), ("sub", []), ("rr", ["-e", "r", "-m", "x"])])
def test_nobody_listens(program, more):
    """The same words; the exit code is 14 since 2.1, 1 before."""
    options = ["-h", "127.0.0.1", "-p", str(free_port()), "-t", "x"] + more
    theirs, ours = (run(t.command(program) + options) for t in BOTH)
    assert ours[1:] == theirs[1:] and (theirs[0], ours[0]) == (1, 14)


def test_denied_subscription(start):
    """All filters refused: All subscription requests were denied."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_subscriptions_per_client 1\n")
    code, out, err = run(NIGHTJAR_TOOLS.command("sub") + at(broker) + ["-t", "a", "-t", "b", "-E"])
    assert code == 0, (out, err)


@pytest.mark.parametrize("program", ("pub", "sub", "rr"))
@pytest.mark.parametrize("option", ("--version", "--help"))
def test_help_and_version_under_mosquittos_name(tmp_path, program, option):
    """Exit code 1 as Mosquitto's programs, the same first word."""
    links = linked_tools(str(tmp_path))
    theirs, ours = run(MOSQUITTO_TOOLS.command(program) + [option]), run(links.command(program) + [option])
    assert ours[0] == theirs[0] == 1
    if option == "--version":
        assert ours[1].split()[:2] == theirs[1].split()[:2]
    else:
        assert f"mosquitto_{program}".encode() in ours[1] + ours[2]


def test_options_to_come_are_refused_clearly(broker):
    """They come with a later issue; nothing is sent meanwhile."""
    for option in (["--proxy", "socks5h://x"], ["--ws"], ["-L", "ws://localhost/x"], ["-L", "wss://localhost/x"]):
        code, out, err = run(NIGHTJAR_TOOLS.command("pub") + at(broker) + ["-m", "x"]
                             + ([] if option[0] == "-L" else ["-t", "x"]) + option)
        assert code == 1 and b"not supported yet" in out + err, (option, code, out, err)


def test_pipe_is_limited_by_the_broker_not_by_pub(start, uid):
    """-l of 5,000 lines at each QoS arrives whole and in order, with room for them to wait."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", args=())
    for qos in ("0", "1", "2"):
        watcher = broker.peer(V311)
        watcher.connect("watcher")
        watcher.subscribe(f"{uid}/{qos}", qos=int(qos))
        lines = b"".join(b"%d\n" % n for n in range(5000))
        done = {}
        thread = threading.Thread(target=lambda q=qos: done.update(r=run(
            NIGHTJAR_TOOLS.command("pub") + at(broker) + ["-t", f"{uid}/{q}", "-l", "-q", q], lines)))
        thread.start()
        for n in range(5000):
            watcher.receive(f"{uid}/{qos}", str(n))
        thread.join()
        assert done["r"] == (0, b"", b"")
        watcher.close()


def test_unix_socket(start, uid):
    broker = start("listener 0 {dir}/b.sock\nlistener {port} 127.0.0.1\nallow_anonymous true\n")
    path = os.path.join(broker.dir, "b.sock")
    with broker.peer(V311) as watcher:
        watcher.connect("w")
        watcher.subscribe("t")
        for tools in BOTH:
            assert run(tools.command("pub") + ["--unix", path, "-t", "t", "-m", tools.name])[0] == 0
            watcher.receive("t", tools.name)


def test_termination_says_goodbye(broker, uid):
    """SIGTERM: DISCONNECT with reason 4 in version 5, exit code as Mosquitto's."""
    codes = []
    for tools in BOTH:
        mark = broker.mark()
        child = Raw(tools.command("sub") + at(broker) + ["-t", uid, "-V", "5"])
        broker.log.wait("Sending SUBACK", mark)
        terminate(child.process)
        codes.append(child.result()[0])
        broker.log.wait("Received DISCONNECT", mark)
    assert codes[0] == codes[1]


UNANSWERED = {"CONNECT": ([(mqtt.CONNECT, b"")], 1),
              "PUBLISH": ([(mqtt.CONNECT, GREETING[V311]), (PUBLISH, b"")], 2)}


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT), ids=("SIGTERM", "SIGINT"))
@pytest.mark.parametrize("packet", UNANSWERED)
def test_pub_that_is_ended_before_an_answer_has_not_succeeded(packet, number):
    """It ends by the signal, so that a shell's loop ends, too; nightjar's says goodbye first."""
    steps, count = UNANSWERED[packet]
    for tools in BOTH:
        with Script(steps) as broker:
            child = Raw(tools.command("pub") + broker.at() + ["-t", "t", "-m", "x", "-q", "1"])
            broker.wait(count)
            child.process.send_signal(number)
            assert child.result() == (-number, b"", b""), tools.name


@pytest.mark.parametrize("command", ("connect", "publish", "will", "disconnect"))
def test_properties_are_not_left_out_in_silence(command):
    """-V 311 behind -D. Debian's refuses some, leaves the message out with others, or never ends."""
    code, out, err = run(NIGHTJAR_TOOLS.command("pub") + ["-t", "t", "-m", "x", "--will-topic", "w", "-D", command,
                                                          "user-property", "k", "v", "-V", "311"])
    assert (code, out) == (1, b"") and err.startswith(b"Error: -D %s needs MQTT 5" % command.encode())
