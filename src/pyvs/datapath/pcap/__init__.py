"""Capture files, pcap and pcapng, as devices."""

from pyvs.datapath.pcap.capture import CaptureError, Interface
from pyvs.datapath.pcap.reader import PcapReader
from pyvs.datapath.pcap.writer import PcapWriter

__all__ = ["CaptureError", "Interface", "PcapReader", "PcapWriter"]
