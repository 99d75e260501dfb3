# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest for scripts/run-tests: one JSON line per step of a test into the file
NJ_TEST_OUTCOMES, so that they are counted even when pytest itself dies half way; and only the
functions that match NJ_TEST_NAMES, if it is set."""

import json
import os
import re


def record(name, outcome):
    with open(os.environ["NJ_TEST_OUTCOMES"], "a", encoding="utf-8") as out:
        out.write(json.dumps([name, outcome]) + "\n")


def pytest_collection_modifyitems(config, items):
    wanted = re.compile(os.environ.get("NJ_TEST_NAMES", ""))
    items_dropped = [item for item in items if not wanted.search(getattr(item, "originalname", item.name))]
    if items_dropped:
        config.hook.pytest_deselected(items=items_dropped)
        items[:] = [item for item in items if item not in items_dropped]


def pytest_runtest_logreport(report):
    record(report.nodeid, report.outcome)


def pytest_collectreport(report):
    if report.failed:
        record(report.nodeid, "failed")
