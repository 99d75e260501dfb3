# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar sniff --keylog`: sessions of which the key log is known, cut into segments in any way, are read as if there were
no TLS; and beside tshark, where it is there."""
import random
import shutil
import ssl
import struct
import subprocess

import pytest

from sniff.tls_session import Session, capture
from support.broker import NIGHTJAR

CONNECT = bytes.fromhex("100c00044d5154540402003c0000")
CONNACK = bytes.fromhex("20020000")
SUITES = [(ssl.TLSVersion.TLSv1_3, None), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
          (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305")]


def publish(topic, payload):
    body = struct.pack(">H", len(topic)) + topic + payload
    size, n = b"", len(body)
    while True:
        size += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n:
            return b"\x30" + size + body


def sniff(path, *words):
    done = subprocess.run([NIGHTJAR, "sniff", "-n", "-r", path, *words], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def topics(path, *words):
    return sniff(path, *words, "-Y", "mqtt", "-T", "fields", "-e", "mqtt.topic")[0].split()


def talk(folder, version, ciphers, log=True):
    session = Session(folder, version, ciphers, log)
    session.send(True, CONNECT)
    session.send(False, CONNACK)
    session.send(True, publish(b"a/1", b"x" * 30000), publish(b"a/2", b"y") + publish(b"a/3", b"z"))
    session.send(False, publish(b"b/1", b"u"))
    session.send(True, b"\xe0\x00", close=True)
    return session


def in_pieces(seed):
    dice = random.Random(seed)

    def cut(data):
        parts = []
        while data:
            n = dice.choice([1, 3, 5, 40, 700, 1460, 9000])
            parts.append(data[:n])
            data = data[n:]
        return parts
    return cut


@pytest.mark.parametrize("version, ciphers", SUITES)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_cut_into_segments_is_decrypted(tmp_path, version, ciphers, seed):
    session = talk(tmp_path, version, ciphers)
    path = capture(tmp_path / "cut.pcap", session.wire, in_pieces(seed))
    assert [t for row in topics(path, "--keylog", session.keylog) for t in row.split(",")] == ["a/1", "a/2", "a/3", "b/1"]


@pytest.mark.parametrize("version, ciphers", SUITES)
def test_without_the_keys_nothing_is_read_and_nothing_claimed(tmp_path, version, ciphers):
    session = talk(tmp_path, version, ciphers)
    path = capture(tmp_path / "plain.pcap", session.wire)
    assert topics(path) == []
    assert "decrypted" not in sniff(path)[1]


def test_secrets_of_another_session_open_nothing_and_that_is_said(tmp_path):
    (tmp_path / "other").mkdir()
    other = talk(tmp_path / "other", *SUITES[0])
    session = talk(tmp_path, *SUITES[0])
    path = capture(tmp_path / "plain.pcap", session.wire)
    assert topics(path, "--keylog", other.keylog) == []
    shown, said = sniff(path, "--keylog", other.keylog, "-T", "fields", "-e", "_ws.expert.message")
    assert "the key log has no secret of this session" in shown
    assert "given secrets do not open" in said


def test_a_suite_that_is_not_decrypted_is_said_to_be_so(tmp_path):
    session = talk(tmp_path, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA")
    path = capture(tmp_path / "cbc.pcap", session.wire)
    shown = sniff(path, "--keylog", session.keylog, "-T", "fields", "-e", "_ws.expert.message")[0]
    assert "of this cipher suite no records can be" in shown


@pytest.mark.parametrize("version, ciphers", SUITES)
def test_a_record_that_was_changed_is_lost_and_those_after_it_are_read(tmp_path, version, ciphers):
    session = talk(tmp_path, version, ciphers)
    at = [i for i, (is_client, _) in enumerate(session.wire) if not is_client][-2]  # the CONNACK
    session.wire[at] = (False, session.wire[at][1][:-1] + bytes([session.wire[at][1][-1] ^ 1]))
    path = capture(tmp_path / "changed.pcap", session.wire)
    assert topics(path, "--keylog", session.keylog) == ["a/1,a/2,a/3", "b/1"]
    types = sniff(path, "--keylog", session.keylog, "-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype")[0].split()
    assert types == ["1", "3,3,3", "3", "14"]


def pcapng(path, wire, secrets):
    """The same as a pcapng that holds its secrets."""
    capture(path.with_suffix(".pcap"), wire)
    data = path.with_suffix(".pcap").read_bytes()

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    out = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("<HHI", 101, 0, 262144))
    out += block(10, struct.pack("<II", 0x544c534b, len(secrets)) + secrets)
    at = 24
    while at < len(data):
        seconds, fraction, kept, length = struct.unpack_from("<IIII", data, at)
        time = seconds * 1000000 + fraction
        out += block(6, struct.pack("<IIIII", 0, time >> 32, time & 0xffffffff, kept, length) + data[at + 16:at + 16 + kept])
        at += 16 + kept
    path.write_bytes(out)
    return path


def test_a_pcapng_brings_its_secrets(tmp_path):
    session = talk(tmp_path, *SUITES[0])
    path = pcapng(tmp_path / "own.pcapng", session.wire, session.keylog.read_bytes())
    assert topics(path) == ["a/1,a/2,a/3", "b/1"]


@pytest.mark.parametrize("text, words", [
    ("CLIENT_RANDOM 00 11\nCLIENT_RANDOM\n", "2 lines are no secrets"),
    ("# nothing\nEXPORTER_SECRET 00 11\n", "has no secret of TLS in it")])
def test_a_key_log_that_is_none_is_said_to_be_none(tmp_path, text, words):
    session = talk(tmp_path, *SUITES[0])
    path = capture(tmp_path / "plain.pcap", session.wire)
    (tmp_path / "wrong.txt").write_text(text)
    assert words in sniff(path, "--keylog", tmp_path / "wrong.txt")[1]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not there")
@pytest.mark.parametrize("version, ciphers", SUITES)
@pytest.mark.parametrize("has_keys", [False, True])
def test_the_list_is_tsharks(tmp_path, version, ciphers, has_keys):
    session = talk(tmp_path, version, ciphers)
    path = capture(tmp_path / "whole.pcap", session.wire)
    words = ["-o", f"tls.keylog_file:{session.keylog}"] if has_keys else []
    theirs = subprocess.run(["tshark", "-n", "-r", path, *words], capture_output=True, timeout=60, check=True).stdout.decode()
    ours = sniff(path, *(["--keylog", session.keylog] if has_keys else []))[0]
    assert ours == theirs
