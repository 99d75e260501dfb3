# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by wire, lab and interop: which broker is meant, and brokers and peers for a test.

    pytest tests/wire                       against ./nightjar (or $NIGHTJAR)
    pytest tests/wire --broker=mosquitto    the same scripts against Debian's mosquitto; some wait in vain
                                            for what it does not do: NJ_TEST_TIMEOUT=10 shortens that

A module that needs other settings says CONFIG = "..."; its tests share one broker, so they use
client identifiers and topics from `uid`.
"""
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support import mqtt                                   # noqa: E402
from support.broker import Broker, MOSQUITTO, NIGHTJAR, during     # noqa: E402
from support.tool import run                               # noqa: E402

# A broker that is started without a place of its own for its state does not start, rather than to leave it anywhere.
os.environ["XDG_STATE_HOME"] = "/dev/null"

DEFAULT_CONFIG = "listener {port} 127.0.0.1\nallow_anonymous true\n"


def pytest_addoption(parser):
    parser.addoption("--broker", default=os.environ.get("NJ_TEST_BROKER", "nightjar"),
                     choices=("nightjar", "mosquitto"))


def pytest_collection_modifyitems(config, items):
    """Against the control, what it is known to do otherwise must really be otherwise."""
    if config.getoption("--broker") == "mosquitto":
        from support.differences import reason_for
        for item in items:
            mark = reason_for(item.module.__name__, item.originalname, item.name)
            if mark:
                item.add_marker(pytest.mark.xfail(**mark))


@pytest.fixture(scope="session")
def broker_kind(request):
    kind = request.config.getoption("--broker")
    binary = NIGHTJAR if kind == "nightjar" else MOSQUITTO
    if not os.access(binary, os.X_OK):
        pytest.exit(f"{binary} is missing: build it first (./dev build)", 4)
    if kind == "nightjar" and run([binary, "broker", "--version"])[0] != 0:
        pytest.skip("this nightjar has no broker command yet")
    return kind


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows the end of what its brokers wrote."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for broker in getattr(item, "brokers", []):
            if broker.log:
                lines = broker.log.since(getattr(item, "log_mark", 0))
                report.sections.append((f"{broker.kind} log", "\n".join(lines)[-6000:]))


@pytest.fixture(scope="module")
def module_broker(request, broker_kind):
    broker = Broker(broker_kind, getattr(request.module, "CONFIG", DEFAULT_CONFIG))
    broker.start()
    yield broker
    assert broker.stop() == 0


@pytest.fixture
def broker(request, module_broker):
    """The module's broker; a test that ends it fails, not its successor."""
    if not module_broker.alive:
        module_broker.start()
    with during(request, module_broker):
        yield module_broker


@pytest.fixture
def start(request, broker_kind):
    """start(config, ...) runs a broker for this test alone."""
    started = []

    def run(config=DEFAULT_CONFIG, wait=True, **kw):
        broker = Broker(broker_kind, config, **kw)
        started.append(broker)
        request.node.brokers = started
        return broker.start(wait)

    yield run
    codes = [b.stop() for b in started if b.exit_code is None]
    assert codes == [0] * len(codes)


counter = itertools.count(1)


@pytest.fixture
def uid():
    """A word no other test of this run uses: client id prefix and first topic level in one."""
    return f"t{next(counter)}"


@pytest.fixture
def client(broker, uid):
    """client(version, ...) gives a connected peer of the module's broker; all are closed at the end."""
    peers = []
    numbers = itertools.count(1)

    def connect(version=4, client_id=None, on=None, **kw):
        peer = (on or broker).peer(version)
        peers.append(peer)
        peer.connack = peer.connect(client_id or f"{uid}-{next(numbers)}", **kw)
        return peer

    connect.raw = lambda version=4, on=None, **kw: peers.append((on or broker).peer(version, **kw)) \
        or peers[-1]
    yield connect
    for peer in peers:
        peer.close()


each_version = pytest.mark.parametrize("version", mqtt.VERSIONS, ids=lambda v: f"v{v}")
