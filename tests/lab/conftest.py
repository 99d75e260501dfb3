# SPDX-License-Identifier: Apache-2.0
import pytest

from support.hosts import Hosts
from support.setup import Place


@pytest.fixture(scope="module")
def hosts():
    hosts = Hosts()
    fault = hosts.lay()
    if fault:
        hosts.remove()
        pytest.skip(f"no network namespaces here: {fault}")
    yield hosts
    hosts.remove()


@pytest.fixture
def place():
    place = Place()
    yield place
    place.remove()
