"""Reads and writes Celeriac's parcels, as docs/wire-format.md has them: the format in another language.

    wire_format.py read  < parcel.hex   > parcel.json
    wire_format.py write < parcel.json  > parcel.hex
    wire_format.py ids                  > ids.json

Arguments are what msgpack makes of them: types such as addresses and ids are texts, as in JSON.

Needs msgpack, xxhash and zstandard. Not meant for speed; the tests hold it against the Rust code.
"""

import json
import struct
import sys
import zlib

import msgpack
import xxhash
import zstandard

VERSION = 1
ZSTD = 1
MAX_BODY_BYTES = 16 << 20
IDS = ("id", "parent", "batch")


def read(parcel):
    """The header, and for each call its index and arguments."""
    version, flags, header_bytes = struct.unpack_from("<BBI", parcel)
    if version != VERSION or flags & ~ZSTD:
        raise ValueError(f"version {version}, flags {flags:#x}")
    (checksum,) = struct.unpack("<I", parcel[-4:])
    if zlib.crc32(parcel[:-4]) != checksum:
        raise ValueError("wrong checksum")
    body_at = 6 + header_bytes + 4
    header = msgpack.unpackb(parcel[6 : body_at - 4])
    (body_bytes,) = struct.unpack_from("<I", parcel, body_at - 4)
    if body_bytes > MAX_BODY_BYTES:
        raise ValueError(f"a body of {body_bytes} bytes")
    body = parcel[body_at:-4]
    if flags & ZSTD:
        body = zstandard.ZstdDecompressor().decompress(body, max_output_size=body_bytes)
    body = msgpack.unpackb(body)
    offsets = positions(body["indexes"]) if "indexes" in body else range(header["count"])
    calls = [
        {"index": header["first"] + offset, "args": msgpack.unpackb(args)}
        for offset, args in zip(offsets, body["args"], strict=True)
    ]
    return {"header": {name: value.hex() if name in IDS else value for name, value in header.items()}, "calls": calls}


def write(parcel):
    """The parcel's bytes, with a body that is not compressed."""
    header = {name: bytes.fromhex(value) if name in IDS else value for name, value in parcel["header"].items()}
    header = msgpack.packb(header)
    calls = parcel["calls"]
    body = {"args": [msgpack.packb(call["args"]) for call in calls]}
    offsets = [call["index"] - parcel["header"]["first"] for call in calls]
    if offsets != list(range(len(calls))):
        body["indexes"] = bitmap(offsets)
    body = msgpack.packb(body)
    head = struct.pack("<BBI", VERSION, 0, len(header)) + header + struct.pack("<I", len(body)) + body
    return head + struct.pack("<I", zlib.crc32(head))


def positions(bits):
    return [position for position in range(len(bits) * 8) if bits[position // 8] >> position % 8 & 1]


def bitmap(offsets):
    bits = bytearray(max(offsets) // 8 + 1)
    for offset in offsets:
        bits[offset // 8] |= 1 << offset % 8
    return bytes(bits)


def xxh3(text):
    return xxhash.xxh3_128_digest(text)


def derived(kind, source, number):
    return source[:6] + xxh3(kind + source + struct.pack(">Q", number))[6:]


def root(batch, first):
    """The id of the parcel that holds the calls of a batch from `first` on."""
    return derived(b"r", batch, first)


def child(parcel, k):
    """The id of a parcel's `k`th child."""
    return derived(b"c", parcel, k)


def revived(batch, index, died_ms):
    """The id of the parcel that sends a dead call again."""
    return derived(b"d", root(batch, index), died_ms)


def keyed(task, key):
    """The batch of a call that was given a unique key; for a `fan_out` the key is "fan_out\\0" and the key."""
    return xxh3(task.encode() + b"\0" + key.encode())


def ids():
    """One of each id, from batch 018bcfe56800 followed by 42."""
    batch = bytes.fromhex("018bcfe568000000000000000000002a")
    found = {
        "batch": batch,
        "root of the calls from 0": root(batch, 0),
        "root of the calls from 4096": root(batch, 4096),
        "child 0 of the root from 0": child(root(batch, 0), 0),
        "child 7 of the root from 0": child(root(batch, 0), 7),
        "call 5 revived, dead at 1700000000000": revived(batch, 5, 1700000000000),
        "batch of mail.send with the key welcome:ada": keyed("mail.send", "welcome:ada"),
    }
    return {name: value.hex() for name, value in found.items()}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["read"]:
            json.dump(read(bytes.fromhex(sys.stdin.read())), sys.stdout, indent=2, ensure_ascii=False)
        case ["write"]:
            print(write(json.load(sys.stdin)).hex())
        case ["ids"]:
            json.dump(ids(), sys.stdout, indent=2)
        case _:
            sys.exit(__doc__)
