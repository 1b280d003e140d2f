from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from scapy.all import ARP, IP, TCP, Ether

from pyvs.datapath.device import Frame, Way
from pyvs.replay.places import Place
from pyvs.replay.survey import Survey

VIP, CLIENT, SERVER = "192.0.2.100", "198.51.100.7", "10.1.0.11"
ROUTER, DIRECTOR, REAL = "02:00:00:00:00:fe", "02:00:00:00:00:01", "02:00:00:00:02:01"


def packed(text: str) -> bytes:
    return ip_address(text).packed


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def made() -> Survey:
    return Survey([packed(VIP)], [packed(SERVER)])


def look(survey: Survey, packet: object, src: str, dst: str, way: Way = Way.UNKNOWN) -> None:
    survey.look(Frame(bytes(Ether(src=src, dst=dst) / packet), way=way, interface="eth0"))


def test_the_server_is_where_it_speaks_from() -> None:
    survey = made()
    look(survey, IP(src=CLIENT, dst=VIP) / TCP(), ROUTER, DIRECTOR)
    look(survey, IP(src=SERVER, dst=CLIENT) / TCP(), REAL, DIRECTOR)
    assert survey.places() == {packed(SERVER): Place("eth0", 1, mac(DIRECTOR), mac(REAL))}
    assert survey.default() == Place("eth0", 1, mac(DIRECTOR), mac(ROUTER))
    assert survey.own_address("eth0") == mac(DIRECTOR)
    assert (survey.frames, survey.links, survey.has_ways) == (2, {1}, False)


def test_one_arm_direct_routing_shows_the_director_by_its_address() -> None:
    survey = made()
    for _ in range(3):
        look(survey, IP(src=CLIENT, dst=VIP) / TCP(), ROUTER, DIRECTOR)
        look(survey, IP(src=CLIENT, dst=VIP) / TCP(), DIRECTOR, REAL)
    assert survey.director == {mac(DIRECTOR)}
    default = survey.default()
    assert default is not None
    assert default.theirs == mac(ROUTER)


def test_what_the_director_sent_shows_its_receiver() -> None:
    survey = made()
    look(survey, IP(src=CLIENT, dst=SERVER) / TCP(), DIRECTOR, REAL, Way.OUT)
    assert survey.places() == {packed(SERVER): Place("eth0", 1, mac(DIRECTOR), mac(REAL))}
    assert survey.director == {mac(DIRECTOR)}
    assert survey.has_ways


def test_arp_shows_who_asks() -> None:
    survey = made()
    look(survey, ARP(op=1, psrc=SERVER, hwsrc=REAL, pdst=VIP), REAL, "ff:ff:ff:ff:ff:ff")
    assert survey.places() == {packed(SERVER): Place("eth0", 1, b"", mac(REAL))}


@given(
    st.lists(st.binary(max_size=80), max_size=5),
    st.sampled_from([0, 1, 101, 113, 276, 99]),
    st.sampled_from(Way),
)
def test_any_frames(frames: list[bytes], link: int, way: Way) -> None:
    survey = made()
    for data in frames:
        survey.look(Frame(data, link=link, way=way))
    survey.places()
    survey.default()
    assert survey.frames == len(frames)
