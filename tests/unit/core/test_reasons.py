from collections import Counter

import pytest

from pyvs.core.reasons import Reason


@pytest.mark.parametrize("reason", Reason)
def test_each_explains_itself_in_a_sentence(reason: Reason) -> None:
    assert len(reason.sentence.split()) >= 3
    assert reason.sentence == reason.sentence.strip()
    assert not reason.sentence.endswith(".")


def test_no_two_say_the_same() -> None:
    # Two names with one sentence would be one member: the second name an alias.
    assert len(Reason.__members__) == len(set(Reason))


def test_they_are_counted_by_themselves() -> None:
    counted = Counter([Reason.FORWARDED, Reason.REPLY, Reason.FORWARDED])
    assert (counted[Reason.FORWARDED], counted[Reason.REPLY], counted[Reason.OWN]) == (2, 1, 0)
