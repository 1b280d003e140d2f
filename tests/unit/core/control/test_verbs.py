"""All verbs in any order against a naive model: what is there, what is refused, what is left in the tables."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Forward, Proto
from pyvs.core.listing import FILES
from pyvs.core.namespace import Namespace
from pyvs.testing.environment import FixedEnvironment

Refused = Callable[[Errno], AbstractContextManager[None]]

VIP, VIP6 = bytes((192, 0, 2, 100)), bytes.fromhex("20010db8000000000000000000000100")
SERVERS = [bytes((10, 1, 0, last)) for last in (11, 12, 13)]
SERVER6 = bytes.fromhex("20010db8000100000000000000000011")

keys = st.sampled_from(
    [
        ServiceKey(Family.INET, Proto.TCP, VIP, 80),
        ServiceKey(Family.INET, Proto.UDP, VIP, 0),
        ServiceKey(Family.INET6, Proto.TCP, VIP6, 80),
        ServiceKey(Family.INET, Proto.TCP, bytes(4), 0, 1),
    ]
)
schedulers = st.sampled_from(["rr", "wlc", "mh", "sh", "lblcr", "none", "nosuch"])
dests = st.one_of(
    st.builds(DestKey, st.sampled_from(SERVERS), st.sampled_from([0, 80]), st.just(Family.INET)),
    st.builds(DestKey, st.just(SERVER6), st.just(80), st.just(Family.INET6)),
    st.builds(DestKey, st.just(bytes((224, 0, 0, 1))), st.just(80), st.just(Family.INET)),
)
specs = st.builds(
    DestSpec,
    dests,
    st.sampled_from([Forward.MASQ, Forward.TUNNEL, Forward.TUNNEL, Forward.DROUTE, 5]),
    st.sampled_from([0, 1, 5, -1]),
    st.sampled_from([0, 3]),
    st.sampled_from([0, 0, 2]),
    st.sampled_from([0, 0, 1, 2, 3]),
    st.sampled_from([0, 6080]),
)


def attempt(verb: Callable[..., None], *arguments: object) -> Errno | None:
    """The errno of the refusal, or None."""
    try:
        verb(*arguments)
    except ControlError as refusal:
        return refusal.errno
    return None


class Verbs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ns = Namespace(FixedEnvironment())
        self.control = Control(self.ns)
        self.model: dict[ServiceKey, list[DestSpec]] = {}
        self.names: dict[ServiceKey, str] = {}
        self.removed: set[tuple[ServiceKey, DestKey]] = set()

    @rule(key=keys, scheduler=schedulers)
    def new_service(self, key: ServiceKey, scheduler: str) -> None:
        errno = attempt(self.control.new_service, ServiceSpec(key, scheduler, netmask=128), 0.0)
        if key in self.model:
            assert errno == Errno.EEXIST
        elif scheduler == "nosuch":
            assert errno == Errno.ENOENT
        else:
            assert errno is None
            self.model[key], self.names[key] = [], scheduler

    @rule(key=keys, scheduler=schedulers)
    def set_service(self, key: ServiceKey, scheduler: str) -> None:
        errno = attempt(self.control.set_service, ServiceSpec(key, scheduler, netmask=128), 0.0)
        if key not in self.model:
            assert errno == Errno.ESRCH
        elif scheduler == "nosuch":
            assert errno == Errno.ENOENT
        else:
            assert errno is None
            self.names[key] = scheduler

    @rule(key=keys, specs=st.lists(specs, min_size=1, max_size=4))
    def fill(self, key: ServiceKey, specs: list[DestSpec]) -> None:
        """Otherwise too many verbs would name what is not there."""
        self.new_service(key, "rr")
        for spec in specs:
            self.new_dest(key, spec)

    @rule(data=st.data())
    def del_one_that_is_there(self, data: st.DataObject) -> None:
        there = [(key, spec.key) for key, specs_there in self.model.items() for spec in specs_there]
        if there:
            self.del_dest(*data.draw(st.sampled_from(there)))

    @rule(key=keys)
    def del_service(self, key: ServiceKey) -> None:
        errno = attempt(self.control.del_service, key, 0.0)
        assert errno == (None if key in self.model else Errno.ESRCH)
        self._forget(key)

    @rule()
    def flush(self) -> None:
        self.control.flush(0.0)
        for key in list(self.model):
            self._forget(key)

    def _forget(self, key: ServiceKey) -> None:
        self.removed |= {(key, spec.key) for spec in self.model.pop(key, [])}
        self.names.pop(key, None)

    def _wrong(self, key: ServiceKey, spec: DestSpec) -> Errno | None:
        """What is wrong with a destination, whether it is there or not."""
        if key not in self.model:
            return Errno.ESRCH
        if spec.key.af != key.af and spec.forward != Forward.TUNNEL:
            return Errno.EINVAL
        if spec.weight < 0 or spec.l_threshold > spec.u_threshold:
            return Errno.ERANGE
        if spec.tun_type == 1 and not spec.tun_port:
            return Errno.EINVAL
        return None

    @rule(key=keys, spec=specs)
    def new_dest(self, key: ServiceKey, spec: DestSpec) -> None:
        errno = attempt(self.control.new_dest, key, spec, 0.0)
        expected = self._wrong(key, spec)
        if expected is None:
            if any(there.key == spec.key for there in self.model[key]):
                expected = Errno.EEXIST
            elif spec.key.addr[0] == 224 and (key, spec.key) not in self.removed:
                expected = Errno.EINVAL
        assert errno == expected
        if errno is None:
            self.model[key].insert(0, spec)
            self.removed.discard((key, spec.key))

    @rule(key=keys, spec=specs)
    def set_dest(self, key: ServiceKey, spec: DestSpec) -> None:
        errno = attempt(self.control.set_dest, key, spec, 0.0)
        expected = self._wrong(key, spec)
        places = [at for at, there in enumerate(self.model.get(key, [])) if there.key == spec.key]
        assert errno == (expected or (None if places else Errno.ENOENT))
        if errno is None:
            self.model[key][places[0]] = spec

    @rule(key=keys, dest=dests)
    def del_dest(self, key: ServiceKey, dest: DestKey) -> None:
        errno = attempt(self.control.del_dest, key, dest, 0.0)
        if key not in self.model:
            assert errno == Errno.ESRCH
            return
        left = [there for there in self.model[key] if there.key != dest]
        assert errno == (None if len(left) < len(self.model[key]) else Errno.ENOENT)
        if errno is None:
            self.model[key] = left
            self.removed.add((key, dest))

    @invariant()
    def shows_what_is_there(self) -> None:
        views = {view.spec.key: view for view in self.control.get_services()}
        assert views.keys() == self.model.keys()
        for key, specs_there in self.model.items():
            assert views[key].spec.scheduler == self.names[key]
            assert views[key].num_dests == len(specs_there)
            assert [view.spec for view in self.control.get_dests(key)] == specs_there

    @invariant()
    def tables_agree(self) -> None:
        services = self.ns.services
        for family in (Family.INET, Family.INET6):
            assert services.families.get(family, 0) == sum(key.af == family for key in self.model)
        assert services.mixed == sum(
            spec.key.af != key.af for key, specs_there in self.model.items() for spec in specs_there
        )
        for addr in SERVERS:
            found = services.find_server(Family.INET, Proto.TCP, addr, 80)
            assert (found is not None) == any(
                key.protocol == Proto.TCP
                and spec.key == DestKey(addr, 80, Family.INET)
                and spec.forward == Forward.MASQ
                for key, specs_there in self.model.items()
                for spec in specs_there
            )
        assert len(self.ns.trash) == len(self.removed)
        assert self.control.proc("ip_vs").count("\n") == 3 + len(self.model) + sum(
            map(len, self.model.values())
        )


TestVerbs = Verbs.TestCase
TestVerbs.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_unknown_file(refused: Refused, control: Control) -> None:
    with refused(Errno.ENOENT):
        control.proc("ip_vs_nosuch")
    assert all(control.proc(name).endswith("\n") for name in FILES if name.startswith("ip_vs"))


def test_knobs_are_sorted(control: Control) -> None:
    control.new_service(ServiceSpec(ServiceKey(Family.INET, Proto.TCP, VIP, 80), "lblc"), 0.0)
    names = control.sysctl_names()
    assert names == sorted(names)
    assert "lblc_expiration" in names
    assert all(control.sysctl_read(name) for name in names)


@pytest.mark.parametrize("verb", ["new_service", "set_service"])
def test_time_is_taken_note_of(control: Control, ns: Namespace, verb: str) -> None:
    attempt(getattr(control, verb), ServiceSpec(ServiceKey(Family.INET, Proto.TCP, VIP, 80), "rr"), 7.5)
    assert ns.now == 7.5
