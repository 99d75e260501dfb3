# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""Every place that src/store/crash.def names is one at which a broker can die: each is brought about here, and what was
acknowledged before it is there afterwards. A place that nothing reaches fails."""
import errno
import os
import re
import signal
import time

import pytest

import powerloss
from support import mqtt
from support.mqtt import PUBACK, V5
from test_faults import CONFIG, Books, Faulty

MIB = 1 << 20
FOR_LONG = {"session_expiry_interval": 3600}

with open(os.path.join(os.path.dirname(powerloss.HERE), os.pardir, "src", "store", "crash.def"), encoding="utf-8") as f:
    POINTS = re.findall(r"^NJ_CRASH_AT\((\w+),", f.read(), re.M)


def pour(f, count=96):
    """Retained messages until the map of 64 MiB is too small, or the connection ends."""
    with f.broker.peer(V5) as pub:
        pub.connect("pour")
        try:
            for n in range(count):
                pub.publish(f"large/{n}", bytes(MIB), qos=1, retain=True)
        except (AssertionError, ConnectionError, OSError):
            pass                                           # it has died


def publish(f):
    with f.broker.peer(V5) as pub:
        pub.connect("some")
        pub.send(mqtt.publish("other/t", b"x", 1, 1, retain=True, version=V5))


def publish_to_a_full_disk(f):
    f.control.fail("write", errno.ENOSPC)
    publish(f)


def end_a_session(f):
    """With so much that it is swept."""
    with f.broker.peer(V5) as sub, f.broker.peer(V5) as pub:
        sub.connect("ended", clean=False, properties=FOR_LONG)
        sub.subscribe("ended", qos=1)
        sub.disconnect()
        pub.connect("pub")
        pub.publish("ended", "x", qos=1)
    with f.broker.peer(V5) as sub:
        sub.send(mqtt.connect("ended", V5, clean=True))


def expire(f):
    """Before the start that is to die: so that its load has something to throw away."""
    with f.broker.peer(V5) as pub:
        pub.connect("pub")
        pub.send(mqtt.publish("gone", b"x", 1, 1, retain=True, version=V5, properties={"message_expiry_interval": 1}))
        pub.expect(PUBACK)
    time.sleep(1.1)                                        # time itself is what it takes


def ask_for_a_backup(f):
    publish(f)                                             # something has changed
    f.broker.signal(signal.SIGUSR1)


def stop(f):
    f.broker.signal(signal.SIGTERM)


# What is done before the start that dies, and what to the broker that it has become; None: it dies on its own.
WAYS = {"OPENED": (None, None), "LOADED": (None, None), "THROWING": (expire, None),
        "SWEEPING": (None, end_a_session), "RETRYING": (None, publish_to_a_full_disk),
        "GROWING": (None, pour), "GROWN": (None, pour),
        "COPYING": (None, ask_for_a_backup), "COPIED": (None, ask_for_a_backup), "BACKED_UP": (None, ask_for_a_backup),
        "STOPPED": (None, stop), "CLOSED": (None, stop)}


@pytest.mark.skipif(not os.path.exists(powerloss.SHIM), reason="no powerloss.so in this build")
@pytest.mark.parametrize("point", POINTS)
def test_a_broker_dies_there_and_has_lost_nothing(request, broker_kind, point):
    if broker_kind != "nightjar":
        pytest.skip("the store is nightjar's")
    before, then = WAYS.get(point, (None, publish))
    f = Faulty(CONFIG)
    request.node.brokers = [f.broker]
    try:
        books = Books(f.broker)
        assert books.publish_some(10) == 10
        if before:
            before(f)
        f.broker.kill()
        f.broker.env["NIGHTJAR_CRASH_POINT"] = point
        f.broker.spawn()
        if then:
            f.broker.wait_listening()
            then(f)
        assert f.broker.wait(60) == -signal.SIGKILL
        f.control.heal()
        f.start()
        books.balance()
    finally:
        f.end()
