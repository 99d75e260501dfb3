# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar sniff -i` on the loopback, with real clients; what it keeps (-w), and a capture that is read while it grows.

Each test captures on the port of a broker of its own, so that nothing else on this machine is in the way."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest

from sniff.test_tls import CONNACK, CONNECT, publish as publish_packet
from sniff.tls_session import certificate
from support.broker import NIGHTJAR, free_port
from support.peer import TIMEOUT
from support.tool import Running, run

PUB = "/usr/bin/mosquitto_pub"
# A leak sanitizer traces its process from a process of its own, which who has let go of his rights may not.
NO_LEAKS = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def refused():
    """None where we may capture, else why not."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
        return None
    except (AttributeError, OSError) as error:
        return f"no right to capture (CAP_NET_RAW): {error}"


REFUSED = refused()
captures = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))


class Sniff(Running):
    """Captures from the moment it is there."""

    def __init__(self, *words, interface="lo", **kw):
        super().__init__([NIGHTJAR, "sniff", "-i", interface, *map(str, words)], env=NO_LEAKS, **kw)
        self.err.wait("^Capturing on ")

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        assert self.wait() == 0, self.err.text

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.wait()


def sniff(*words):
    code, out, err = run([NIGHTJAR, "sniff", *map(str, words)], env=NO_LEAKS)
    return code, out.decode(), err.decode()


def read(*words):
    code, out, err = sniff("-r", *words)
    assert code == 0, err
    return out


def publish(broker, topic, *words):
    code, _, err = run([PUB, "-p", str(broker.port), "-t", topic, "-m", "x", *words])
    assert code == 0, err


@pytest.fixture
def clients():
    if not os.access(PUB, os.X_OK):
        pytest.skip("mosquitto's clients are not installed")


@captures
def test_real_clients_are_seen_as_they_speak(broker, clients, tmp_path):
    kept = tmp_path / "live.pcapng"
    with Sniff("--port", broker.port, "--host", "127.0.0.1", "-w", kept, "-P", "-T", "fields", "-e", "mqtt.topic",
               "-e", "mqtt.clientid", "-e", "mqtt.ver", "-Y", "mqtt") as live:
        for version, number in (("31", 3), ("311", 4), ("5", 5)):
            publish(broker, f"mosquitto/{version}", "-V", version, "-i", f"theirs{version}", "-q", "2")
            live.out.wait(f"^\ttheirs{version}\t{number}$")  # while it still captures: lines are not held back
            live.out.wait(f"^mosquitto/{version}\t\t$")
        code, _, err = run([NIGHTJAR, "pub", "-p", str(broker.port), "-t", "ours", "-m", "x", "-i", "nightjar"])
        assert code == 0, err
        live.out.wait("^ours\t\t$")
        paho_publishes(broker)
        live.out.wait("^paho\t\t$")
        live.stop()
        frames = int(live.err.wait(r"Captured (\d+) frames on 'lo'; dropped: 0 by the kernel")[1])
    lines = live.out.text.split("\n")
    assert [line for line in lines if line.startswith("mosq") or line.startswith("ours") or line.startswith("paho")] == [
        "mosquitto/31\t\t", "mosquitto/311\t\t", "mosquitto/5\t\t", "ours\t\t", "paho\t\t"]
    assert len(lines) < frames  # SYN and FIN are no MQTT
    again = read(kept, "-T", "fields", "-e", "mqtt.topic", "-e", "mqtt.clientid", "-e", "mqtt.ver", "-Y", "mqtt")
    assert again.split("\n")[:-1] == lines


def paho_publishes(broker):
    paho = pytest.importorskip("paho.mqtt.client")
    client = paho.Client("paho")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish("paho", "x", qos=1).wait_for_publish(TIMEOUT)
    client.disconnect()
    client.loop_stop()


@captures
def test_words_behind_the_options_are_the_filter(broker, clients):
    with Sniff("-Y", "mqtt.topic", "-T", "fields", "-e", "mqtt.topic", "tcp", "port", str(broker.port)) as live:
        publish(broker, "ciel")
        live.out.wait("^ciel$")
        live.stop()
        live.err.wait(f"Capturing on 'lo': tcp port {broker.port}$")


@captures
@pytest.mark.parametrize("ending", ["pcap", "pcapng"])
def test_what_is_kept_is_what_was_printed(broker, clients, tmp_path, ending):
    kept = tmp_path / f"live.{ending}"
    with Sniff("--port", broker.port, "-w", kept, "-P") as live:
        publish(broker, "ciel")
        live.out.wait(r"Publish Message \[ciel\]")
        live.stop(signal.SIGTERM)
    assert read(kept) == live.out.text + "\n"
    if shutil.which("tshark"):
        done = subprocess.run(["tshark", "-n", "-r", kept, "-d", f"tcp.port=={broker.port},mqtt"], capture_output=True, check=True)
        assert done.stdout.decode() == live.out.text + "\n"


@captures
def test_a_report_of_what_was_captured(broker, clients, tmp_path):
    kept = tmp_path / "live.pcapng"
    with Sniff("--port", broker.port, "-w", kept, "--report") as live:
        publish(broker, "ciel")
        with Sniff("--port", broker.port, "-w", os.devnull, "-P") as second:
            publish(broker, "bleu")
            second.out.wait("Disconnect Req")
        live.stop()
    assert "ciel" in live.out.text and "bleu" in live.out.text
    assert read(kept, "-Y", "mqtt.topic", "-T", "fields", "-e", "mqtt.topic") == "ciel\nbleu\n"


def in_tls(folder, port):
    """Both ends of a connection over the loopback, and what its client wrote of its secrets."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate(folder))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.keylog_filename = str(folder / "of-client.txt")
    with socket.create_server(("127.0.0.1", port)) as listener:
        ends = [None]

        def accept():
            ends[0] = server.wrap_socket(listener.accept()[0], server_side=True)

        thread = threading.Thread(target=accept)
        thread.start()
        near = client.wrap_socket(socket.create_connection(("127.0.0.1", port), TIMEOUT))
        thread.join(TIMEOUT)
    return near, ends[0], (folder / "of-client.txt").read_text(encoding="ascii")


@captures
def test_secrets_that_are_written_while_it_captures_are_used(tmp_path):
    """Here they come later than ever: behind the handshake and a first message, and the last line in two parts."""
    port, keylog, early = free_port(), tmp_path / "secrets.txt", publish_packet(b"too/early", b"x" * 1000)
    keylog.touch()
    with Sniff("--port", port, "--keylog", keylog, "-T", "fields", "-e", "tls.record.length", "-e", "mqtt.topic", "-Y", "tls") as live:
        near, far, secrets = in_tls(tmp_path, port)
        with near, far:
            near.sendall(CONNECT)
            assert far.recv(100) == CONNECT
            near.sendall(early)
            live.out.wait(rf"^{len(early) + 17}\t$")
            with open(keylog, "a", encoding="ascii", buffering=1) as log:
                log.write(secrets[:-20])
                log.flush()
                far.sendall(CONNACK)
                assert near.recv(100) == CONNACK
                log.write(secrets[-20:])
            near.sendall(publish_packet(b"secret/one", b""))
            live.out.wait("secret/one$")
            near.sendall(publish_packet(b"secret/two", b""))
            live.out.wait("secret/two$")
        live.stop()
    assert "too/early" not in live.out.text
    assert "no secret of TLS in it" not in live.err.text


@captures
def test_all_interfaces_are_one_named_any(broker, clients):
    with Sniff("--port", broker.port, "-T", "jsonl", interface="any") as live:
        publish(broker, "ciel")
        live.out.wait("ciel")
        live.stop()


@captures
def test_it_stops_after_so_many_frames_or_so_long(broker, clients):
    with Sniff("--port", broker.port, "-c", 2) as live:
        publish(broker, "ciel")
        assert live.wait() == 0
        assert len(live.out.text.split("\n")) == 2
    with Sniff("--port", free_port(), "-a", "duration:1") as live:
        assert live.wait() == 0
        assert live.out.text == ""
        live.err.wait("Captured 0 frames on 'lo'")


@captures
def test_a_snapshot_length_cuts_frames(broker, clients, tmp_path):
    kept = tmp_path / "cut.pcap"
    with Sniff("--port", broker.port, "-s", 80, "-w", kept, "-c", 4) as live:
        publish(broker, "ciel")
        assert live.wait() == 0
    assert set(read(kept, "-T", "fields", "-e", "frame.cap_len").split()) <= {"74", "66", "80"}


@captures
def test_what_is_captured_may_be_read_from_a_pipe(broker, clients):
    """-w - | -r -: live at both ends."""
    first = subprocess.Popen([NIGHTJAR, "sniff", "-i", "lo", "--port", str(broker.port), "-w", "-"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env={**os.environ, **NO_LEAKS})
    try:
        assert b"Capturing on" in first.stderr.readline()
        with Running([NIGHTJAR, "sniff", "-r", "-"], stdin=first.stdout) as second:
            first.stdout.close()
            publish(broker, "ciel")
            second.out.wait(r"Publish Message \[ciel\]")
            first.send_signal(signal.SIGINT)
            assert second.wait() == 0
            assert first.wait(TIMEOUT) == 0
    finally:
        first.kill()
        first.wait()
        first.stderr.close()


@captures
def test_it_ends_when_its_reader_is_gone(broker, clients):
    process = subprocess.Popen([NIGHTJAR, "sniff", "-i", "lo", "--port", str(broker.port)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, **NO_LEAKS})
    try:
        assert b"Capturing on" in process.stderr.readline()
        process.stdout.close()
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@captures
def test_no_right_is_left_while_it_captures():
    with Sniff("--port", free_port()) as live:
        with open(f"/proc/{live.process.pid}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f)
        assert "0" not in status["Uid"].split()
        assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh")} == {0}
        assert status["NoNewPrivs"] == "1"
        live.stop()


@captures
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="takes root and setpriv")
def test_nothing_is_read_as_root():
    done = subprocess.run(["setpriv", "--bounding-set=-setuid,-setgid", NIGHTJAR, "sniff", "-i", "lo", "--port", str(free_port()),
                           "-a", "duration:1"], capture_output=True, timeout=TIMEOUT, check=False, env={**os.environ, **NO_LEAKS})
    assert done.returncode == 2
    assert b"Nothing is read as root, and to become another user is refused: Operation not permitted." in done.stderr
    assert b"Capturing on" not in done.stderr


@pytest.fixture
def open_folder():
    """Where any user may come."""
    folder = tempfile.mkdtemp(prefix="nj-live-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def first_interface():
    return sniff("-D")[1].split("\n")[0].split(" ")[1]


@captures
def test_without_a_source_it_captures_where_tshark_would():
    code, out, err = sniff("-Y", "mqtt", "-T", "fields", "-e", "mqtt.topic", "--port", free_port(), "-a", "duration:1")
    assert (code, out) == (0, "")
    assert f"Capturing on '{first_interface()}': " in err
    if shutil.which("tshark"):
        done = subprocess.run(["tshark", "-D"], capture_output=True, timeout=TIMEOUT, check=True)
        assert done.stdout.decode().split("\n")[0].split(" ")[1] == first_interface()


@captures
@pytest.mark.parametrize("words", [["-i", "lo"], ["-Y", "mqtt", "-T", "fields", "-e", "mqtt.topic"]])
def test_which_right_is_missing_is_said(open_folder, words):
    program = shutil.copy(NIGHTJAR, os.path.join(open_folder, "nightjar"))
    interface = "lo" if "-i" in words else first_interface()
    try:
        done = subprocess.run([program, "sniff", *words], capture_output=True, timeout=TIMEOUT, check=False, user=65534, group=65534,
                              extra_groups=[], env={**os.environ, **NO_LEAKS})
    except OSError as error:
        pytest.skip(f"no other user may run it: {error}")
    assert done.returncode == 2
    assert f"Capturing on '{interface}' takes the right CAP_NET_RAW, which this process does not have.\n".encode() in done.stderr
    assert f"sudo setcap cap_net_raw+ep {program}\n".encode() in done.stderr


def test_interfaces_are_listed():
    code, out, err = sniff("-D")
    assert code == 0, err
    assert any(line.split(". ", 1)[1] == "lo (Loopback)" for line in out.split("\n")[:-1])


@captures
@pytest.mark.parametrize("words, says", [
    (["-i", "lo0"], "There is no interface 'lo0'; did you mean 'lo'?"),
    (["-i", "nowhere"], "There is no interface 'nowhere'."),
    (["-i", "lo", "-f", "port what"], "The capture filter 'port what' makes no sense"),
    (["-i", "lo", "port", "what"], "The capture filter 'port what' makes no sense"),
    (["-i", "lo", "-w", "/nowhere/x.pcap"], "-w /nowhere/x.pcap: No such file or directory."),
])
def test_what_cannot_be_captured_is_said(words, says):
    code, out, err = sniff(*words)
    assert (code, out) == (2, "")
    assert says in err


@pytest.mark.parametrize("words, says", [
    (["-i", "lo", "-r", "x"], "-r and -i exclude each other"),
    (["-i", "lo", "--hex", "x"], "--hex and -i exclude each other"),
    (["-r", "x", "--hex", "y"], "one capture at a time: x or y?"),
    (["-r", "x", "-r", "y"], "one capture at a time: x or y?"),
    (["-i", "lo", "-i", "any"], "one interface at a time: lo or any?"),
    (["-r", "x", "--report", "--ladder"], "--report and --ladder exclude each other"),
    (["-r", "x", "--report", "--report=html"], "--report and --report=html exclude each other"),
    (["-r", "x", "--report", "-T", "json"], "--report and -T exclude each other"),
    (["-r", "x", "-T", "list", "--ladder"], "-T and --ladder exclude each other"),
    (["-r", "x", "-V", "--report"], "-V and --report exclude each other"),
    (["-r", "x", "-x", "-T", "json"], "-x and -T exclude each other"),
    (["-r", "x", "--show-secrets"], "--show-secrets goes with --report or --ladder"),
    (["-r", "x", "--lang", "fr"], "--lang goes with --report or --ladder"),
    (["-r", "x", "-E", "header=y"], "-E goes with -T fields"),
    (["-r", "x", "-P"], "-P goes with -w FILE"),
    (["-r", "x", "--host", "::1"], "are for capturing"),
    (["-i", "lo", "-f", "tcp", "--port", "1883"], "-f says it all"),
    (["-i", "lo", "--port", "1883", "tcp"], "-f says it all"),
    (["-r", "x", "port", "1883"], "a filter of what is captured stands behind -i"),
    (["-i", "lo", "-f", "tcp", "port", "1883"], "a filter of what is captured stands behind -i"),
    (["-i", "lo", "--port", "65536"], "a port is a number from 1 to 65535"),
    (["-i", "lo", "--port", "-1"], "a port is a number from 1 to 65535"),
    (["-i", "lo", "--host", "a or b"], "no address, and no name"),
    (["-i", "lo", "-s", "0"], "a number of bytes, up to 262144"),
    (["-i", "lo", "-B", "2048"], "a number of MiB, up to 2047"),
    (["-i", "lo", "-a", "packets:3"], "duration:SECONDS is expected"),
    (["-i", "lo", "-w", "-", "-P"], "-w - and -P write to the same place"),
    (["-i", "lo", "-w", "-", "--report"], "-w - and --report write to the same place"),
])
def test_a_mistake_is_named(words, says):
    code, out, err = sniff(*words)
    assert (code, out) == (2, "")
    assert says in err


# ---- files that grow, files that are kept ----

def frame(payload, number):
    """A segment from port 40000 to 1883, as raw IP; the first one stands behind no SYN."""
    sequence = sum(len(p) for p in PACKETS[:number])
    tcp = bytes.fromhex("9c40075b") + (1000 + sequence).to_bytes(4, "big") + bytes.fromhex("000000015018200000000000") + payload
    ip = bytes.fromhex("4500") + (20 + len(tcp)).to_bytes(2, "big") + bytes.fromhex("0000000040060000 0a000001 0a000002") + tcp
    return bytes(8) + len(ip).to_bytes(4, "little") * 2 + ip


HEADER = bytes.fromhex("d4c3b2a1 02000400 0000000000000000 00000400 65000000")
PACKETS = [bytes.fromhex("100e00044d5154540402003c0002") + b"id"] + [bytes([0x30, 6, 0, 4]) + b"ciel" for _ in range(3)]
LIST = [r"Connect Command", *[r"Publish Message \[ciel\]"] * 3]


@pytest.fixture
def growing():
    """A capture on standard input, of which frames come when the test says so."""
    source, sink = os.pipe()
    with os.fdopen(sink, "wb", buffering=0) as out:
        with Running([NIGHTJAR, "sniff", "-r", "-"], stdin=source) as reader:
            os.close(source)
            reader.sink = out
            out.write(HEADER)
            yield reader


def test_each_frame_is_printed_when_it_is_there(growing):
    mark = 0
    for number, payload in enumerate(PACKETS):
        growing.sink.write(frame(payload, number))
        growing.out.wait(LIST[number], mark)
        mark = growing.out.mark
    growing.sink.close()
    assert growing.wait() == 0


@pytest.mark.parametrize("rest", [0, 7])
def test_a_signal_ends_it_between_frames_and_within_one(growing, rest):
    growing.sink.write(frame(PACKETS[0], 0) + frame(PACKETS[1], 1)[:rest])
    growing.out.wait(LIST[0])
    growing.process.send_signal(signal.SIGTERM)
    assert growing.wait() == 0
    assert growing.err.text == ""


def test_frames_of_a_filter_are_kept(tmp_path):
    whole, kept, again = tmp_path / "whole.pcap", tmp_path / "kept.pcapng", tmp_path / "again.pcap"
    whole.write_bytes(HEADER + b"".join(frame(p, n) for n, p in enumerate(PACKETS)))
    assert read(whole, "-Y", "mqtt.topic", "-w", kept) == ""
    assert read(kept, "-T", "fields", "-e", "mqtt.topic") == "ciel\n" * 3
    assert read(kept, "-w", again) == ""
    assert again.read_bytes() == HEADER + b"".join(frame(p, n) for n, p in enumerate(PACKETS) if n > 0)


def test_what_is_kept_is_its_owners(tmp_path):
    whole, kept = tmp_path / "whole.pcap", tmp_path / "kept.pcap"
    whole.write_bytes(HEADER + frame(PACKETS[0], 0))
    read(whole, "-w", kept)
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [["-i", "nowhere"], ["-r", "nowhere"], ["-r", __file__]])
def test_without_a_source_nothing_is_written_over(tmp_path, words):
    kept, new = tmp_path / "kept.pcap", tmp_path / "new.pcap"
    kept.write_bytes(HEADER)
    assert sniff(*words, "-w", kept)[0] == 2
    assert kept.read_bytes() == HEADER
    assert sniff(*words, "-w", new)[0] == 2
    assert not new.exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is not there")
def test_why_it_cannot_be_written_is_said(tmp_path):
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(HEADER + b"".join(frame(p, n) for n, p in enumerate(PACKETS * 400)))
    reader, writer = os.pipe()
    os.close(reader)  # that who reads the list is gone excuses nothing
    try:
        done = subprocess.run([NIGHTJAR, "sniff", "-r", whole, "-w", "/dev/full", "-P"], stdout=writer, stderr=subprocess.PIPE,
                              timeout=TIMEOUT, check=False, env={**os.environ, **NO_LEAKS})
    finally:
        os.close(writer)
    assert done.returncode == 2
    assert b"What was read cannot be written: No space left on device." in done.stderr


def test_a_conversation_that_is_not_there_is_said(tmp_path):
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(HEADER + frame(PACKETS[0], 0))
    assert sniff("-r", whole, "--ladder", "--stream", "0")[0] == 0
    for form in ("--ladder", "--report=html"):
        code, _, err = sniff("-r", whole, form, "--stream", "77")
        assert code == 1
        assert "There is no conversation 77." in err


def test_the_capture_that_is_read_is_not_written(tmp_path):
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(HEADER)
    code, _, err = sniff("-r", whole, "-w", whole)
    assert code == 2
    assert "that is the capture that is read" in err
    assert whole.read_bytes() == HEADER
