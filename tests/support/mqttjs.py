# SPDX-License-Identifier: Apache-2.0
"""MQTT.js from npm, for the tests that talk with it."""
import os
import shutil
import subprocess

import pytest

from .broker import ROOT

HERE = os.path.join(ROOT, "tests", "interop", "mqttjs")
UNREACHABLE = "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "CERT_IN_CHAIN"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """mqttjs/ with its node_modules, in a directory outside the tree; npm's cache is used where it can be."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    place = tmp_path_factory.mktemp("mqttjs")
    for name in ("package.json", "package-lock.json", "talk.mjs", "secure.mjs"):
        shutil.copy(os.path.join(HERE, name), place)
    done = subprocess.run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place,
                          capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()
        assert any(w in done.stderr for w in UNREACHABLE), done.stderr
        pytest.skip(f"npm cannot reach its registry: {reason[0] if reason else ''}")
    return place
