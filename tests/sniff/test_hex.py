# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar sniff --hex`: a hex dump is read as the frames that it was made of."""
import pathlib
import shutil
import subprocess

import pytest

from support.broker import NIGHTJAR, ROOT

SHARED = pathlib.Path(ROOT).parent / "shared"
CAPTURES = SHARED / "captures"
DOCUMENT = SHARED / "seeds" / "000_10ace93f174f04b1.txt"
# Of Ethernet; what has no link is told from it by its first bytes.
NAMES = ["seed000_10frames_reconstructed", "crafted_vlan_ipv6", "linktype_raw_ip", "many_packets_one_segment", "v311_large_payload"]

pytestmark = pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"{CAPTURES} is not there")


def run(*words, dump=None):
    done = subprocess.run(words, input=dump, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sniff(*words, dump=None):
    return run(NIGHTJAR, "sniff", *words, dump=dump)


def rows(text):
    """The list without the times, which a dump does not have, and the remarks that follow from them."""
    return [line.split(None, 2)[2] for line in text.decode().split("\n") if line]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", [["-x"], ["-V", "-x"]], ids=["bytes", "tree-and-bytes"])
def test_what_x_prints_is_read(name, words):
    capture = CAPTURES / f"{name}.pcap"
    dump = sniff("-r", capture, *words)
    assert rows(sniff("--hex", "-", dump=dump)) == rows(sniff("-r", capture))
    assert sniff("--hex", "-", "-x", dump=dump) == sniff("-r", capture, "-x")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not there")
@pytest.mark.parametrize("words", [["-x"], ["-V", "-x"]], ids=["bytes", "tree-and-bytes"])
@pytest.mark.parametrize("name", ["one_packet_many_segments", "tls13_with_keylog"])
def test_what_tshark_prints_is_read(name, words):
    """With what it has put together and decrypted behind the frames."""
    capture = CAPTURES / f"{name}.pcap"
    keys = CAPTURES / f"{name}.keylog.txt"
    told = ["-o", f"tls.keylog_file:{keys}"] if keys.exists() else []
    dump = run("tshark", "-n", "-r", capture, *words, *told)
    assert sniff("--hex", "-", "-x", dump=dump) == sniff("-r", capture, "-x")


@pytest.mark.skipif(shutil.which("hexdump") is None, reason="hexdump is not there")
def test_what_hexdump_prints_is_read(tmp_path):
    frame = bytes.fromhex("080027afc575482254" "7532ae0800") + bytes(100) + b"end"
    path = tmp_path / "frame"
    path.write_bytes(frame)
    dump = run("hexdump", "-C", path)
    assert b"*" in dump
    got = sniff("--hex", "-", "-x", dump=dump).decode().split("\n")
    assert bytes.fromhex("".join(line[6:54] for line in got)) == frame


@pytest.mark.skipif(not DOCUMENT.exists(), reason=f"{DOCUMENT} is not there")
def test_the_courses_document_is_read():
    """The two dumps that stand in its text."""
    assert sniff("--hex", DOCUMENT, "-T", "fields", "-e", "mqtt.clientid", "-e", "mqtt.username", "-e", "mqtt.passwd",
                 "-e", "mqtt.topic", "-e", "mqtt.msg") == b"mqttx_badclient\tmystere\tGreatJ0b\t\t\n\t\t\tciel\t3531\n"


def test_a_row_that_is_missing_is_told(tmp_path):
    path = tmp_path / "dump"
    path.write_text("0000  61 62\n0010  63\n")
    done = subprocess.run([NIGHTJAR, "sniff", "--hex", path], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"Line 2 of the hex dump: offset 10 stands there, and 2 is due." in done.stderr
