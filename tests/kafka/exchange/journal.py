"""What of a moldau.journal counts. Its bytes: src/storage/internal/journal_format.{h,cc}."""

import struct

NAME = "moldau.journal"
# Magic, checksum of what follows it, version, counter, journal id, directory id, bytes of a region,
# sealed; of the writer: incarnation, broker epoch, quorum epoch; first live region.
HEADER = struct.Struct(">8sIIQ16s16sII16sqiQ")
HEADER_MAGIC, HEADER_BYTES, HEADER_SPACING = b"MOLDJRNL", 512, 4096
# Magic, checksum, nothing, journal id, number, first entry.
REGION = struct.Struct(">8sIi16sQQ")
REGION_MAGIC = b"MOLDREGI"
CHECKSUM_END = 12
VERSION = 1


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Journal:
    """The journal of a data directory that nobody uses."""

    def __init__(self, data):
        self.path = data / NAME
        with open(self.path, "rb") as file:
            copies = [self.header_at(file, at) for at in (0, HEADER_SPACING)]
            newest = max(filter(None, copies), key=lambda copy: copy[0], default=None)
            if newest is None:
                raise ValueError(f"{self.path} has no valid header")
            _, self.id, self.region_bytes, sealed, self.first_live = newest
            self.sealed = sealed != 0
            self.live = list(self.live_regions(file))

    def header_at(self, file, position):
        """(counter, journal id, bytes of a region, sealed, first live region), if it is valid."""
        file.seek(position)
        content = file.read(HEADER_BYTES)
        if len(content) < HEADER_BYTES:
            return None
        magic, checksum, version, counter, own, _, region_bytes, sealed, *_, first_live = (
            HEADER.unpack_from(content))
        if magic != HEADER_MAGIC or checksum != crc32c(content[CHECKSUM_END:]):
            return None
        if version != VERSION:
            raise ValueError(f"{self.path} has version {version}; this test reads {VERSION}")
        return counter, own, region_bytes, sealed, first_live

    def live_regions(self, file):
        """The content of each region whose entries count, unless the journal is sealed."""
        position = 2 * HEADER_SPACING
        while True:
            file.seek(position)
            start = file.read(REGION.size)
            if len(start) < REGION.size:
                return
            magic, _, _, own, number, _ = REGION.unpack(start)
            if magic == REGION_MAGIC and own == self.id and number >= self.first_live:
                yield start + file.read(self.region_bytes - len(start))
            position += self.region_bytes

    def has(self, content):
        return not self.sealed and any(content in region for region in self.live)

    @property
    def is_empty(self):
        return not self.live
