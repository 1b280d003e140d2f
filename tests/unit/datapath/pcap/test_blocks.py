from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath.pcap import blocks

pairs = st.lists(st.tuples(st.integers(1, 0xFFFF), st.binary(max_size=20)), max_size=5)


@given(pairs, st.binary(max_size=8))
def test_options_are_read_as_written(content: list[tuple[int, bytes]], before: bytes) -> None:
    before = before.ljust(blocks.padded(len(before)), b"\0")
    body = before + b"".join(blocks.option(code, value) for code, value in content)
    assert list(blocks.options(body, len(before), "little")) == content
    assert list(blocks.options(body + blocks.option(0, b"") + b"rest", len(before), "little")) == content


@given(st.binary(max_size=40), st.sampled_from(["little", "big"]))
def test_a_broken_list_just_ends(body: bytes, order: str) -> None:
    assert sum(4 + len(value) for _, value in blocks.options(body, 0, order)) <= len(body)


@given(st.integers(0, 0xFFFFFFFF), st.binary(max_size=20))
def test_a_block_tells_its_length_at_both_ends(kind: int, body: bytes) -> None:
    made = blocks.block(kind, body)
    assert len(made) % 4 == 0
    assert made[4:8] == made[-4:] == len(made).to_bytes(4, "little")
    assert made[8:-4].startswith(body)
