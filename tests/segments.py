"""The record batches of a segment file, by their headers alone: where they lie, and their codec."""

import collections
import os
import struct

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# A batch begins with base offset, bytes after this field, leader epoch, magic, checksum and
# attributes; the codec is in the lowest three bits.
START = struct.Struct(">qiibIh")
OFFSET_AND_LENGTH_BYTES = 12
MAGIC = 2

Batch = collections.namedtuple("Batch", "position base_offset size codec")


def batches(path):
    """Every batch that is whole; a node may still be writing the one behind them."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        position = 0
        while position + START.size <= end:
            file.seek(position)
            base_offset, length, _, magic, _, attributes = START.unpack(file.read(START.size))
            size = OFFSET_AND_LENGTH_BYTES + length
            if position + size > end or (length == 0 and magic == 0):
                return  # Behind the last one a log that grows has zeros.
            if magic != MAGIC or size < START.size or attributes & 7 >= len(CODECS):
                raise ValueError(f"{path} has no batch at byte {position}")
            yield Batch(position, base_offset, size, CODECS[attributes & 7])
            position += size
