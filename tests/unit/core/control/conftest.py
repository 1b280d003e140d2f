"""A virtual server with one service, for the verbs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from pyvs.core.control.specs import ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.testing.environment import FixedEnvironment

WEB = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)


@pytest.fixture
def environment() -> FixedEnvironment:
    return FixedEnvironment([bytes((192, 0, 2, 1)), bytes(15) + b"\x01"])


@pytest.fixture
def ns(environment: FixedEnvironment) -> Namespace:
    return Namespace(environment)


@pytest.fixture
def control(ns: Namespace) -> Control:
    return Control(ns)


@pytest.fixture
def web(control: Control) -> ServiceKey:
    """TCP 192.0.2.100:80, round robin, without servers."""
    control.new_service(ServiceSpec(WEB, "rr"), 0.0)
    return WEB


@pytest.fixture
def refused() -> Callable[[Errno], AbstractContextManager[None]]:
    """What is done inside is refused with this errno, in a sentence."""

    @contextmanager
    def expect(errno: Errno) -> Iterator[None]:
        with pytest.raises(ControlError) as refusal:
            yield
        assert refusal.value.errno == errno
        assert len(str(refusal.value).split()) > 3

    return expect
