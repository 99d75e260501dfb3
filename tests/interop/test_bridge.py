# SPDX-License-Identifier: Apache-2.0
"""A Mosquitto elsewhere whose bridge calls nightjar."""
import os

import pytest

from support.broker import MOSQUITTO, Broker
from support.mqtt import PUBLISH, V311

OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\n"


@pytest.fixture
def pair(start, broker_kind):
    """nightjar, and a Mosquitto with a bridge to it, set up with no word more than it needs."""
    if broker_kind == "mosquitto" or not os.access(MOSQUITTO, os.X_OK):
        pytest.skip("a bridge from mosquitto to nightjar")
    here = start(OPEN)
    there = Broker("mosquitto", OPEN + f"connection far\naddress 127.0.0.1:{here.port}\ntopic x/# both 1\n")
    there.start()
    yield here, there
    there.kill()


def test_mosquitto_bridges_to_nightjar(pair):
    """It is let in, what is published on either side comes on both, once, and its state is told."""
    here, there = pair
    with here.peer(V311) as operator, here.peer(V311) as left, there.peer(V311) as right:
        operator.connect("operator")
        operator.subscribe("$SYS/broker/connection/+/state")
        while operator.receive().payload != b"1":
            pass
        for peer in (left, right):
            peer.connect("peer")
            peer.subscribe("x/#", qos=1)
        for publisher, payload in ((left, "1"), (right, "2"), (left, "3"), (right, "4")):
            publisher.publish("x/y", payload, qos=1)
            for peer in (left, right):
                peer.acknowledge(peer.pick(PUBLISH, topic="x/y", payload=payload.encode()))
        there.kill()
        operator.receive(payload="0")
