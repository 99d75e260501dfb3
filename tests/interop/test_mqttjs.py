# SPDX-License-Identifier: Apache-2.0
"""MQTT.js from npm (mqttjs/package-lock.json says which): every version and QoS, in one run of mqttjs/talk.mjs."""
import json
import os
import shutil
import subprocess

import pytest

from support.tool import environment

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mqttjs")
UNREACHABLE = "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "CERT_IN_CHAIN"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """mqttjs/ with its node_modules, in a directory outside the tree; npm's cache is used where it can be."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    place = tmp_path_factory.mktemp("mqttjs")
    for name in ("package.json", "package-lock.json", "talk.mjs"):
        shutil.copy(os.path.join(HERE, name), place)
    done = subprocess.run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place,
                          capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()
        assert any(w in done.stderr for w in UNREACHABLE), done.stderr
        pytest.skip(f"npm cannot reach its registry: {reason[0] if reason else ''}")
    return place


@pytest.fixture(scope="module")
def results(installed, module_broker):
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
