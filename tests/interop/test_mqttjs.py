# SPDX-License-Identifier: Apache-2.0
"""MQTT.js from npm (mqttjs/package-lock.json says which): every version and QoS, in one run of mqttjs/talk.mjs."""
import json
import subprocess

import pytest

from support.mqttjs import installed          # noqa: F401 (a fixture)
from support.tool import environment


@pytest.fixture(scope="module")
def results(installed, module_broker):  # noqa: F811
    done = subprocess.run(["node", "talk.mjs", str(module_broker.port), "mqttjs"], cwd=installed, capture_output=True,
                          text=True, timeout=480, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    return {line["check"]: line for line in map(json.loads, done.stdout.splitlines())}


NAMES = [f"messages v{v} qos{q}" for v in (3, 4, 5) for q in (0, 1, 2)] + \
    [f"{what} v{v}" for v in (3, 4, 5) for what in ("retained", "will", "session")] + \
    ["properties v5", "topic aliases v5", "no local and shared v5", "large payload"]


@pytest.mark.parametrize("name", NAMES)
def test_mqttjs(results, name):
    assert results[name]["ok"], results[name]["error"]


def test_every_check_is_asked_for(results):
    assert sorted(results) == sorted(NAMES)
