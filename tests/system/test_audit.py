#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The audit of a running tower: what is done is in it, chained as its description says; lists,
filters and both exports give every row back, hostile texts too; what somebody does to its files is
named by `tillwatch audit verify`, by the tower itself and in its log."""

import base64
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import audit_rows  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

HOSTILE = ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "'=1", "'", "a\"b",
           "a,b;c", "line\r\nnext", "<script>alert(1)</script>", "\u202egnp.exe",
           "caf\u00e9 \U0001f6d2", "x" * 499, "' OR 1=1 --"]
COLUMNS = ["id", "at", "at_ns", *audit_rows.FIELDS, "hash"]


def silence(tower, comment):
    """A deed: somebody silences, and says why."""
    body = {"matchers": [{"name": "alertname", "value": "x"}], "comment": comment,
            "ends": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))}
    request = urllib.request.Request(
        tower.url + "/api/v1/silences", json.dumps(body).encode(),
        {"Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def desk_of(tower):
    """The directory with desk.db."""
    return next(d for d, _, names in os.walk(tower.state) if "desk.db" in names)


def rows_of(directory):
    """Every row as its table has it: [(id, at, {field: bytes or None}, hash)]."""
    db = sqlite3.connect("file:%s/desk.db?mode=ro" % directory, uri=True, timeout=30)
    rows = db.execute("SELECT id, at, %s, hash FROM audit ORDER BY id"
                      % ", ".join(audit_rows.FIELDS)).fetchall()
    db.close()
    return [(row[0], row[1], dict(zip(audit_rows.FIELDS, row[2:-1])), row[-1]) for row in rows]


def audit(tower, *args):
    """tillwatch audit ...: (exit code, standard output, standard error)."""
    done = subprocess.run([tower.program, "audit", *args], env=tower.environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def do(directory, *statements):
    """What somebody does who can write the file."""
    db = sqlite3.connect(os.path.join(directory, "desk.db"), timeout=30)
    guard = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
                       " AND tbl_name = 'audit'").fetchall()
    for name, _ in guard:
        db.execute("DROP TRIGGER " + name)
    for statement in statements:
        db.execute(statement)
    for _, sql in guard:
        db.execute(sql)
    db.commit()
    db.close()


def check_chain(tap, tower):
    """An implementation of its own comes to the same hashes and the same head."""
    directory = desk_of(tower)
    key = audit_rows.key_of(directory)
    rows = rows_of(directory)
    last = audit_rows.NONE
    wrong = []
    for number, at, row, digest in rows:
        if audit_rows.link(key, last, number, at, row) != digest:
            wrong.append(number)
        last = digest
    tap.equal((len(rows), wrong), (len(HOSTILE), []), "every deed has its row, chained as it says")
    with open(os.path.join(directory, "audit.head"), encoding="ascii") as file:
        tap.equal(file.read(), audit_rows.head_of(key, rows[-1][0], last), "the head is the last")
    modes = [os.stat(os.path.join(directory, name)).st_mode & 0o777
             for name in ("audit.key", "audit.head")]
    tap.equal(modes, [0o600, 0o600], "nobody else reads the key or the head")
    tap.equal([row["reason"].decode() for _, _, row, _ in rows], HOSTILE, "every text as it came")


def check_list(tap, tower):
    """GET /audit."""
    whole = tower.get("/api/v1/audit?limit=1000")
    rows = rows_of(desk_of(tower))
    tap.equal([(item["id"], item["reason"], item["hash"]) for item in whole["items"]],
              [(number, row["reason"].decode(), digest.hex())
               for number, _, row, digest in reversed(rows)], "the list has each, the latest first")
    tap.equal((whole["chain"]["state"], whole["next"], whole["total"]), ("whole", None, None),
              "it is whole")
    found, cursor = [], ""
    while cursor is not None:
        page = tower.get("/api/v1/audit?limit=4&cursor=" + urllib.parse.quote(cursor)
                         if cursor else "/api/v1/audit?limit=4")
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    tap.equal(found, [item["id"] for item in whole["items"]], "with pages each comes once")
    every = len(rows)
    for query, wanted in (("actor=local", every), ("actor=loc", 0), ("action=silence", every),
                          ("outcome=done", every), ("outcome=refused", 0), ("since=-1h", every),
                          ("until=-1h", 0), ("since=-1h&until=-30m", 0), ("actor=", every),
                          ("subject=" + urllib.parse.quote(whole["items"][0]["subject"]), 1),
                          ("actor=%27%20OR%201=1%20--", 0)):
        tap.equal(len(tower.get("/api/v1/audit?limit=1000&" + query)["items"]), wanted, query)
    for query in ("cursor=abc", "limit=0", "limit=1001", "x=1", "since=yesterday"):
        tap.equal(tower.request("/api/v1/audit?" + query)[0], 400, "refused: " + query)


def add_raw(directory, row):
    """A row as a deed would add it, whatever its bytes."""
    db = sqlite3.connect(os.path.join(directory, "desk.db"), timeout=30, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    audit_rows.add(db, directory, time.time_ns(), row)
    db.execute("COMMIT")
    db.close()


def field_of(item, name):
    """The bytes of a field of NDJSON."""
    if name + "_base64" in item:
        return base64.b64decode(item[name + "_base64"])
    return None if item[name] is None else item[name].encode()


def check_export(tap, tower):
    """Both forms give every row back, also bytes that no call lets in."""
    add_raw(desk_of(tower), {"actor": b"nul\x00byte", "kind": b"user", "action": b"\xff\xfe=",
                             "subject": b"", "reason": b"=\xff\x00", "outcome": b"refused"})
    rows = rows_of(desk_of(tower))
    code, out, _ = audit(tower, "export")
    items = [json.loads(line) for line in out.decode().splitlines()]
    tap.equal(code, 0, "NDJSON is written")
    tap.equal([[name.removesuffix("_base64") for name in item] for item in items],
              [COLUMNS] * len(rows), "with all fields, in order")
    back = [(item["id"], item["at_ns"], {name: field_of(item, name) for name in audit_rows.FIELDS},
             bytes.fromhex(item["hash"])) for item in items]
    tap.equal(back, rows, "read back it is the rows")
    path = os.path.join(tower.base, "audit.csv")
    code, out, err = audit(tower, "export", "--format", "csv", "--out", path)
    tap.equal((code, out, os.path.exists(path + ".part")), (0, b"", False), "CSV into a file")
    tap.ok("%d rows" % len(rows) in err, "which says how many rows", err)
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        text = file.read()
    lines = list(csv.reader(io.StringIO(text.replace("\x00", "\ue000")), strict=True))
    tap.equal(lines[0], COLUMNS, "its first line names the columns")
    runs = [cell for line in lines[1:] for cell in line if cell[:1] in "=+-@\t\r" and cell]
    tap.equal(runs, [], "no cell that a spreadsheet would run")
    back = [{name: (cell[1:] if cell[:1] == "'" else cell).replace("\ue000", "\x00")
             .encode(errors="surrogateescape")
             for name, cell in zip(COLUMNS, line) if name in audit_rows.FIELDS}
            for line in lines[1:]]
    tap.equal(back, [{name: value or b"" for name, value in row.items()} for _, _, row, _ in rows],
              "without the apostrophe each text is what it was")
    tap.ok(',"","refused' not in text and ',"",,"' in text, "empty is told from absent")
    tap.equal(audit(tower, "export", "--until", "-1h"), (0, b"", ""), "rows of a time only")
    for args in (("export", "--format", "xml"), ("export", "--since", "x"),
                 ("verify", "--head", "x"), ("verify", "x"), ("erase",), ()):
        tap.equal(audit(tower, *args)[0], 2, "wrong use: audit " + " ".join(args))


def check_verify(tap, tower):
    """The words of the command, and what the tower says itself."""
    directory = desk_of(tower)
    rows = rows_of(directory)
    mark = "%d:%s" % (rows[-1][0], rows[-1][3].hex())
    code, out, _ = audit(tower, "verify")
    tap.equal((code, out.decode()), (0, "whole: %d rows, the last is %s\n" % (len(rows), mark)),
              "whole, with the last row")
    tap.equal(audit(tower, "verify", "--head", mark)[0], 0, "which is known")
    code, _, err = audit(tower, "verify", "--head", "3:" + "0" * 64)
    tap.equal((code, "changed: row 3" in err), (1, True), "another one is not")
    tower.stop()
    saved = tower.base + ".saved"
    shutil.copytree(directory, saved)
    cases = (
        ("changed: row 4", ["UPDATE audit SET actor = CAST('eve' AS BLOB) WHERE id = 4"]),
        ("missing: row 5", ["DELETE FROM audit WHERE id = 5"]),
        ("cut: rows 10 to ", ["DELETE FROM audit WHERE id >= 10"]),
        ("inserted: row %d" % (len(rows) + 1),
         ["INSERT INTO audit(id, at, actor, kind, action, subject, outcome, hash) SELECT id + 1,"
          " at, actor, kind, action, subject, outcome, hash FROM audit ORDER BY id DESC LIMIT 1"]),
        ("reordered: row 2", ["UPDATE audit SET id = -2 WHERE id = 2",
                              "UPDATE audit SET id = 2 WHERE id = 3",
                              "UPDATE audit SET id = 3 WHERE id = -2"]),
    )
    for words, statements in cases:
        do(directory, *statements)
        code, out, err = audit(tower, "verify")
        tap.equal((code, out, words in err), (1, b"", True), words)
        shutil.rmtree(directory)
        shutil.copytree(saved, directory)
    for name, words in (("audit.head", "head-missing"), ("audit.key", "audit.key: the key")):
        os.unlink(os.path.join(directory, name))
        code, _, err = audit(tower, "verify")
        tap.equal((code, words in err), (1, True), name + " is gone: " + words)
        shutil.copy2(os.path.join(saved, name), directory)
    tap.equal(audit(tower, "verify")[0], 0, "put back, it is whole")


def state_of(tower):
    """What GET /status says of the audit."""
    found = tower.get("/api/v1/status")["audit"]
    return found and (found["state"], found["fault"], found["detail"])


def check_tower(tap, tower):
    """A tower that starts on a changed audit says so, and goes on."""
    directory = desk_of(tower)
    do(directory, "UPDATE audit SET actor = CAST('eve' AS BLOB) WHERE id = 4")
    tower.start()
    wait_until(lambda: (state_of(tower) or ("unknown",))[0] == "broken", "the tower to find it")
    tap.equal(state_of(tower)[:2], ("broken", "changed"), "the tower says that it is broken")
    tap.ok("row 4" in state_of(tower)[2], "and where")
    tap.ok("audit_broken" in tower.log(), "its log, too")
    tap.equal(silence(tower, "still at work"), 201, "people can go on")
    tower.stop()
    do(directory, "UPDATE audit SET actor = CAST('local' AS BLOB) WHERE id = 4")
    tower.start()
    wait_until(lambda: (state_of(tower) or ("unknown",))[0] == "whole", "it to be whole again")
    tap.equal(audit(tower, "verify")[0], 0, "put right, it is whole, with what was done meanwhile")
    key = os.path.join(directory, "audit.key")
    os.rename(key, key + ".aside")
    before = (len(rows_of(directory)), len(tower.get("/api/v1/silences")["items"]))
    status = silence(tower, "without a key")
    tap.equal((status, len(rows_of(directory)), len(tower.get("/api/v1/silences")["items"])),
              (503, *before), "without the key nothing is done")
    os.rename(key + ".aside", key)
    tap.equal(silence(tower, "with the key"), 201, "with it, it is")


def check_backup(tap, tower):
    """A copy that is made while the tower runs goes on as one of its own."""
    target = os.path.join(tower.base, "copy")
    done = subprocess.run([tower.program, "backup", target], env=tower.environment(), timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    tap.equal(done.returncode, 0, "a backup is made")
    other = {**tower.environment(), "TILLWATCH_STATE": target}
    done = subprocess.run([tower.program, "audit", "verify"], env=other, timeout=60,
                          stdout=subprocess.PIPE, check=False)
    tap.equal((done.returncode, done.stdout.split()[0]), (0, b"whole:"), "its audit is whole")


def main():
    """All of it."""
    base = tempfile.mkdtemp(prefix="tw-audit-")
    with Tap() as tap, Tower(state=base) as tower:
        wait_until(lambda: tower.status_of("/api/v1/audit") == 200, "the desk is there")
        for text in HOSTILE:
            tap.equal(silence(tower, text), 201, "silenced: " + repr(text)[:40])
        check_chain(tap, tower)
        check_list(tap, tower)
        check_export(tap, tower)
        check_verify(tap, tower)
        check_tower(tap, tower)
        check_backup(tap, tower)
    shutil.rmtree(base, ignore_errors=True)
    shutil.rmtree(base + ".saved", ignore_errors=True)


if __name__ == "__main__":
    main()
