# SPDX-License-Identifier: Apache-2.0
# run-tests: alone
# run-tests: once
"""A broker that has nothing to do sleeps: counted are the times at which its threads were woken
(/proc/PID/task/*/status, voluntary switches) and the time they had a processor (schedstat)."""
import glob
import os
import re
import resource
import time

import pytest

from support import mqtt, peer

WINDOW_S = 4
REST = 0.005                # of one processor
STEP_S = 0.064              # in which keep alive is looked at
KEEP_ALIVE_S, PING_S = 2, 0.0047


def tasks(broker):
    """Of all threads together: wake-ups, seconds on a processor; and how many workers there are."""
    wakes = ran_ns = workers = 0
    for task in glob.glob(f"/proc/{broker.process.pid}/task/*"):
        with open(f"{task}/status", encoding="ascii") as f:
            wakes += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
        with open(f"{task}/schedstat", encoding="ascii") as f:
            ran_ns += int(f.read().split()[0])
        with open(f"{task}/comm", encoding="ascii") as f:
            workers += f.read().startswith("nj-worker")
    return wakes, ran_ns / 1e9, workers


def falls_asleep(broker):
    """What connections leave behind is done when nobody has been woken for a while."""
    deadline = time.monotonic() + peer.TIMEOUT
    before = None
    while before != (before := tasks(broker)[0]):
        assert time.monotonic() < deadline, "it does not come to rest"
        time.sleep(0.2)


def sleeps(broker, most):
    """Woken `most` times at most."""
    falls_asleep(broker)
    wakes, ran_s, _ = tasks(broker)
    time.sleep(WINDOW_S)
    woken, ran = tasks(broker)[0] - wakes, tasks(broker)[1] - ran_s
    print(f"{woken} wake-ups, {ran / WINDOW_S:.4%} of a processor")
    assert woken <= most
    assert ran < REST * WINDOW_S


@pytest.fixture
def crowd(request):
    """crowd(broker, n, keep_alive) gives n connected sockets, one subscription each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)))
    connected = []

    def connect(broker, n, keep_alive):
        if n + 200 > hard:
            pytest.skip(f"{n} connections need more than the {hard} descriptors that a process may have here")
        for i in range(n):
            it = broker.peer()
            connected.append(it)
            it.send(mqtt.connect(f"idle-{i}", keepalive=keep_alive), mqtt.subscribe(1, [(f"idle/{i}", 0)]))
        for it in connected:
            it.expect(mqtt.CONNACK, code=0)
            it.expect(mqtt.SUBACK)
        return connected

    yield connect
    for it in connected:
        it.close()


DEFAULT = "listener {port} 127.0.0.1\nallow_anonymous true\nconnection_messages false\n"
CONFIG = DEFAULT + "sys_interval 0\n"


def test_a_broker_without_connections_sleeps(start):
    sleeps(start(CONFIG, args=()), most=1)


def test_a_broker_without_connections_wakes_for_sys(start):
    """Some sixty topics each ten seconds, which a worker may take one by one."""
    sleeps(start(DEFAULT, args=()), most=2 * 60)


def test_a_broker_with_10_000_idle_connections_sleeps(start, crowd):
    broker = start(CONFIG, args=())
    crowd(broker, 10_000, 600)
    sleeps(broker, most=1)


def ping(idle, seconds):
    """One after the other, at their times; how many."""
    begin, pings = time.monotonic(), 0
    while (now := time.monotonic()) < begin + seconds:
        due = begin + pings * PING_S
        if now < due:
            time.sleep(due - now)
        idle[pings % len(idle)].send(mqtt.PINGREQ_BYTES)
        pings += 1
    for n, it in enumerate(idle):
        for _ in range(pings // len(idle) + (n < pings % len(idle))):
            it.expect(mqtt.PINGRESP)
    return pings


def test_idle_connections_wake_the_broker_for_their_pings_and_little_else(start, crowd):
    """Their intervals end in many different milliseconds; each is looked at when it does, but not each alone."""
    broker = start(CONFIG, args=())
    idle = crowd(broker, 300, KEEP_ALIVE_S)
    ping(idle, 2 * KEEP_ALIVE_S)
    begin, (before, _, workers) = time.monotonic(), tasks(broker)
    pings = ping(idle, WINDOW_S)
    woken, lasted = tasks(broker)[0] - before, time.monotonic() - begin
    print(f"{woken} wake-ups for {pings} pings of {len(idle)} connections in {lasted:.1f} s")
    assert woken <= pings + workers * (lasted / STEP_S + 1)
