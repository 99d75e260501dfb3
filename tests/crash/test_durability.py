# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""Power cuts, and the durabilities that promise less; and the control: a broker that keeps or syncs nothing is found
out."""
import os

import pytest

import powerloss
import rounds

needs_shim = pytest.mark.skipif(not os.path.exists(powerloss.SHIM), reason="no powerloss.so in this build")


@needs_shim
def test_broker_whose_power_was_cut_has_lost_nothing_that_was_acknowledged():
    rounds.hold(10, "--end", "power")


@pytest.mark.parametrize("durability", ["interval", "none", "memory"])
def test_what_a_lesser_durability_promises_of_a_kill_is_kept(durability):
    rounds.hold(3, "--durability", durability)


@needs_shim
@pytest.mark.parametrize("durability", ["interval", "none"])
def test_what_a_lesser_durability_promises_of_a_power_cut_is_kept(durability):
    rounds.hold(3, "--durability", durability, "--end", "power")


@pytest.mark.parametrize("end", ["kill", pytest.param("power", marks=needs_shim)])
def test_a_broker_that_keeps_or_syncs_nothing_is_found_out(end):
    code, said, faults = rounds.run(5, "--end", end, "--control")
    assert code == 1 and faults > 0, said
