# SPDX-License-Identifier: Apache-2.0
"""A few rounds of `./dev crash`: what a broker that is killed leaves lying does not stand in the next one's way."""
import os
import re
import subprocess
import sys

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run")


def test_killed_broker_starts_again_and_no_message_is_torn_doubled_or_out_of_order():
    """[MQTT311-4.3.3-1] [MQTT311-4.6.0-6] [MQTT5-4.3.3-10] [MQTT5-4.6.0-5]"""
    done = subprocess.run([sys.executable, RUN, "3", "--seed", "1"], capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"3 rounds, \d+ messages, \d+ lost, \d+ doubled at QoS 2, 0 faults, seed 1", last)
    assert int(last.split()[2]) > 0
