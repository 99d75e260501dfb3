# SPDX-License-Identifier: Apache-2.0
"""Thirty rounds of `./dev crash`, and ten more in test_durability.py: a broker that is killed, anywhere and at the places
inside its store, has lost nothing that was acknowledged."""
import rounds


def test_killed_broker_has_lost_nothing_that_was_acknowledged():
    """[MQTT311-4.3.3-1] [MQTT311-4.6.0-6] [MQTT5-4.3.3-10] [MQTT5-4.6.0-5]"""
    rounds.hold(16)


def test_broker_killed_inside_its_store_has_lost_nothing_that_was_acknowledged():
    said = rounds.hold(14, "--end", "points")
    assert "ended at ;" not in said, "it ended at none of its crash points"
