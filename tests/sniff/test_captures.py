# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar sniff -r` beside what tshark says of the same capture: every file of ../shared/captures, line by line. What
nightjar says otherwise on purpose stands in differences.py, and must really be otherwise."""
import hashlib
import json
import pathlib
import re
import subprocess

import pytest

from sniff.differences import DIFFERENCES, UNWRAPPED
from support.broker import NIGHTJAR, ROOT

CAPTURES = pathlib.Path(ROOT).parent / "shared" / "captures"
NAMES = sorted(p.stem for p in CAPTURES.glob("*.pcap*"))
LONG = 4096
LONG_HEX = re.compile(rf"\b[0-9a-f]{{{LONG + 1},}}\b")

pytestmark = pytest.mark.skipif(not NAMES, reason=f"{CAPTURES} is not there")


def capture(name):
    return next(p for p in CAPTURES.glob(f"{name}.pcap*"))


def sniff(name, *words):
    done = subprocess.run([NIGHTJAR, "sniff", "-n", "-r", capture(name), *words], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def keys_of(name):
    """What the expected files were made with, but for NAME.tls.tsv."""
    path = CAPTURES / f"{name}.keylog.txt"
    return ["--keylog", path] if path.exists() else []


def lines(text):
    """Not splitlines(), which sees the end of a line in more than that."""
    return text.split("\n")


def compare(name, kind, got):
    """Line by line against NAME.KIND; DIFFERENCES has the lines that are otherwise on purpose."""
    wanted = lines((CAPTURES / f"{name}.{kind}").read_bytes().decode())
    otherwise = {d["line"]: d for d in DIFFERENCES if (d["capture"], d["file"]) == (name, kind)}
    for number, d in otherwise.items():
        assert wanted[number - 1] == d["tshark"], "differences.py does not name the line that is there"
        assert d["nightjar"] != d["tshark"] and d["reason"]
        wanted[number - 1] = d["nightjar"]
    assert lines(got) == wanted


def of(kind):
    """Each capture that has such a file, and is read as tshark does."""
    return pytest.mark.parametrize("name", [n for n in NAMES if n not in UNWRAPPED and (CAPTURES / f"{n}.{kind}").exists()])


@of("topics.txt")
def test_the_topics_are_tsharks(name):
    compare(name, "topics.txt", sniff(name, *keys_of(name), "-Y", "mqtt", "-T", "fields", "-e", "mqtt.topic"))


def columns_of(name, kind, layer, *words):
    """What `-T fields` prints for the header that the file has; empty where it has none."""
    header = (CAPTURES / f"{name}.{kind}").read_text(encoding="utf-8").split("\n", 1)[0]
    if not header:
        return sniff(name, *words, "-Y", layer) + "\n"
    columns = [word for field in header.split("\t") for word in ("-e", field)]
    return sniff(name, *words, "-Y", layer, "-T", "fields", "-E", "header=y", "-E", "occurrence=a", "-E", "aggregator=|", *columns)


@of("tsv")
def test_every_field_is_tsharks(name):
    got = columns_of(name, "tsv", "mqtt", *keys_of(name))
    compare(name, "tsv", LONG_HEX.sub(lambda found: shortened(found[0]), got))


@of("tls.tsv")
def test_what_tls_shows_is_tsharks(name):
    compare(name, "tls.tsv", columns_of(name, "tls.tsv", "tls"))


@of("summary.txt")
def test_the_list_is_tsharks(name):
    compare(name, "summary.txt", sniff(name, *keys_of(name)))


def shortened(value):
    """As the expected files were: a long value is its hash and its length."""
    digits = value.replace(":", "")
    if len(digits) <= LONG:
        return value
    return f"sha256:{hashlib.sha256(bytes.fromhex(digits)).hexdigest()} bytes:{len(digits) // 2}"


def as_expected(frame):
    """A line of ours in the form of NAME.json, without what only nightjar tells."""
    layer = {}
    for found in frame["layers"]:
        layer.setdefault(found["name"], dict(found["fields"]))
    packets = [{"summary": found["text"], "fields": [[name, shortened(value)] for name, value in found["fields"]
                                                      if not name.startswith("nightjar.")]}
               for found in frame["layers"] if found["name"] == "mqtt"]
    tcp = layer["tcp"]
    return {"packets": packets, "frame": frame["number"], "time_relative": layer["frame"]["frame.time_relative"],
            "src": frame["source"], "dst": frame["destination"], "sport": int(tcp["tcp.srcport"]),
            "dport": int(tcp["tcp.dstport"]), "stream": int(tcp["tcp.stream"]),
            **({"malformed": True} if frame.get("malformed") else {})}


@of("json")
def test_the_tree_of_each_packet_is_tsharks(name):
    wanted = json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))
    got = [as_expected(json.loads(line)) for line in sniff(name, *keys_of(name), "-Y", "mqtt", "-T", "jsonl").split("\n")[:-1]]
    assert [f["frame"] for f in got] == [f["frame"] for f in wanted]
    for ours, theirs in zip(got, wanted):
        assert ours == theirs


def test_an_inferred_version_is_a_field_that_can_be_asked_for():
    name, field = "crafted_midstream_no_connect", "nightjar.mqtt.inferred_version"
    assert sniff(name, "-Y", f"{field} == 4", "-T", "fields", "-e", "frame.number", "-e", field) == "1\t4\n3\t4\n5\t4\n"
    frames = [json.loads(line) for line in sniff(name, "-Y", "mqtt", "-T", "jsonl").split("\n")[:-1]]
    assert [[field, "4"] in layer["fields"] for frame in frames for layer in frame["layers"] if layer["name"] == "mqtt"] == [True] * 3


MISTAKES = CAPTURES.parent / "tls-mistakes.md"


def alerts_of_mistakes():
    """The numbers in its table of alerts."""
    table = re.findall(r"^\| [^|]+ \| ([0-9 /]+) \| ", MISTAKES.read_text(encoding="utf-8"), re.M) if MISTAKES.exists() else []
    return sorted({int(number) for cell in table for number in cell.split(" / ")})


@pytest.mark.skipif(not MISTAKES.exists(), reason=f"{MISTAKES} is not there")
def test_each_alert_of_the_measured_mistakes_has_a_likely_cause(tmp_path):
    unknown_ca = bytes.fromhex("15 0303 0002 02 30")
    whole = capture("tls12_alert_unknown_ca_student").read_bytes()
    assert whole.count(unknown_ca) == 1 and {42, 48, 80, 116} < set(alerts_of_mistakes())
    for alert in alerts_of_mistakes():
        path = tmp_path / f"{alert}.pcap"
        path.write_bytes(whole.replace(unknown_ca, unknown_ca[:-1] + bytes([alert])))
        done = subprocess.run([NIGHTJAR, "sniff", "-r", path, "-Y", f"tls.alert_message.desc == {alert}"], capture_output=True, timeout=60,
                              check=True)
        assert re.search(rb" Alert \(Level: Fatal, Description: [^)]+\) \[Likely cause: [^\]]+\]\n", done.stdout), (alert, done.stdout)


def test_a_port_that_is_said_to_be_mqtts_is_read_in_mid_stream(tmp_path):
    """The capture begins after the CONNECT; its frames have no checksum that would forbid another port."""
    path = tmp_path / "elsewhere.pcap"
    path.write_bytes(capture("crafted_midstream_no_connect").read_bytes().replace((1883).to_bytes(2, "big"), (2883).to_bytes(2, "big")))
    shown = {}
    for words in ((), ("--port", "2883")):
        done = subprocess.run([NIGHTJAR, "sniff", "-r", path, "-Y", "mqtt", "-T", "fields", "-e", "mqtt.topic", *words],
                              capture_output=True, timeout=60, check=True)
        shown[words] = done.stdout
    assert shown[()] == b""
    assert shown["--port", "2883"] == (CAPTURES / "crafted_midstream_no_connect.topics.txt").read_bytes()
