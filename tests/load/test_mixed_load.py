# SPDX-License-Identifier: Apache-2.0
# run-tests: alone
"""The mixed load (mixed.py): nothing lost, nothing doubled, nothing out of order, and a broker that ends well.

By default 300 clients for ten seconds. The whole of it is 2,000 clients for a minute:

    NJ_LOAD_CLIENTS=2000 NJ_LOAD_SECONDS=60 /usr/bin/python3 -m pytest tests/load
"""
import os
import subprocess
import sys

CLIENTS = int(os.environ.get("NJ_LOAD_CLIENTS", "300"))
SECONDS = int(os.environ.get("NJ_LOAD_SECONDS", "10"))
RATE = int(os.environ.get("NJ_LOAD_RATE", "600"))
SEED = int(os.environ.get("NJ_LOAD_SEED", "1"))

CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
connection_messages false
log_type error
log_type warning
"""


def test_mixed_load(start):
    """[MQTT311-4.3.2-1] [MQTT311-4.3.3-1] [MQTT311-4.3.3-2] [MQTT311-4.4.0-1] [MQTT311-4.6.0-6]
    [MQTT5-4.3.3-10] [MQTT5-4.4.0-1] [MQTT5-4.5.0-1] [MQTT5-4.6.0-5] [MQTT5-4.8.2-4]"""
    broker = start(CONFIG, args=())
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mixed.py")
    done = subprocess.run([sys.executable, program, str(broker.port), "--clients", str(CLIENTS), "--seconds",
                           str(SECONDS), "--rate", str(RATE), "--seed", str(SEED)],
                          capture_output=True, text=True, timeout=SECONDS + 200, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
