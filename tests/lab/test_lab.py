# SPDX-License-Identifier: Apache-2.0
"""The lab (../shared/seeds/002): mosquitto_sub -t '#' -v, mosquitto_pub, what the console shows.

Run with both tool sets, nightjar also under the names of Mosquitto's programs, against nightjar and,
as a control, against Debian's mosquitto. Outputs are compared byte for byte.
"""
import re
import shutil
import time

import pytest

from support.broker import Broker, MOSQUITTO
from support.peer import TIMEOUT
from support.tool import MOSQUITTO_TOOLS, NIGHTJAR_TOOLS, Running, linked_tools, run

CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\n"
PAIRS = [("control", "mosquitto"), ("control", "nightjar"), ("nightjar", "mosquitto"),
         ("nightjar", "nightjar"), ("nightjar", "links")]


@pytest.fixture(scope="module")
def brokers(broker_kind):
    """Both brokers, each started when first asked for."""
    running = {}

    def get(which):
        kind = "mosquitto" if which == "control" else broker_kind
        if kind not in running:
            running[kind] = Broker(kind, CONFIG).start()
        return running[kind]

    yield get
    for broker in running.values():
        assert broker.stop() == 0


@pytest.fixture(scope="module")
def tool_sets(tmp_path_factory, broker_kind):
    sets = {"mosquitto": MOSQUITTO_TOOLS}
    if broker_kind == "nightjar":
        sets.update(nightjar=NIGHTJAR_TOOLS,
                    links=linked_tools(str(tmp_path_factory.mktemp("links"))))
    return sets


@pytest.fixture(params=PAIRS, ids=lambda p: f"{p[0]}-broker-{p[1]}-tools")
def lab(request, brokers, tool_sets, broker_kind):
    which, tools = request.param
    if broker_kind == "mosquitto" and (which != "control" or tools != "mosquitto"):
        pytest.skip("only Debian's own programs are under test")
    if which == "control" and not shutil.which(MOSQUITTO):
        pytest.skip("Debian's mosquitto is not installed")
    if tool_sets[tools].missing:
        pytest.skip(f"{tool_sets[tools].missing} is not installed")
    broker = brokers(which)
    request.node.brokers = [broker]
    return broker, tool_sets[tools]


def at(broker):
    return ["-h", "127.0.0.1", "-p", str(broker.port)]


def subscriber(broker, tools, *options):
    """sub, known to be subscribed: the broker's log says so."""
    mark = broker.mark()
    child = Running(tools.command("sub") + at(broker) + list(options))
    broker.log.wait(r"Sending SUBACK to ", mark)
    child.mark = mark
    return child


def alone(broker):
    """A mark behind which no client of an earlier test says anything."""
    broker.mark()
    for line in broker.log.since():
        found = re.search(r"^New client connected from \S+ as (\S+) \(p", line)
        if found:
            broker.disconnected(found[1])
    return broker.log.mark


def test_subscriber_prints_topic_and_payload(lab):
    """`sub -t '#' -v` shows `world hello` and `cheese/strudel hello`, and nothing else."""
    broker, tools = lab
    with subscriber(broker, tools, "-t", "#", "-v", "-C", "2") as sub:
        for topic in ("world", "cheese/strudel"):
            code, out, err = run(tools.command("pub") + at(broker) + ["-m", "hello", "-t", topic])
            assert (code, out, err) == (0, b"", b"")
        assert sub.wait() == 0
        assert sub.out.lines == ["world hello", "cheese/strudel hello"]
        assert sub.err.lines == []


def normal(lines, broker):
    """Log lines with what differs from run to run replaced: client id, ports."""
    ident = next((m.group(1) for m in (re.search(r" as (\S+) \(p", line) for line in lines) if m), None)
    out = []
    for line in lines:
        line = line.replace(ident, "ID") if ident else line
        line = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS:PORT", line)
        out.append(line.replace(f"on port {broker.port}", "on port 1883"))
    return out


def gone(broker):
    """The last line about a client, as this broker writes it: 2.1's form, or 2.0's for the control."""
    return "Client ID disconnected." if broker.kind == "mosquitto" else \
        "Client ID [ADDRESS:PORT] disconnected."


def level(broker):
    return 2 if broker.kind == "mosquitto" else 4


def test_publisher_leaves_the_labs_lines_in_the_log(lab):
    """Seven lines per mosquitto_pub, word for word (p4 and the address at the end are 2.1's form)."""
    broker, tools = lab
    mark = alone(broker)
    run(tools.command("pub") + at(broker) + ["-m", "hello", "-t", "world"])
    broker.log.wait(r"disconnected\.$", mark)
    assert normal(broker.log.since(mark), broker) == [
        "New connection from ADDRESS:PORT on port 1883.",
        f"New client connected from ADDRESS:PORT as ID (p{level(broker)}, c1, k60).",
        "No will message specified.",
        "Sending CONNACK to ID (0, 0)",
        "Received PUBLISH from ID (d0, q0, r0, m0, 'world', ... (5 bytes))",
        "Received DISCONNECT from ID",
        gone(broker),
    ]


def test_subscriber_leaves_the_labs_lines_in_the_log(lab):
    """The lines of mosquitto_sub -t '#' -v; tab before the filter as Mosquitto writes it."""
    broker, tools = lab
    alone(broker)
    with subscriber(broker, tools, "-t", "#", "-v", "-C", "1") as sub:
        assert normal(broker.log.since(sub.mark), broker)[:8] == [
            "New connection from ADDRESS:PORT on port 1883.",
            f"New client connected from ADDRESS:PORT as ID (p{level(broker)}, c1, k60).",
            "No will message specified.",
            "Sending CONNACK to ID (0, 0)",
            "Received SUBSCRIBE from ID",
            "\t# (QoS 0)",
            "ID 0 #",
            "Sending SUBACK to ID",
        ]
        # It ends by itself: a signal that meets mosquitto_sub 2.0 at work may stop it for ever.
        run(tools.command("pub") + at(broker) + ["-m", "hello", "-t", "world"])
        sub.wait()


def test_lines_carry_the_time_in_seconds(lab):
    broker, tools = lab
    mark = broker.mark()
    run(tools.command("pub") + at(broker) + ["-m", "hello", "-t", "world"])
    broker.log.wait(r"disconnected\.$", mark)
    assert all(re.match(r"\d{10}: ", line) for line in broker.log.lines[mark:])


def test_generated_client_identifier_has_the_known_form(lab):
    """mosquitto_pub sends an empty identifier; the broker makes auto- and a UUID of it."""
    broker, tools = lab
    mark = broker.mark()
    run(tools.command("pub") + at(broker) + ["-m", "hello", "-t", "world"])
    broker.log.wait(r" as auto-[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12} \(p", mark)


def can_capture():
    """tshark on the loopback: None, or why not."""
    if not shutil.which("tshark"):
        return "tshark is not installed"
    code, _, err = run(["tshark", "-i", "lo", "-c", "1", "-a", "duration:0"])
    return None if code == 0 else f"capturing on lo is not permitted: {err.decode(errors='replace')[:200]}"


@pytest.fixture(scope="module")
def capture_refused():
    return can_capture()


def test_tshark_shows_the_topic(lab, capture_refused):
    """tshark -Y mqtt -T fields -e mqtt.topic prints cheese/strudel: nothing is confidential."""
    if capture_refused:
        pytest.skip(capture_refused)
    broker, tools = lab
    with Running(["tshark", "-n", "-l", "-i", "lo", "-f", f"tcp port {broker.port}", "-d",
                  f"tcp.port=={broker.port},mqtt", "-Y", "mqtt", "-T", "fields",
                  "-e", "mqtt.topic"]) as tshark:
        tshark.err.wait("Capturing on")
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            # dumpcap opens the interface some time after it has announced it: publish until seen.
            run(tools.command("pub") + at(broker) + ["-m", "hello", "-t", "cheese/strudel"])
            try:
                tshark.out.wait("^cheese/strudel$", timeout=0.5)
                return
            except AssertionError:
                continue
        pytest.fail("nothing was seen")
