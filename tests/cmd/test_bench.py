# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar bench`: every scenario against nightjar and Debian's mosquitto; a broker that loses, doubles, swaps,
damages, cuts or stalls is told, and what a stall costs is counted for all that was due meanwhile."""
import json
import os
import re
import resource
import socket
import subprocess
import tempfile
import threading

import pytest

from support import mqtt
from support.broker import MOSQUITTO, NIGHTJAR, ROOT, Broker
from support.certs import Authority

GOOD, FOUND, COULD_NOT = 0, 1, 2
FAULTS = ("lost", "doubled", "reordered", "strange", "closed")
CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\nmax_inflight_messages 100\n"
SHORT = ["--warmup-ms", "50", "--measure-ms", "200"]
PATIENCE_S = 120


def bench(*words, env=None):
    return subprocess.run([NIGHTJAR, "bench", *words], capture_output=True, text=True, timeout=PATIENCE_S,
                          stdin=subprocess.DEVNULL, check=False, env={**os.environ, **(env or {})})


def found_by(scenario, port, *words, code=GOOD, env=None):
    """The figures of a run."""
    done = bench(scenario, "-p", str(port), "--json", *words, env=env)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=["nightjar", "mosquitto"])
def any_broker(request):
    if request.param == "mosquitto" and not os.access(MOSQUITTO, os.X_OK):
        pytest.skip("mosquitto is missing")
    broker = Broker(request.param, CONFIG, args=()).start()
    yield broker
    assert broker.stop() == 0


@pytest.fixture(scope="module")
def own():
    broker = Broker("nightjar", CONFIG, args=()).start()
    yield broker
    assert broker.stop() == 0


# ---------------------------------------------------------------------------- scenarios

FLOWS = ["p2p", "fanout --subscribers 20", "fanin --publishers 20", "share --publishers 20"]


@pytest.mark.parametrize("version, qos", [("31", "2"), ("311", "0"), ("311", "1"), ("5", "1"), ("5", "2")])
@pytest.mark.parametrize("scenario", FLOWS)
def test_what_flows_arrives(any_broker, scenario, qos, version):
    r = found_by(*scenario.split()[:1], any_broker.port, *scenario.split()[1:], "-q", qos, "-V", version, *SHORT)
    assert r["complete"] is True and r["delivered"] > 0
    assert [r[f] for f in FAULTS] == [0] * len(FAULTS)
    assert (r["qos"], r["payload"]) == (int(qos), 64)
    assert r["version"].replace(".", "").removesuffix("0") == version


STEPS = [("conns", ["--count", "100"], 101, 100), ("retained", ["--count", "2500"], 2500, 2500),
         ("retained", ["--count", "1000", "-q", "2", "-V", "5"], 1000, 1000),
         ("queue", ["--count", "1001", "--clients", "7"], 1001, 1001),
         ("queue", ["--count", "500", "-q", "2", "-V", "5"], 500, 500),
         ("subs", ["--count", "2003", "--clients", "7", "--messages", "3000"], 3000, 2003),
         ("subs", ["--count", "1000", "--messages", "500", "-q", "1"], 500, 1000),
         ("churn", ["--count", "150", "--clients", "40"], 151, 150),
         ("churn", ["--count", "60", "--clients", "40", "-q", "2", "-V", "5"], 61, 60),
         ("connect", ["--count", "30"], 0, 30)]


@pytest.mark.parametrize("scenario, words, delivered, count", STEPS, ids=lambda v: "".join(v) if isinstance(v, list) else v)
def test_what_goes_step_by_step_arrives(any_broker, scenario, words, delivered, count):
    r = found_by(scenario, any_broker.port, *words, "--pid", str(any_broker.process.pid))
    assert (r["delivered"], r.get("count", r.get("connections")), r["complete"]) == (delivered, count, True)
    assert [r[f] for f in FAULTS] == [0] * len(FAULTS)
    assert ("bytes_each" in r) == (scenario in ("conns", "retained", "queue", "subs"))
    assert r.get("broker_us", r.get("add_us")) > 0


AWAY = [("p2p", 1), ("fanout --subscribers 20", 20), ("fanin --publishers 20", 1)]


@pytest.mark.parametrize("version, qos", [("311", "1"), ("5", "2")])
@pytest.mark.parametrize("scenario, copies", AWAY, ids=[a[0].split()[0] for a in AWAY])
def test_who_is_offline_is_sent_all_of_it_when_he_comes_back(any_broker, scenario, copies, qos, version):
    name, *words = scenario.split()
    r = found_by(name, any_broker.port, *words, "--offline", "--rate", "2000", "-q", qos, "-V", version, *SHORT, "--pid",
                 str(any_broker.process.pid))
    assert (r["delivered"], r["complete"]) == (500 * copies, True)
    assert [r[f] for f in FAULTS] == [0] * len(FAULTS)
    assert min(r[f] for f in ("add_per_second", "add_us", "per_second", "broker_us", "ack_p50_us")) > 0
    assert "latency_p50_us" not in r  # nothing arrives while it is measured


def test_who_is_offline_has_no_part_in_the_window(own):
    for threads in "1", "2":
        r = found_by("p2p", own.port, "--offline", "--window", "2", "-q", "1", "--publishers", "3", "--threads", threads, *SHORT)
        assert r["complete"] is True and r["delivered"] > 3 * 2


@pytest.mark.parametrize("scenario", FLOWS)
def test_sessions_may_outlive_their_connections(any_broker, scenario):
    name, *words = scenario.split()
    r = found_by(name, any_broker.port, *words, "--persistent", "-q", "1", *SHORT)
    assert r["complete"] is True and r["delivered"] > 0


def test_an_acknowledgement_is_timed_from_its_message(own):
    r = found_by("p2p", own.port, "-q", "1", *SHORT)
    points = [r[f"ack_{p}_us"] for p in ("p50", "p90", "p99", "p999", "max")]
    assert points == sorted(points) and points[0] > 0
    assert "ack_p50_us" not in found_by("p2p", own.port, *SHORT)
    with Proxy(own.port, Stall(after=5, seconds=0.3), kind=4) as proxy:
        r = found_by("p2p", proxy.port, "-q", "1", "--publishers", "1", "--window", "1", "--warmup-ms", "0", "--measure-ms", "1000")
    assert r["ack_max_us"] > 250_000


@pytest.mark.parametrize("scenario", ["queue", "retained"])
def test_what_is_left_is_taken_by_a_later_run(own, scenario):
    words = ["--count", "700", *(["--clients", "7"] if scenario == "queue" else ["-q", "1", "--window", "300"])]
    left = found_by(scenario, own.port, *words, "--leave")
    assert (left["delivered"], left["complete"], "per_second" in left) == (0, True, False)
    taken = found_by(scenario, own.port, *words, "--take")
    assert (taken["delivered"], taken["complete"], "add_per_second" in taken) == (700, True, False)
    again = found_by(scenario, own.port, *words, "--take", "--patience-ms", "200", code=FOUND)
    assert (again["delivered"], again["lost"]) == (0, 700)


def test_it_leaves_no_retained_message_and_no_session(own):
    found_by("retained", own.port, "--count", "50")
    found_by("queue", own.port, "--count", "50", "--clients", "5")
    found_by("p2p", own.port, "--offline", "-q", "1", "--window", "2", *SHORT)
    with own.peer() as peer:
        peer.connect("looks")
        peer.subscribe("bench/#")
        peer.send(mqtt.PINGREQ_BYTES).expect(mqtt.PINGRESP)  # and no message before it
    with own.peer() as peer:
        peer.connect("bench-queue-000000", clean=False, present=False)
    with own.peer() as peer:
        peer.connect("bench-sub-000000", clean=False, present=False)


def test_threads_share_the_work(own):
    for scenario in FLOWS:
        r = found_by(*scenario.split()[:1], own.port, *scenario.split()[1:], "-q", "1", "--threads", "3", *SHORT)
        assert r["threads"] == 3 and r["delivered"] > 0


def test_more_connections_than_an_address_has_ports_come_from_several(own):
    """4,000 from each of 127.0.0.2, 127.0.0.3, …: as the log has them."""
    with_log = Broker("nightjar", CONFIG).start()
    found_by("churn", with_log.port, "--count", "4010", "--clients", "50")
    assert with_log.log.wait(r"New connection from 127\.0\.0\.2:")
    assert with_log.log.wait(r"New connection from 127\.0\.0\.3:")
    assert with_log.stop() == 0


CROWDED = """\
ip link set lo up
echo "40000 40099" > /proc/sys/net/ipv4/ip_local_port_range
"$1" broker -c "$2/broker.conf" 2> "$2/log" &
until grep -q " running" "$2/log"; do kill -0 $! || exit 3; sleep 0.02; done
"$1" bench conns --count 1000 --json -p 1883 --pid $!
code=$?
kill $!
wait $!
exit $code
"""


def test_an_address_without_ports_leaves_its_place_to_the_next(tmp_path):
    """A thousand connections where each source address has a hundred ports."""
    inside = ["unshare", "-rn"]
    refused = subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)
    if refused.returncode != 0:
        pytest.skip(f"no network namespaces here: {refused.stderr.strip()}")
    (tmp_path / "broker.conf").write_text("listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n"
                                          f"persistence_location {tmp_path}/state\n")
    done = subprocess.run([*inside, "sh", "-c", CROWDED, "sh", NIGHTJAR, str(tmp_path)], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)
    assert done.returncode == GOOD, done.stderr + done.stdout
    r = json.loads(done.stdout)
    assert (r["connections"], r["delivered"], r["complete"]) == (1000, 1001, True)
    came = re.findall(r"New connection from (127\.0\.0\.\d+):", (tmp_path / "log").read_text())
    of = {source: came.count(source) for source in came}
    assert sum(of.values()) >= 1000 and len(of) >= 10 and max(of.values()) <= 110, of


def limited(descriptors):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    return limit


def test_more_connections_than_descriptors_are_refused_before_the_first(own):
    for words, connections in ((["conns", "--count", "300"], 300), (["p2p", "--publishers", "150"], 300)):
        done = subprocess.run([NIGHTJAR, "bench", *words, "-p", str(own.port)], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False, preexec_fn=limited(256))
        assert done.returncode == COULD_NOT and done.stdout == ""
        assert f"{connections} connections need as many descriptors, and this process may have 256 (ulimit -n)" in done.stderr


def test_a_broker_without_descriptors_is_told_so():
    """It leaves who comes then in the queue of its socket: no CONNACK."""
    few = Broker("nightjar", CONFIG, nofile=256).start()
    done = bench("conns", "--count", "400", "-p", str(few.port))
    assert done.returncode == COULD_NOT and done.stdout == ""
    assert "no CONNACK came for idle-client" in done.stderr and "no descriptors left" in done.stderr
    assert few.log.wait(r"raise the limit of open files \(ulimit -n\)")
    assert few.stop() == 0


def test_idle_connections_may_be_held(own):
    r = found_by("conns", own.port, "--count", "50", "--hold-ms", "300", "--pid", str(own.process.pid))
    assert 0 <= r["idle_percent"] < 50


def test_without_a_pid_the_brokers_cost_is_left_out(own):
    for scenario, words in ("p2p", SHORT), ("conns", ["--count", "10"]):
        r = found_by(scenario, own.port, *words)
        assert "load_us" in r or "add_load_us" in r
        assert not {"broker_us", "add_us", "broker_bytes", "bytes_each"} & set(r)


def test_with_a_pid_cpu_and_memory_of_the_broker_are_told(own):
    r = found_by("p2p", own.port, *SHORT, "--pid", str(own.process.pid))
    assert r["broker_us"] > 0 and r["broker_bytes"] > 1 << 16


# ------------------------------------------------------------------------------- a rate


def test_a_rate_is_kept_and_its_latency_is_told(own):
    for threads in "1", "2":
        r = found_by("p2p", own.port, "--publishers", "50", "--rate", "1000", "--threads", threads, "--warmup-ms", "100",
                     "--measure-ms", "400")
        assert r["delivered"] == 500 and r["rate"] == 1000
        points = [r[f"latency_{p}_us"] for p in ("p50", "p90", "p99", "p999", "max")]
        assert points == sorted(points) and points[0] > 0
        assert r["late_p99_us"] <= r["late_max_us"] <= points[-1]


def test_a_rate_may_come_in_bursts(own):
    r = found_by("p2p", own.port, "--publishers", "5", "--rate", "1000", "--burst", "20", "--warmup-ms", "100", "--measure-ms", "400")
    assert r["delivered"] == 500


def test_a_rate_counts_every_copy(own):
    r = found_by("fanout", own.port, "--subscribers", "7", "--rate", "500", "--warmup-ms", "0", "--measure-ms", "300")
    assert r["delivered"] == 7 * 150


def test_what_was_due_during_a_stall_is_charged_with_it(own):
    """0.4 s of one second lie still, with a window of 5: who waited for answers before sending the next one would have
    5 late messages of 500."""
    with Proxy(own.port, Stall(after=100, seconds=0.4)) as proxy:
        r = found_by("p2p", proxy.port, "--publishers", "1", "--rate", "500", "--window", "5", "--warmup-ms", "0",
                     "--measure-ms", "1000")
    assert r["delivered"] == 500
    assert r["latency_max_us"] > 350_000 and r["latency_p90_us"] > 100_000
    assert r["late_max_us"] > 300_000


# ------------------------------------------------------------------------ side by side


def test_side_by_side_prints_every_figure_of_a_scenario(tmp_path):
    """`./dev bench`: the same command, against both brokers."""
    if not os.access(MOSQUITTO, os.X_OK):
        pytest.skip("mosquitto is missing")
    done = subprocess.run([os.path.join(ROOT, "bench", "run"), "--quick", "--runs", "1", "--json", tmp_path / "out", "p2p-q1",
                           "retained", "churn"], env={**os.environ, "NIGHTJAR": NIGHTJAR}, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (GOOD, "")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["scenario", "p2p-q1", "retained", "retained-set", "retained-deliver", "churn"]
    told = json.loads((tmp_path / "out").read_text())["scenarios"]
    for key, figure in told["retained"]["figures"].items():
        ours, theirs = (told["retained"]["runs"][b][0][key] for b in ("nightjar", "mosquitto"))
        assert figure["ratio"] == pytest.approx(ours / theirs)
        assert figure["verdict"] in ("ok", "miss")


def test_side_by_side_has_a_column_for_each_durability(tmp_path):
    with tempfile.TemporaryDirectory(prefix="nj-test-") as disk:
        os.chmod(disk, 0o755)  # a broker that root starts becomes another user
        done = subprocess.run([os.path.join(ROOT, "bench", "run"), "--quick", "--brokers", "nightjar", "--disk", disk,
                               "--json", tmp_path / "out", "durable-online", "durable-start"],
                              env={**os.environ, "NIGHTJAR": NIGHTJAR}, capture_output=True, text=True, timeout=PATIENCE_S,
                              check=False)
        assert os.listdir(disk) == []
    assert (done.returncode, done.stderr) == (GOOD, "")
    rows = [line.split()[0] for line in done.stdout.splitlines()]
    assert rows == ["row", "durable-online", "durable-online-cpu", "durable-start", "durable-start-memory", "durable-start-drain",
                    "durable-start-retained", "durable-start-retained-memory"]
    assert "20,000 queued: start × 50" in done.stdout and "1,000,000" not in done.stdout
    told = json.loads((tmp_path / "out").read_text())["scenarios"]
    assert list(told["durable-online"]["runs"]) == ["always", "interval", "none"]
    assert told["durable-start"]["runs"]["always"][0]["start_s"] > 0


# ----------------------------------------------------------------------- faulty brokers


def cut_packet(data):
    """The first MQTT packet of `data`, or b"" when it is not complete."""
    length, at = 0, 1
    while at < len(data):
        length |= (data[at] & 0x7f) << 7 * (at - 1)
        at += 1
        if data[at - 1] < 0x80:
            return data[:at + length] if len(data) >= at + length else b""
    return b""


class Fault:
    """What becomes of the PUBLISHes that go to a client: `hit` is asked for the one after `after` others of a connection.
    It returns the packets that go on, and those that wait for the next PUBLISH; None there cuts the connection."""

    def __init__(self, hit, after=20):
        self.hit, self.after, self.done = hit, after, threading.Event()

    def pass_on(self, held, packet, number):
        if number != self.after or self.done.is_set():
            return held + [packet], []
        self.done.set()
        return self.hit(packet, held)


def lose(_packet, held):
    return held, []


def double(packet, held):
    return [*held, packet, packet], []


def swap(packet, held):
    return held, [packet]  # behind the next


def damage(packet, held):
    return [*held, packet[:-1] + bytes([packet[-1] ^ 0xff])], []


def cut(_packet, held):
    return held, None


class Stall:
    """Nothing goes on for so long, once."""

    def __init__(self, after, seconds):
        self.after, self.seconds, self.done = after, seconds, threading.Event()

    def pass_on(self, held, packet, number):
        if number == self.after and not self.done.is_set():
            self.done.set()
            threading.Event().wait(self.seconds)
        return held + [packet], []


class Proxy:
    """Between the generator and a good broker; its fault is put into the packets of a type that the broker sends,
    PUBLISH if none is given."""

    def __init__(self, port, fault, kind=3):
        self.fault, self.to, self.kind = fault, port, kind
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self.to))
            for s in client, broker:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for work in self.forward, self.falsify:
                threading.Thread(target=work, args=(client, broker), daemon=True).start()

    @staticmethod
    def forward(client, broker):
        try:
            while data := client.recv(1 << 16):
                broker.sendall(data)
            broker.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def falsify(self, client, broker):
        data, later, publishes = b"", [], 0
        try:
            while more := broker.recv(1 << 16):
                data += more
                out = []
                while packet := cut_packet(data):
                    data = data[len(packet):]
                    if packet[0] >> 4 != self.kind:
                        out.append(packet)
                        continue
                    waiting, later = later, []
                    out, later = self.fault.pass_on(out, packet, publishes)
                    if later is None:
                        client.sendall(b"".join(out))
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    out += waiting
                    publishes += 1
                client.sendall(b"".join(out))
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass


HASTY = ["--patience-ms", "1000"]
SMALL = {"p2p": ["--publishers", "2", "--window", "10", *SHORT], "fanin": ["--publishers", "5", *SHORT],
         "share": ["--publishers", "5", "--subscribers", "2", "--window", "10", *SHORT],
         "retained": ["--count", "300"], "queue": ["--count", "300", "--clients", "3"],
         "subs": ["--count", "1000", "--clients", "3", "--messages", "600", "--window", "300"]}


@pytest.mark.parametrize("scenario", SMALL)
@pytest.mark.parametrize("fault, told", [(lose, "lost"), (double, "doubled"), (damage, "strange")],
                         ids=lambda v: getattr(v, "__name__", v))
def test_a_broker_that_loses_doubles_or_damages_is_told(own, scenario, fault, told):
    with Proxy(own.port, Fault(fault)) as proxy:
        r = found_by(scenario, proxy.port, *SMALL[scenario], *([] if fault is double else HASTY), code=FOUND)
    assert r[told] >= 1
    assert fault is not double or (r["doubled"], r["lost"], r["strange"]) == (1, 0, 0)


@pytest.mark.parametrize("scenario", ["p2p", "fanin", "share", "queue", "subs"])
def test_a_broker_that_reorders_is_told(own, scenario):
    with Proxy(own.port, Fault(swap)) as proxy:
        r = found_by(scenario, proxy.port, *SMALL[scenario], code=FOUND)
    assert (r["reordered"], r["lost"], r["doubled"], r["strange"]) == (1, 0, 0, 0)


@pytest.mark.parametrize("scenario", ["p2p", "retained", "queue", "subs"])
def test_a_broker_that_cuts_connections_is_told(own, scenario):
    with Proxy(own.port, Fault(cut)) as proxy:
        r = found_by(scenario, proxy.port, *SMALL[scenario], *HASTY, code=FOUND)
    assert r["closed"] == 1 and r["complete"] is False and r["lost"] > 0


@pytest.mark.parametrize("kind", ["nightjar", "mosquitto"])
def test_a_broker_whose_queues_are_short_loses_and_is_told(kind):
    """No proxy: it is the broker that drops what it was given, and counts it."""
    if kind == "mosquitto" and not os.access(MOSQUITTO, os.X_OK):
        pytest.skip("mosquitto is missing")
    short = CONFIG.replace("max_queued_messages 100000", "max_queued_messages 30").replace("100\n", "20\n")
    broker = Broker(kind, short, args=()).start()
    r = found_by("queue", broker.port, "--count", "300", "--clients", "3", "--patience-ms", "300", code=FOUND)
    assert (r["delivered"] + r["lost"], r["complete"]) == (300, False)
    assert 150 >= r["delivered"] >= 60
    assert [r[f] for f in FAULTS if f != "lost"] == [0] * 4
    assert broker.stop() == 0


@pytest.mark.parametrize("words", [["churn", "--clients", "3"], ["conns"]], ids=lambda words: words[0])
@pytest.mark.parametrize("fault, told", [(lose, "lost"), (double, "doubled"), (damage, "strange")],
                         ids=lambda v: getattr(v, "__name__", v))
def test_who_gets_one_message_tells_its_fate(own, words, fault, told):
    with Proxy(own.port, Fault(fault, after=0)) as proxy:
        r = found_by(words[0], proxy.port, *words[1:], "--count", "10", *HASTY, code=FOUND)
    assert r[told] >= 1


# ------------------------------------------------------------------------- command line


@pytest.mark.parametrize("words, said", [
    ([], "usage: nightjar bench SCENARIO"), (["p2q"], "did you mean 'p2p'?"), (["p2p", "--rat", "5"], "did you mean '--rate'?"),
    (["conns", "--rate", "5"], "`conns` has no option --rate."), (["p2p", "--rate"], "--rate needs its messages."),
    (["p2p", "-I", "x" * 101], "--id-prefix has more than 100 characters."),
    (["p2p", "-q", "3"], "--qos takes a number from 0 to 2, not '3'."), (["p2p", "--rate", "-1"], "--rate takes a number"),
    (["p2p", "-V", "4"], "there is no version '4'"), (["queue", "-q", "0"], "at QoS 0 nothing is queued"),
    (["p2p", "--offline"], "at QoS 0 nothing is queued"), (["share", "--offline"], "`share` has no option --offline."),
    (["queue", "--take", "--leave"], "--take is for what another run has left"),
    (["p2p", "--cert", "a"], "--cert asks for TLS"), (["p2p", "--json=1"], "--json takes no value."),
    (["p2p", "--publishers", "2", "--subscribers", "3"], "as many subscribers as publishers"),
    (["p2p", "-h", "no.such.host.invalid"], "there is no host 'no.such.host.invalid'"),
    (["conns", "--count", "2000000"], "no more than")], ids=" ".join)
def test_a_mistake_is_named(own, words, said):
    if words and words[0] == "conns" and "--count" in words or "--subscribers" in words:
        words = [*words, "-p", str(own.port)]
    done = bench(*words)
    assert done.returncode == COULD_NOT
    assert said in done.stderr and done.stdout == ""


def test_nobody_there_is_2_and_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        done = bench("p2p", "-p", str(taken.getsockname()[1]))
    assert done.returncode == COULD_NOT
    assert "cannot connect bench-sub-000000 to 127.0.0.1: Connection refused" in done.stderr


def test_help_manual_and_completion_name_every_scenario_and_option():
    whole = bench("--help")
    assert whole.returncode == GOOD
    options = [w for line in whole.stdout.splitlines() for w in line.replace(",", " ").split()[:2] if w.startswith("--")]
    assert len(options) > 25
    manual = subprocess.run([NIGHTJAR, "help", "--man", "bench"], capture_output=True, text=True, check=True).stdout
    completion = subprocess.run([NIGHTJAR, "help", "--completion", "bash"], capture_output=True, text=True, check=True).stdout
    for option in options:
        assert f" Fl {option[1:]}" in manual and f"\n{option}\n" in completion
    for scenario in "p2p fanout fanin share conns subs retained queue churn connect".split():
        assert f"\n  {scenario} " in whole.stdout and f".It Cm {scenario}\n" in manual
        assert f"usage: nightjar bench {scenario} " in bench(scenario, "--help").stdout
    assert "--rate" in bench("p2p", "--help").stdout and "--rate" not in bench("conns", "--help").stdout


def test_the_table_is_for_people_and_progress_goes_elsewhere(own):
    done = bench("p2p", "-p", str(own.port), "--warmup-ms", "0", "--measure-ms", "2100", "--rate", "1000", "--progress",
                 "--pid", str(own.process.pid))
    assert done.returncode == GOOD
    lines = [line.rsplit("  ", 1)[0].rstrip() for line in done.stdout.splitlines()]
    assert "latency, 99.9 %" in lines and "lost" in lines
    assert "messages in this second, broker" in done.stderr
    assert bench("p2p", "-p", str(own.port), *SHORT).stderr == ""


# -------------------------------------------------------------------- credentials, TLS


def test_user_and_password_are_given_and_hidden(tmp_path):
    users = tmp_path / "users"
    subprocess.run([NIGHTJAR, "passwd", "-c", "-b", str(users), "ann", "secret"], check=True, capture_output=True)
    broker = Broker("nightjar", f"listener {{port}} 127.0.0.1\npassword_file {users}\n").start()
    found_by("churn", broker.port, "-u", "ann", "-P", "secret", "--count", "3")
    found_by("churn", broker.port, "-u", "ann", "--count", "3", env={"NIGHTJAR_PASSWORD": "secret"})
    done = bench("churn", "-p", str(broker.port), "-u", "ann", "-P", "wrong")
    assert done.returncode == COULD_NOT and "refuses churn 10000 with reason 0x05" in done.stderr
    assert broker.stop() == 0


def test_a_password_is_not_among_the_words_that_ps_shows():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        child = subprocess.Popen([NIGHTJAR, "bench", "p2p", "-p", str(silent.getsockname()[1]), "-u", "ann", "-P", "hunter2"],
                                 stderr=subprocess.DEVNULL)
        peer, _ = silent.accept()  # it has read its command line; it lives as long as nobody hangs up
        with peer, open(f"/proc/{child.pid}/cmdline", "rb") as f:
            words = f.read().split(b"\0")
        child.kill()
        child.wait()
    assert b"ann" in words and b"xxxxxxx" in words and b"hunter2" not in words


@pytest.fixture(scope="module")
def certs():
    authority = Authority()
    authority.issue("broker", sans="IP:127.0.0.1")
    authority.issue("client")
    return authority


@pytest.mark.parametrize("words", [["p2p", "--threads", "2", *SHORT], ["queue", "--count", "100"], ["churn", "--count", "20"],
                                   ["subs", "--count", "500", "--messages", "500"], ["connect", "--count", "5", "--resume"]],
                         ids=lambda words: words[0])
def test_all_of_it_over_tls(certs, words):
    broker = Broker("nightjar", f"listener {{port}} 127.0.0.1\nallow_anonymous true\ncafile {certs.ca}\n"
                    f"certfile {certs.path('broker.crt')}\nkeyfile {certs.path('broker.key')}\nrequire_certificate true\n")
    broker.start()
    r = found_by(words[0], broker.port, *words[1:], "--cafile", certs.ca, "--cert", certs.path("client.crt"),
                 "--key", certs.path("client.key"))
    assert r["complete"] is True
    assert words[0] != "connect" or r["resumed"] >= 4
    assert broker.stop() == 0
