# SPDX-License-Identifier: Apache-2.0
"""What every script under tests/ stands on: MQTT as bytes (mqtt), one raw connection (peer),
a broker as a child process (broker), other programs (tool)."""
