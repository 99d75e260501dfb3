# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""Half a minute of soak; an hour of it is in `./dev nightly`."""
import os
import subprocess
import sys

SECONDS = os.environ.get("NJ_SOAK_SECONDS", "30")


def test_memory_disk_and_descriptors_come_back_to_where_they_were():
    soak = os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak")
    done = subprocess.run([sys.executable, soak, SECONDS, "--seed", "1"], capture_output=True, text=True,
                          timeout=float(SECONDS) + 400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
