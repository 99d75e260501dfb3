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


def of_topic(path, topic):
    """A capture of one PUBLISH."""
    packet = bytes([0x30, 2 + len(topic), 0, len(topic)]) + topic
    tcp = struct.pack(">HHIIBBHHH", 40000, 1883, 1, 1, 0x50, 0x18, 65535, 0, 0) + packet
    frame = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, 0x0a000001, 0x0a000002) + tcp
    path.write_bytes(struct.pack("<IHHiIIIIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101, 1, 0, len(frame), len(frame)) + frame)
    return path


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
