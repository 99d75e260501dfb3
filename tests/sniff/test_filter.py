# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar sniff -Y EXPRESSION` beside tshark's: the same frames of the same captures; and what is refused, at its place."""
import pathlib
import shutil
import subprocess

import pytest

from sniff.tls_session import capture
from support.broker import NIGHTJAR, ROOT

CAPTURES = pathlib.Path(ROOT).parent / "shared" / "captures"

EXPRESSIONS = {
    "v5_all_types_properties.pcap": [
        "mqtt", "mqtt.properties", "!mqtt and tcp", "not not mqtt.qos",
        'mqtt.topic != "x"', '!(mqtt.topic == "x")', 'mqtt.topic ne "a"', 'mqtt.topic any_ne "a"', 'mqtt.topic ~= "a"',
        'mqtt.topic === "a"', 'mqtt.topic all_ne "a"', "mqtt.msgtype != 3", "mqtt.msgtype !== 3", "mqtt.qos all_eq 0",
        "tcp.port != 1883", "ip.addr != 127.0.0.1", "ip.addr != 10.0.0.1", "tcp.port == tcp.srcport", "ip.src == ip.dst",
        "mqtt.topic contains a", 'mqtt.topic contains "/"', "mqtt.topic contains foo-bar", 'mqtt.topic < "m"',
        'mqtt.topic == mqtt.willtopic', 'mqtt.topic contains ""',
        'mqtt.msg contains 68:65', 'mqtt.msg contains "he"', 'mqtt.msg == "hello"', 'mqtt.msg == 68656c6c6f',
        "mqtt.msg == 68.65.6c.6c.6f", "mqtt.msg == 68-65-6c-6c-6f", "mqtt.msg == :68:65", "mqtt.msg > 68", "mqtt.msg < 68:65:6c:6c:6f:00", "mqtt.msg <= 68:65:6c:6c:6f", "mqtt.msg < 5a", 'mqtt.msg >= "h"',
        'mqtt.msg in {"hello", "x"}', 'mqtt.msg == 6', 'mqtt.msg matches "HE"', 'mqtt.topic matches "^S"',
        r'mqtt.topic matches r"^\w+/"', r'mqtt.topic ~ "\\d"',
        "mqtt.msgtype in {1, 3..5}", "mqtt.msgtype not in {1, 3}", 'mqtt.topic in {"a".."t"}', "mqtt.qos in {2..0}",
        "mqtt.qos in {0 .. 1}", "mqtt.conflag.cleansess == TRUE", "mqtt.conflag.cleansess == 1", "mqtt.retain == False",
        "mqtt.qos == 0x1", "mqtt.qos == 01", "mqtt.qos == 0b1", "mqtt.hdrflags == 0x10", "mqtt.property_id == 0x26",
        "mqtt.qos == 0 or mqtt.qos == 1 and mqtt.msgtype == 8", "(mqtt.qos == 0 or mqtt.qos == 1) and mqtt.msgtype == 8",
        "not mqtt.msgtype == 3 and mqtt.qos == 1", "!mqtt.qos==0", "mqtt.qos==0&&tcp||vlan", "((((mqtt))))", "not(mqtt)",
        "ip.addr == 127.0.0.0/8", "ip.addr == 10.0.0.0/8", "ip.addr > 127.0.0.0", "ip.addr in {10.0.0.0/8, 127.0.0.1}",
        "ip.addr in {127.0.0.0..127.0.0.9}", "ip.src > 127.0.0.0/24", "ip.src <= 127.0.0.0/24", "ip.addr != 127.0.0.0/8",
        "eth.addr == 00:00:00:00:00:00", "eth.addr == 00-00-00-00-00-00", "eth.addr == 0000.0000.0000",
        "eth.addr > 00:00:00:00:00:00", "eth.addr contains 00:00",
        "frame.time_relative > 0.5", "frame.time_relative < 1", "frame.time_relative > -1",
        'frame contains "MQTT"', "frame contains 4d:51", 'frame matches "mqtt"', r'frame matches r"mqtt\x05"',
        "frame.number in {1..3,7}", "frame.number <= 3 and not tcp.len > 0", "frame.len gt 100 and frame.len lt 200",
        "tcp.flags.syn == 1 and tcp.flags.ack==0", "tcp.flags.fin == True", "ip.ttl < 65", "ip.proto in {6,17}", "tcp.flags == 0x018",
        "tcp.window_size > 65000", 'tcp.flags.str matches "AP"', "tcp.time_delta > 0.1", 'frame.protocols contains "mqtt"',
        'tcp.payload contains "MQTT"', "eth.type == 0x0800", "ip.len > 100",
        "tcp.stream eq 0", "tcp.srcport == 1883 and tcp.len ge 10", "tcp.dstport le 1883",
    ],
    "v311_all_types.pcap": [
        'mqtt.topic contains "\\u00e9"', 'mqtt.topic == "a/utf8/é"', 'mqtt.topic matches "é"', 'mqtt.topic matches "É"',
        'mqtt.topic matches "^a/utf8/.$"', 'mqtt.topic matches "^A/UTF8/..$"', 'mqtt.topic == "a/utf8/\\xc3\\xa9"',
        'mqtt.msg == ""', 'mqtt.msg contains ""', 'mqtt.topic matches ""', "mqtt.topic and mqtt.msgid > 1",
        'mqtt.topic == "a/vide"', 'mqtt.topic != "a/vide"', 'mqtt.topic === "a/vide"', 'mqtt.topic !== "a/vide"',
        'mqtt.topic matches "^a/vide$" and mqtt.msgtype != 8',
    ],
    "ipv6_localhost.pcapng": [
        "ipv6.addr == ::1", "ipv6.addr == ::/0", "ipv6.src == fe80::/10", "ipv6.addr != ::1", "ip.addr == 127.0.0.1", "ipv6",
        "ipv6.dst in {::0..::2}",
    ],
    "crafted_vlan_ipv6.pcap": ["vlan.id == 42", "vlan", "eth.type == 0x8100", "vlan.id > 0 and ipv6", "ipv6.src > ::1",
                               "eth.src matches \"^\\\\x02\"", "eth.dst contains 00"],
    "seed000_10frames_reconstructed.pcap": ['mqtt.username == "mystere"', 'mqtt.passwd matches "^great"', "ip.src == 192.168.56.0/24",
                                            "not tcp", "eth.addr contains 08:00:27", "eth.src == eth.dst"],
    "tls12_mqtts_ok.pcap": ["tls", "tls.handshake.type == 1", 'tls.handshake.extensions_server_name contains "localhost"',
                            "tls.handshake.type in {2, 11..14}", "tls.record.version == 0x0303", "tls.handshake.ciphersuite == 0xc030"],
    "many_packets_one_segment.pcap": ["mqtt.qos == 1", "mqtt.qos != 1", "mqtt.qos === 1", "mqtt.qos !== 1", "mqtt.msgtype === 3"],
}

REFUSED = [  # filter_test.c has more
    ("mqtt.topc", "mqtt.topc", "did you mean 'mqtt.topic'?"),
    ("tcp and xylophone", "xylophone", "no field"),
    ("mqtt.topic == ", "", "the expression ends"),
    ("mqtt mqtt", "mqtt", "is wanted here"),
    ('mqtt.topic == "é\\q"', "\\q", "escape"),
    ("mqtt.topic contains é", "é", "character"),
    ('mqtt.topic matches "("', '"("', "parenthes"),
    ("ip.addr == 127.0.0.1/33", "127.0.0.1/33", "IPv4"),
]


def sniff(path, *words):
    return subprocess.run([NIGHTJAR, "sniff", "-n", "-r", path, *words], capture_output=True, timeout=60, check=False)


def tsharks(folder, path, expressions):
    """What passes each: a listener for each expression, for tshark is slow to start. An empty one has no listener."""
    script = folder / "listen.lua"
    quote = '"' + '%s' + '"'
    script.write_text("".join(
        f"local tap{i} = Listener.new('frame', {quote % ''.join(f'{chr(92)}{b:03d}' for b in e.encode())})\n"
        f"function tap{i}.packet(pinfo) print({i}, pinfo.number) end\n" for i, e in enumerate(expressions)), encoding="utf-8")
    done = subprocess.run(["tshark", "-n", "-q", "-X", f"lua_script:{script}", "-r", path], capture_output=True, timeout=120, check=True)
    assert b"Error" not in done.stderr, done.stderr
    passed = [[] for _ in expressions]
    for line in done.stdout.decode().splitlines():
        which, number = line.split()
        passed[int(which)].append(int(number))
    return passed


@pytest.mark.skipif(not CAPTURES.exists(), reason=f"{CAPTURES} is not there")
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not there")
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_same_frames_pass_as_with_tshark(tmp_path, name):
    path, expressions = CAPTURES / name, EXPRESSIONS[name]
    theirs = tsharks(tmp_path, path, expressions)
    assert any(theirs)
    otherwise = []
    for expression, wanted in zip(expressions, theirs):
        done = sniff(path, "-Y", expression, "-T", "fields", "-e", "frame.number")
        got = [int(word) for word in done.stdout.split()]
        if done.returncode != 0 or got != wanted:
            otherwise.append((expression, got, wanted, done.stderr))
    assert not otherwise


@pytest.mark.parametrize("expression, place, words", REFUSED)
def test_a_mistake_is_shown_at_its_place(tmp_path, expression, place, words):
    done = sniff(tmp_path / "none.pcap", "-Y", expression)
    said = done.stderr.decode().split("\n")
    assert done.returncode == 2 and not done.stdout
    assert words in said[0]
    shown, marks = said[1], said[2]
    assert shown.strip() == expression.strip()
    at = marks.index("^")
    assert set(marks[:at]) == {" "} and marks[at:] == "^" + "~" * max(len(place) - 1, 0)
    assert shown[at:at + len(place)] == place


def test_an_empty_expression_lets_all_pass(tmp_path):
    path = capture(tmp_path / "two.pcap", [(True, b"x")])
    assert sniff(path, "-Y", " ").stdout == sniff(path).stdout != b""


def test_values_that_were_not_searched_to_the_end_are_told(tmp_path):
    path = capture(tmp_path / "many.pcap", [(True, b"a" * 5000 + b"!")])
    done = sniff(path, "-Y", 'frame matches "(a+)+$"')
    assert done.returncode == 0 and not done.stdout
    assert "whether they match: 1." in done.stderr.decode()
