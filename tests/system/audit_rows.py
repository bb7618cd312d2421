# SPDX-License-Identifier: Apache-2.0
"""The audit as its description says (docs/reference/store.md, "The audit"), without the program:
the hash of a row, a row that is added as a deed adds it, and the head."""

import hashlib
import os
import struct

FIELDS = ("actor", "kind", "address", "action", "subject", "detail", "reason", "outcome")
NONE = bytes(32)


def key_of(directory):
    """The key that lies beside desk.db."""
    with open(os.path.join(directory, "audit.key"), "rb") as file:
        return file.read()


def link(key, previous, number, at, row):
    """The hash of a row behind one with the hash `previous`; row: bytes or None by field."""
    state = hashlib.blake2b(b"tillwatch audit row\0" + previous, key=key, digest_size=32)
    state.update(struct.pack("<Qq", number, at))
    for field in FIELDS:
        value = row.get(field)
        state.update(struct.pack("<BQ", value is not None, len(value or b"")) + (value or b""))
    return state.digest()


def add(db, directory, at, row):
    """Add a row in the transaction that is open; its number."""
    last = db.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    given = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    number = max(last[0] if last else 0, given[0] if given else 0) + 1
    digest = link(key_of(directory), last[1] if last else NONE, number, at, row)
    db.execute("INSERT INTO audit(id, at, %s, hash) VALUES(?, ?, %s, ?)"
               % (", ".join(FIELDS), ", ".join("?" * len(FIELDS))),
               (number, at, *[row.get(field) for field in FIELDS], digest))
    return number


def head_of(key, number, digest):
    """What audit.head has when this row is the last."""
    mac = hashlib.blake2b(b"tillwatch audit head\0" + struct.pack("<Q", number) + digest, key=key,
                          digest_size=32)
    return "%d %s %s\n" % (number, digest.hex(), mac.hexdigest())
