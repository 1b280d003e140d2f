from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fastpath.memory import MemoryArray

from pyvs.core.schedulers.hashing import hash_32
from pyvs.fastpath.own import BITS, WORD, WORDS, OwnAddresses
from pyvs.fastpath.structure import Field, Layout

ADDRESSES = st.sets(st.ip_addresses().map(lambda address: address.packed), max_size=20)


def words() -> MemoryArray:
    return MemoryArray(Layout("number", Field("number", "u32")), WORDS)


def bits(array: MemoryArray) -> set[int]:
    found = set()
    for index in range(WORDS):
        word = array.at(index)["number"]
        found |= {index * WORD + bit for bit in range(WORD) if word >> bit & 1}
    return found


def places(addresses: set[bytes]) -> set[int]:
    return {hash_32(int.from_bytes(a, "big"), BITS) for a in addresses if len(a) == 4}


@given(ADDRESSES, ADDRESSES)
def test_the_table_holds_the_addresses_of_the_last_call(first: set[bytes], second: set[bytes]) -> None:
    array = words()
    own = OwnAddresses(array)
    for addresses in (first, second, second, set()):
        own.set(addresses)
        assert bits(array) == places(addresses)


def test_what_another_daemon_left_goes() -> None:
    array = words()
    OwnAddresses(array).set([ip_address("192.0.2.1").packed])
    OwnAddresses(array).set([ip_address("192.0.2.2").packed])
    assert bits(array) == places({ip_address("192.0.2.2").packed})


def test_what_has_not_changed_is_not_written() -> None:
    array = words()
    own = OwnAddresses(array)
    own.set([ip_address("192.0.2.1").packed])
    before = list(array.writes)
    own.set([ip_address("192.0.2.1").packed])
    assert list(array.writes) == before
