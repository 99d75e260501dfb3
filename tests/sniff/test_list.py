# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""The list's times in each form, beside tshark's, and -T json beside jsonl."""
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess

import pytest

from support.broker import NIGHTJAR, ROOT

CAPTURES = pathlib.Path(ROOT).parent / "shared" / "captures"

pytestmark = pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"{CAPTURES} is not there")


def printed(*words, zone="UTC"):
    done = subprocess.run(words, capture_output=True, timeout=60, check=False, env={**os.environ, "TZ": zone})
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not there")
@pytest.mark.parametrize("name", ["seed002_plain_v311", "format_little_ns"])
@pytest.mark.parametrize("form", ["r", "d", "dd", "a", "ad", "u", "ud", "e"])
def test_times_are_tsharks(name, form):
    words = ["-n", "-t", form, "-Y", "mqtt", "-r", CAPTURES / f"{name}.pcap"]
    assert printed(NIGHTJAR, "sniff", *words, zone="Asia/Tokyo") == printed("tshark", *words, zone="Asia/Tokyo")


@pytest.mark.parametrize("word, letter", [("relative", "r"), ("delta", "d"), ("absolute", "a"), ("utc", "u"), ("epoch", "e")])
def test_a_word_is_its_letter(word, letter):
    words = ["-r", CAPTURES / "seed002_plain_v311.pcap"]
    assert printed(NIGHTJAR, "sniff", "--time", word, *words) == printed(NIGHTJAR, "sniff", "-t", letter, *words)


def test_a_form_that_is_none():
    done = subprocess.run([NIGHTJAR, "sniff", "-t", "x", "-r", CAPTURES / "seed002_plain_v311.pcap"], capture_output=True,
                          timeout=60, check=False)
    assert done.returncode == 2
    assert b"-t x: r, d, dd, a, ad, u, ud or e." in done.stderr


@pytest.mark.parametrize("filters", [[], ["-Y", "mqtt"], ["-Y", "mqtt.topic == nowhere"]], ids=["all", "some", "none"])
def test_json_is_an_array_of_the_lines_of_jsonl(filters):
    words = ["-r", CAPTURES / "seed002_plain_v311.pcap", *filters]
    lines = printed(NIGHTJAR, "sniff", "-T", "jsonl", *words).split("\n")[:-1]
    assert json.loads(printed(NIGHTJAR, "sniff", "-T", "json", *words)) == [json.loads(line) for line in lines]


COLORS = {"MQTT": 32, "TLSv1.2": 36, "TLSv1": 36, "HTTP": 34, "WebSocket": 34}


@pytest.mark.parametrize("name", ["seed002_plain_v311", "tls12_mqtts_ok", "websocket_mqttjs_v5", "malformed_v5"])
def test_colors_are_by_what_a_row_is_and_change_nothing_else(name):
    words = [NIGHTJAR, "sniff", "-r", CAPTURES / f"{name}.pcap"]
    plain, colored = printed(*words).splitlines(), printed(*words, "--color", "always").splitlines()
    assert [re.sub("\033\\[[0-9]+m", "", row) for row in colored] == plain
    for row in colored:
        protocol = re.search("→ \\S+ +(\\S+) ", row)[1]
        color = 31 if "Malformed" in row else COLORS.get(protocol)
        assert row.startswith(f"\033[{color}m") and row.endswith("\033[0m") if color else "\033" not in row, row


@pytest.mark.parametrize("env, is_colored", [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                                             ({"TERM": "dumb"}, False)])
def test_a_terminal_has_colors_unless_it_is_asked_not_to(env, is_colored):
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("TERM", "NO_COLOR")}
    subprocess.run([NIGHTJAR, "sniff", "-c", "4", "-Y", "mqtt", "-r", CAPTURES / "seed002_plain_v311.pcap"], stdout=theirs, timeout=60,
                   check=True, env={**environment, **env})
    os.close(theirs)
    said = os.read(ours, 65536)
    os.close(ours)
    assert b"Connect Command" in said and (b"\033[32m" in said) == is_colored


def test_a_color_that_is_none():
    done = subprocess.run([NIGHTJAR, "sniff", "--color", "red", "-r", "x"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2 and b"auto, always or never" in done.stderr
