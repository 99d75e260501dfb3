# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""The fields of frames, links, IP and TCP with -e, beside tshark 4.0."""
import json
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess

import pytest

from support.broker import NIGHTJAR, ROOT

CAPTURES = pathlib.Path(ROOT).parent / "shared" / "captures"
ENVIRONMENT = {**os.environ, "TZ": "UTC"}

pytestmark = [pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"{CAPTURES} is not there"),
              pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not there")]


def printed(*words):
    done = subprocess.run(words, capture_output=True, timeout=120, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().split("\n")


FIELDS = [line.split('"')[1] for line in (pathlib.Path(ROOT) / "src/sniff/tree/field.def").read_text(encoding="utf-8").split("\n")
          if re.match(r"NJ_FIELD\((FRAME|ETH|VLAN|SLL|NULL|RAW|ARP|IP|IPV6|TCP|DATA)(_|,)", line)]
# What is only a level of the tree has no name in tshark, or another text.
NO_COLUMN = re.compile(r"(frame|eth|vlan|sll|null|raw|arp|ip|ipv6|tcp|data|tcp\.timestamps|tcp\.options\..*|frame\.protocols|"
                       r"frame\.comment|frame\.section_number|frame\.interface_id)$")
OPTION_NUMBERS = ["tcp.options.mss_val", "tcp.options.wscale.shift", "tcp.options.wscale.multiplier", "tcp.options.sack_le",
                  "tcp.options.sack_re", "tcp.options.sack.count", "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr"]


@pytest.mark.parametrize("name", ["crafted_ethernet_padding", "crafted_vlan_ipv6", "linktype_sll_any", "linktype_bsd_null",
                                  "linktype_raw_ip", "format_little_ns", "seed000_10frames_reconstructed", "many_packets_one_segment"])
def test_every_field_of_the_lower_layers_is_tsharks(name):
    names = [field for field in FIELDS if not NO_COLUMN.match(field)] + OPTION_NUMBERS
    columns = [word for field in names for word in ("-e", field)]
    capture = CAPTURES / f"{name}.pcap"
    assert len(names) > 100
    if name == "crafted_vlan_ipv6":
        names.remove("ip.version")  # tshark gives it to IPv6, too, hidden; ipv6.version is its name
        columns = [word for field in names for word in ("-e", field)]
    theirs = [dict(zip(names, line.split("\t"))) for line in printed("tshark", "-n", "-r", capture, "-T", "fields", *columns)]
    ours = [dict(zip(names, line.split("\t"))) for line in printed(NIGHTJAR, "sniff", "-r", capture, "-T", "fields", *columns)]
    assert ours == theirs


def of_packets(path, packets):
    """A capture of these, each in a segment of its own."""
    capture, sequence = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101), 1
    for packet in packets:
        tcp = struct.pack(">HHIIBBHHH", 40000, 1883, sequence, 1, 0x50, 0x18, 65535, 0, 0) + packet
        frame = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, 0x0a000001, 0x0a000002) + tcp
        capture += struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame
        sequence += len(packet)
    path.write_bytes(capture)
    return path


def of_topic(path, topic):
    return of_packets(path, [bytes([0x30, 2 + len(topic), 0, len(topic)]) + topic])


def test_controls_are_written_as_tshark_does_but_not_to_a_terminal(tmp_path):
    topic = "a\x1b[m\a\b\x7f\u009b\u00e9"
    capture = of_topic(tmp_path / "topic.pcap", topic.encode())
    fields = ("-r", capture, "-T", "fields", "-e", "mqtt.topic")
    plain = printed(NIGHTJAR, "sniff", *fields)
    assert plain == printed("tshark", "-n", *fields) and plain[0] == topic.replace("\b", "\\b")
    ours, theirs = pty.openpty()
    subprocess.run([NIGHTJAR, "sniff", *fields], stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    assert os.read(ours, 1000).decode() == "a\\x1b[m\\x07\\b\\x7f\\x9b\u00e9\r\n"
    os.close(ours)


def test_json_has_no_control_as_it_came(tmp_path):
    topic = "a\x1b\x7f\u009b\u00e9"
    line = printed(NIGHTJAR, "sniff", "-r", of_topic(tmp_path / "topic.pcap", topic.encode()), "-T", "jsonl")[0]
    assert '"a\\u001b\\u007f\\u009b\u00e9"' in line
    assert topic in [value for layer in json.loads(line)["layers"] for _, value in layer["fields"]]


# ---- MQTT ----

def test_every_name_that_tshark_has_for_mqtt_is_known():
    names = [row[2] for row in (line.split("\t") for line in printed("tshark", "-G", "fields"))
             if row[0] == "F" and row[2].startswith("mqtt.")]
    assert len(names) > 70 and len(names) == len(set(names))
    header = printed(NIGHTJAR, "sniff", "-r", CAPTURES / "seed000_frames4_10.pcap", "-T", "fields", "-E", "header=y",
                     *[word for name in names for word in ("-e", name)])[0]
    assert header.split("\t") == names


PAYLOADS = [b"", b"ciel", b"a\0b", b"\0", b"a\0\0", b"\xff\xfea", "caf\u00e9".encode(), b"a\nb\tc\"'\\", b"\x1b[2J\x7f", b"x" * 100]


def of_payloads(path):
    wills = [bytes([0x10, 18 + len(p)]) + b"\0\4MQTT\4\6\0\x3c\0\1c\0\1w" + struct.pack(">H", len(p)) + p for p in PAYLOADS]
    return of_packets(path, wills + [bytes([0x30, 3 + len(p)]) + b"\0\1t" + p for p in PAYLOADS])


AS_TEXT = ["-o", "mqtt.show_msg_as_text:TRUE"]


@pytest.mark.parametrize("words, payload", [
    ([], "6369656c"), (AS_TEXT, "ciel"), ([*AS_TEXT, "-Y", 'mqtt.msg_text contains "i" or mqtt.willmsg_text == "a"'], "ciel"),
    ([*AS_TEXT, "-o", "mqtt.show_msg_as_text:false"], "6369656c")], ids=["bytes", "text", "filter", "not"])
def test_payloads_as_text_are_tsharks(tmp_path, words, payload):
    words = ["-r", of_payloads(tmp_path / "payloads.pcap"), *words, "-T", "fields", "-e", "frame.number", "-e", "mqtt.msg", "-e",
             "mqtt.msg_text", "-e", "mqtt.willmsg", "-e", "mqtt.willmsg_text", "-e", "mqtt.msg_decoded_as", "-e", "_ws.expert.message"]
    ours = printed(NIGHTJAR, "sniff", *words)
    assert ours == printed("tshark", "-n", *words)
    assert any(payload in line.split("\t") for line in ours)


def test_a_tree_has_payloads_as_text():
    words = ["-r", CAPTURES / "v31_qos012_retain_will.pcap", *AS_TEXT, "-Y", "mqtt.msg_text or mqtt.willmsg_text", "-V"]
    ours, theirs = ([line for line in printed(*program, *words) if re.match(r"    (Will )?Message: ", line)]
                    for program in ((NIGHTJAR, "sniff"), ("tshark", "-n")))
    assert ours == theirs and "    Will Message: parti" in ours and "    Message: humide" in ours


@pytest.mark.parametrize("words, says", [
    (["-o", "tcp.desegment:TRUE"], "-o tcp.desegment:TRUE: mqtt.show_msg_as_text:TRUE or :FALSE is expected"),
    (["-o", "mqtt.show_msg_as_text:1"], "mqtt.show_msg_as_text:TRUE or :FALSE is expected"),
    (["--report", *AS_TEXT], "-o mqtt.show_msg_as_text:TRUE and --report exclude each other"),
])
def test_a_preference_that_is_none(words, says):
    done = subprocess.run([NIGHTJAR, "sniff", "-r", "x", *words], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2 and says in done.stderr.decode()


# ---- -E ----

@pytest.mark.parametrize("words", [
    "header=y separator=,", "separator=, separator=;", "header=y header=n", "separator=/s header=y aggregator=/s", "separator=/t quote=s",
    "quote=d quote=n", "quote=d occurrence=f", "occurrence=l", "aggregator=| occurrence=a"])
def test_each_setting_has_an_e_of_its_own_as_with_tshark(words):
    words = ["-r", CAPTURES / "many_packets_one_segment.pcap", "-T", "fields", "-e", "frame.number", "-e", "mqtt.topic",
             *[word for setting in words.split() for word in ("-E", setting)]]
    assert printed(NIGHTJAR, "sniff", *words) == printed("tshark", "-n", *words)


def test_two_settings_in_one_are_refused_where_tshark_drops_the_second():
    words = ["-r", CAPTURES / "many_packets_one_segment.pcap", "-T", "fields", "-e", "frame.number", "-e", "mqtt.topic", "-E"]
    assert printed("tshark", "-n", *words, "header=y,separator=;")[0] == "frame.number\tmqtt.topic"
    done = subprocess.run([NIGHTJAR, "sniff", *words, "header=y,separator=;"], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"-E header=y,separator=;: no such setting; each has an -E of its own." in done.stderr
