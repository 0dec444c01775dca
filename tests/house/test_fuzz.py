"""The fuzzer starts from messages that are understood; one that isn't would lead it nowhere."""

import random

import pytest

from edge.core.events import Unreachable
from qa.fuzz import DUTIES, TARGETS, WHOLE_ANSWERS, read_whole_answer
from tests.support.odd_heads import bend_head


@pytest.mark.parametrize("name", TARGETS)
def test_the_fuzzer_starts_from_messages_that_are_understood(name):
    for seed in TARGETS[name].seeds:
        TARGETS[name].read(seed)


def test_each_whole_answer_is_the_answer_to_its_question():
    answers = [read_whole_answer(answer).answer for answer in WHOLE_ANSWERS if b"\nHTTP/1.1 200" in answer]
    assert len(answers) == len(DUTIES)
    assert not [answer for answer in answers if isinstance(answer, Unreachable)]


@pytest.mark.parametrize("seed", range(300))
def test_whatever_stands_in_a_head_a_fact_comes_of_the_answer(seed):
    chance = random.Random(seed)
    number, _, answer = chance.choice(WHOLE_ANSWERS).partition(b"\n")
    read_whole_answer(number + b"\n" + bend_head(bend_head(answer, chance), chance))
