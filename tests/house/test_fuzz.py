"""The fuzzer starts from messages that are understood; one that isn't would lead it nowhere."""

import pytest

from qa.fuzz import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_the_fuzzer_starts_from_messages_that_are_understood(name):
    for seed in TARGETS[name].seeds:
        TARGETS[name].read(seed)
