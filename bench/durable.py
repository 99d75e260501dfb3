# SPDX-License-Identifier: Apache-2.0
"""What it costs that an acknowledgement means something: nightjar with each `durability`, beside
Debian's mosquitto with its defaults (a snapshot every half an hour), and beside the disk.

A column is a broker with a configuration, or the disk itself: commits by LMDB as the store opens it
(bench/micro/disk.c). The columns take turns, each run with a fresh directory, as in bench/run.
"""

import contextlib
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import brokers
from brokers import Load

DISK = str(brokers.ROOT / "build")
MICRO_DISK = pathlib.Path(brokers.NIGHTJAR).resolve().parents[2] / "bench" / "micro-disk"

# A million, and those of $SYS.
UNLIMITED = "max_retained_messages 0\n"
# Column -> broker, and what stands in its configuration besides.
COLUMNS = {
    "mosquitto": ("mosquitto", ""),
    "always": ("nightjar", UNLIMITED + "durability always\n"),
    "interval": ("nightjar", UNLIMITED + "durability interval 1000\n"),
    "none": ("nightjar", UNLIMITED + "durability none\n"),
}
TARGET_PER_S = 100_000  # where commits of a thousand reach …
TARGET_DISK_PER_S = 500_000
CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05first"


MANY = 1_000_000  # messages that a store is started with; its time is told for so many
QUICKER = 50  # times fewer with --quick


@dataclass(frozen=True)
class Figure:
    text: str
    key: str
    unit: str
    suffix: str = ""  # of the row's name
    # Of `always`, by what was measured: None where nothing is asked. `is_least`: else at most.
    limit: Callable | None = None
    is_least: bool = False


@dataclass(frozen=True)
class Row:
    name: str
    figures: tuple
    run: Callable | None = None  # of a Bench, for a column's broker: its figures
    words: tuple = ()  # without `run`: of one run of `nightjar bench`
    disk: tuple = ()  # (operations of a commit, {figure: what of it}): what the disk does beside it
    columns: tuple = tuple(COLUMNS)
    times: int = 3


@dataclass
class Bench:
    """What a row needs to run."""
    load: str
    disk: str
    is_quick: bool
    most: dict = field(default_factory=dict)  # column -> messages a second that it takes durably

    @contextlib.contextmanager
    def folder(self):
        with tempfile.TemporaryDirectory(prefix="nj-durable-", dir=self.disk) as folder:
            os.chmod(folder, 0o755)
            store = pathlib.Path(folder, "store")
            store.mkdir()
            store.chmod(0o777)  # a broker that root starts becomes another user
            yield store

    @contextlib.contextmanager
    def fresh(self, column):
        with self.folder() as store:
            os.sync()  # nothing of the run before is still on its way
            with self.again(column, store) as running:
                yield running

    @contextlib.contextmanager
    def again(self, column, store):
        name, extra = COLUMNS[column]
        config = f"persistence true\npersistence_location {store}/\n{extra}"
        with brokers.find([name])[0].running(config) as running:
            yield running

    def words(self, *words):
        timing = ("--warmup-ms=100", "--measure-ms=300") if self.is_quick else ("--measure-ms=1500",)
        return [*words, *(timing if words[0] == "p2p" else ())]

    def find(self, running, *words):
        return Load(self.load, self.words(*words), running).found()

    def count(self):
        return MANY // QUICKER if self.is_quick else MANY


# ---- the rows that take more than one run of the load ----

QUEUE = ("p2p", "--publishers=50", "--qos=1", "--offline")
BURST = 100  # a publisher's window, which is what it writes at once in durable-queue, too
QUIET = ("p2p", "--publishers=100", "--rate=5000", "--id-prefix=quiet")


def find_beside(bench, running, loaded, rate):
    """QUIET of one broker while one takes a load, durably; and what is wrong with that load."""
    seconds = 1.5 if bench.is_quick else 3.5
    load = Load(bench.load, [*QUEUE, f"--rate={rate}", f"--burst={BURST}", "--warmup-ms=0",
                             f"--measure-ms={int(seconds * 1000)}"], loaded)
    time.sleep(0.7)  # until it flows
    beside = bench.find(running, *QUIET)
    is_beside = load.process.poll() is None
    taken = load.found()
    faults = brokers.faults_of(taken)
    if not is_beside:
        faults.append("the load was over before it was measured")
    if taken["add_per_second"] < 0.9 * rate:
        faults.append(f"of {rate:,} messages a second only "
                      f"{taken['add_per_second']:,.0f} were taken")
    return beside, faults


def run_beside(bench, column):
    """QoS 0 at a rate: alone, while another broker takes half of what it can, and while it does."""
    if column not in bench.most:
        with bench.fresh(column) as running:
            bench.most[column] = bench.find(running, *QUEUE)["add_per_second"]
    rate = max(int(bench.most[column] / 2), 1)
    with bench.fresh(column) as running:
        alone = bench.find(running, *QUIET)
        with bench.fresh(column) as other:
            apart, apart_faults = find_beside(bench, running, other, rate)
        beside, beside_faults = find_beside(bench, running, running, rate)
    found = {"alone_p99_us": alone["latency_p99_us"], "apart_p99_us": apart["latency_p99_us"],
             "beside_p99_us": beside["latency_p99_us"], "rate": rate,
             "faults": [*(f for r in (alone, apart, beside) for f in brokers.faults_of(r)),
                        *apart_faults, *beside_faults]}
    found["growth"] = found["beside_p99_us"] / max(found["alone_p99_us"], 0.1)
    return found


def greet(port):
    with socket.create_connection(("127.0.0.1", port), brokers.READY_S) as s:
        s.settimeout(brokers.READY_S)
        s.sendall(CONNECT)
        if s.recv(4)[:1] != b"\x20":
            raise brokers.CannotRun("no CONNACK after a start")


def run_start(bench, column, words):
    """Leave messages with a broker, start it again, take them."""
    count = bench.count()
    words = [*words, f"--count={count}"]
    with bench.folder() as store:
        with bench.again(column, store) as running:
            left = bench.find(running, *words, "--leave")
        os.sync()
        with bench.again(column, store) as running:
            begun = time.monotonic()
            greet(running.port)
            start_s = running.ready_s + time.monotonic() - begun
            peak = max(running.peak_bytes, brokers.anonymous_bytes(running.pid))
            taken = bench.find(running, *words, "--take")
    return {"add_per_second": left["add_per_second"], "start_s": start_s * MANY / count,
            "peak_each": peak / count, "per_second": taken["per_second"],
            "broker_us": taken["broker_us"],
            "faults": [*brokers.faults_of(left), *brokers.faults_of(taken)]}


def run_start_queued(bench, column):
    return run_start(bench, column, ("queue", "--clients=50", "--window=5000"))


def run_start_retained(bench, column):
    return run_start(bench, column, ("retained", "--qos=1", "--window=10000"))


# ---- the rows ----

def by_the_disk(m):
    """As much less than the target as the disk is slower than the one it was set for."""
    disk = m("disk", "add_per_second")
    return TARGET_PER_S * min(1, disk / TARGET_DISK_PER_S) if disk else TARGET_PER_S


def a_commit_and_more(key):
    def limit(m):
        commit = m("disk", key)
        return commit + max(0.3 * commit, 150) if commit else None
    return limit


def half_of_none(m):
    most = m("none", "per_second")
    return most / 2 if most else None


ROWS = (
    Row("durable-disk",
        (Figure("a commit of 1 × 128 bytes", "us_1", "µs"),
         Figure("… of 10", "us_10", "µs", "-10"),
         Figure("… of 1,000", "us_1000", "µs", "-1000"),
         Figure("… operations in a second", "per_second_1000", "/s", "-rate")), columns=()),
    Row("durable-queue",
        (Figure("50 to 50 offline, QoS 1", "add_per_second", "/s", limit=by_the_disk, is_least=True),
         Figure("… CPU for each", "add_us", "µs", "-cpu", limit=lambda m: 3),
         Figure("… drained by all 50", "per_second", "/s", "-drain")),
        words=QUEUE, disk=(1000, {"add_per_second": 3})),
    Row("durable-alone",
        (Figure("1 under way: PUBACK, half", "ack_p50_us", "µs", limit=a_commit_and_more("ack_p50_us")),
         Figure("… of a hundred, one longer", "ack_p99_us", "µs", "-99",
                limit=a_commit_and_more("ack_p99_us"))),
        words=("p2p", "--publishers=1", "--window=1", "--turn-us=0", "--qos=1", "--offline"),
        disk=(1, {"ack_p50_us": 1, "ack_p99_us": 2})),
    Row("durable-online",
        (Figure("50 to 50 persistent, QoS 1", "per_second", "/s", limit=half_of_none, is_least=True),
         Figure("… CPU for each", "broker_us", "µs", "-cpu")),
        words=("p2p", "--publishers=50", "--qos=1", "--persistent")),
    Row("durable-beside",
        (Figure("QoS 0, 5,000/s: p99 alone", "alone_p99_us", "µs"),
         Figure("… half durable-queue elsewhere", "apart_p99_us", "µs", "-other"),
         Figure("… half of durable-queue here", "beside_p99_us", "µs", "-load"),
         Figure("… times as long", "growth", "×", "-growth", limit=lambda m: 2)),
        run=run_beside),
    Row("durable-retained",
        (Figure("100,000 retained, QoS 1", "add_per_second", "/s", limit=by_the_disk, is_least=True),
         Figure("… CPU for each", "add_us", "µs", "-cpu")),
        words=("retained", "--qos=1", "--window=10000"), disk=(1000, {"add_per_second": 3})),
    Row("durable-start",
        (Figure(f"{MANY:,} queued: start", "start_s", "s", limit=lambda m: 5),
         Figure("… memory for each, at most", "peak_each", "bytes", "-memory"),
         Figure("… then drained, one by one", "per_second", "/s", "-drain")),
        run=run_start_queued, columns=("mosquitto", "always"), times=1),
    Row("durable-start-retained",
        (Figure(f"{MANY:,} retained: start", "start_s", "s", limit=lambda m: 5),
         Figure("… memory for each, at most", "peak_each", "bytes", "-memory")),
        run=run_start_retained, columns=("mosquitto", "always"), times=1),
)


# ---- running them ----

@dataclass
class Result:
    row: Row
    runs: dict = field(default_factory=dict)  # by column

    def median(self, column, key):
        values = [r[key] for r in self.runs.get(column, ()) if key in r]
        return statistics.median(values) if values else None

    def limit(self, figure):
        return figure.limit(self.median) if figure.limit else None

    def verdict(self, figure):
        ours, limit = self.median("always", figure.key), self.limit(figure)
        if ours is None or limit is None:
            return ""
        return "ok" if (ours >= limit if figure.is_least else ours <= limit) else "miss"

    def faults(self):
        for column, runs in self.runs.items():
            for r in runs if column != "disk" else ():
                found = r["faults"] if "faults" in r else brokers.faults_of(r)
                if found:
                    yield f"{self.row.name}: {column}: {', '.join(found)}"

    def told(self):
        return {"figures": {f.key: {"limit": self.limit(f), "verdict": self.verdict(f)}
                            for f in self.row.figures}, "runs": self.runs}


def commits(bench, *pairs):
    """By operations of a commit: what micro-disk says of it. 300 ms of each, or as they are given."""
    if not os.access(MICRO_DISK, os.X_OK):
        raise brokers.CannotRun(f"{MICRO_DISK} is not there: run `./dev bench`")
    with bench.folder() as folder:
        os.sync()
        done = subprocess.run([str(MICRO_DISK), str(folder), *map(str, pairs)], text=True,
                              capture_output=True, check=True)
    found = (line.split() for line in done.stdout.splitlines())
    return {int(words[0]): [float(w) for w in words] for words in found}


def run_disk(bench, row):
    ms = 100 if bench.is_quick else 600
    if row.disk:
        operations, keys = row.disk
        by = commits(bench, operations, ms)
        return {key: by[operations][at] for key, at in keys.items()}
    by = commits(bench, 1, ms, 10, ms, 1000, ms)
    return {"us_1": by[1][1], "us_10": by[10][1], "us_1000": by[1000][1],
            "per_second_1000": by[1000][3]}


def run_row(bench, row, column):
    if column == "disk":
        return run_disk(bench, row)
    if row.run is not None:
        return row.run(bench, column)
    with bench.fresh(column) as running:
        return bench.find(running, *row.words)


HEAD = ("row", "work", "", "disk", *COLUMNS, "target", "")


def line(parts):
    widths = (23, 30, 5, 10, *(10 for _ in COLUMNS), 12, 4)
    return "  ".join(p.ljust(w) if i < 3 or i == len(widths) - 1 else p.rjust(w)
                     for i, (p, w) in enumerate(zip(parts, widths))).rstrip()


def show(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def text_of(figure, is_quick):
    """What was measured."""
    if is_quick and f"{MANY:,}" in figure.text:
        return figure.text.replace(f"{MANY:,}", f"{MANY // QUICKER:,}") + f" × {QUICKER}"
    return figure.text


def cells(result, figure, is_quick):
    limit = result.limit(figure)
    target = "" if limit is None else ("≥ " if figure.is_least else "≤ ") + show(limit)
    return (result.row.name + figure.suffix, text_of(figure, is_quick), figure.unit,
            *(show(result.median(c, figure.key)) for c in ("disk", *COLUMNS)), target,
            result.verdict(figure))


def measure(args, rows):
    """Yields a Result for each row, and prints it."""
    wanted = args.brokers.split(",")
    bench = Bench(args.load, args.disk, args.quick)
    pathlib.Path(args.disk).mkdir(parents=True, exist_ok=True)
    if rows:
        print(line(HEAD), flush=True)
    for row in rows:
        result = Result(row)
        has_disk = row.disk or not row.columns
        columns = [*(["disk"] if has_disk else ()), *(c for c in row.columns if COLUMNS[c][0] in wanted)]
        for _ in range(args.runs or (1 if args.quick else row.times)):
            for column in columns:
                result.runs.setdefault(column, []).append(run_row(bench, row, column))
        if row.name == "durable-queue":
            bench.most = {c: result.median(c, "add_per_second") for c in row.columns if c in columns}
        for figure in row.figures:
            print(line(cells(result, figure, args.quick)), flush=True)
        yield result
