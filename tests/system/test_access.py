#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Users and tokens at the command line: beside a tower and without one; a password comes from a
terminal that does not show it or from standard input, and is nowhere in clear afterwards. TAP."""

import glob
import hashlib
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import DEADLINE_S, Tower, program_path  # noqa: E402

FIRST, SECOND, THIRD = "kraftvoll-7zx", "Regenschirm im Mai", "drei\u00e4pfel+birnen"


class Desk:
    """The commands on one store, and what its desk says."""

    def __init__(self, tower):
        self.tower = tower
        self.env = dict(os.environ, **tower.env)
        self.shown = []  # secrets that were printed

    def run(self, *arguments, given=None):
        """(exit code, stdout, stderr)"""
        done = subprocess.run([program_path(), *arguments], env=self.env, check=False,
                              input=None if given is None else given.encode(),
                              stdin=subprocess.DEVNULL if given is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def rows(self, sql):
        """Rows of desk.db, bytes as text."""
        with sqlite3.connect("file:%s/desk.db?mode=ro" % self.tower.state, uri=True) as db:
            return [tuple(v.decode() if isinstance(v, bytes) else v for v in row)
                    for row in db.execute(sql)]

    def audit(self):
        """(action, subject, detail) of all rows about users and tokens, in order."""
        return self.rows("SELECT action, subject, detail FROM audit WHERE"
                         " CAST(subject AS TEXT) LIKE 'user:%' OR"
                         " CAST(subject AS TEXT) LIKE 'token:%' ORDER BY id")


class Asked:
    """A command on a terminal of its own."""

    def __init__(self, desk, *arguments):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program_path(), [program_path(), *arguments], desk.env)

    def read_until(self, wanted):
        """All that was shown so far, when `wanted` is the end of it."""
        end = time.monotonic() + DEADLINE_S
        while not self.text.endswith(wanted):
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("waited in vain for %r behind %r" % (wanted, self.text))
            self.text += os.read(self.fd, 4096).decode()

    def shows_input(self):
        """Whether the terminal echoes."""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text):
        """As a person would."""
        os.write(self.fd, text.encode())

    def end(self):
        """The wait status."""
        while True:
            try:
                more = os.read(self.fd, 4096)
            except OSError:  # the other end was closed
                break
            if not more:
                break
            self.text += more.decode()
        return os.waitpid(self.pid, 0)[1]

    def close(self):
        """The terminal."""
        os.close(self.fd)


def check_first(tap, desk):
    """No store yet: the first admin comes before the first start."""
    code, out, err = desk.run("user", "list")
    tap.equal((code, out), (1, ""), "without a store there is nothing to list")
    tap.ok("there is no desk yet" in err, "and it says so", err)
    code, out, err = desk.run("user", "add", "anna", "--role", "admin", "--password-stdin",
                              given=FIRST + "\nnot this line\n")
    tap.equal((code, out, err), (0, "", ""), "the first admin is made before the first start")
    code, out, err = desk.run("user", "add", "bert", "--one-time", "--grant",
                              "replay,read region=north,east", "--grant=silence")
    tap.equal(code, 0, "a user with a password for one sign-in")
    tap.ok(re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}\n", out), "which is printed alone", out)
    tap.ok("changed at the first sign-in" in err, "and that it must be changed is said", err)
    desk.shown.append(out.strip())


def check_list(tap, desk):
    """What is shown of them."""
    code, out, _ = desk.run("user", "list")
    lines = out.splitlines()
    tap.equal(code, 0, "users are listed")
    tap.equal([line.split()[:3] for line in lines if not line.startswith(" ")],
              [["NAME", "ROLE", "STATE"], ["anna", "admin", "active"],
               ["bert", "viewer", "one-time"]], "with role and state, in order of name")
    tap.equal([line.strip() for line in lines if line.startswith(" ")],
              ["+ read,replay region=east,north", "+ silence"], "with their grants in one form")
    tap.equal(desk.audit()[:2], [("user-add", "user:anna", "role admin"),
                                 ("user-add", "user:bert", "role viewer")], "both are in the audit")
    record = desk.rows("SELECT password FROM user WHERE name = CAST('anna' AS BLOB)")[0][0]
    tap.ok(record.startswith("$argon2id$v=19$m=65536,t=3,p=1$"),
           "what is kept of a password is Argon2id as the configuration says", record)


def check_terminal(tap, desk):
    """Asked for at a terminal."""
    asked = Asked(desk, "user", "passwd", "bert")
    asked.read_until("New password of bert: ")
    tap.ok(not asked.shows_input(), "the terminal does not show what is typed")
    with open("/proc/%d/cmdline" % asked.pid, "rb") as f:
        tap.equal(f.read().split(b"\0")[1:-1], [b"user", b"passwd", b"bert"],
                  "nor does the list of processes")
    asked.type(SECOND + "\n")
    asked.read_until("The same once more, for bert: ")
    asked.type(SECOND + "\n")
    status = asked.end()
    tap.ok(os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, "it is changed", asked.text)
    tap.ok(SECOND not in asked.text, "without having been shown", asked.text)
    asked.close()
    tap.equal(desk.rows("SELECT must_change FROM user WHERE name = CAST('bert' AS BLOB)"), [(0,)],
              "one that a person chose needs no change")

    before = desk.rows("SELECT password FROM user")
    asked = Asked(desk, "user", "passwd", "bert")
    asked.read_until("New password of bert: ")
    asked.type(FIRST + "\n")
    asked.read_until("The same once more, for bert: ")
    asked.type(SECOND + "\n")
    status = asked.end()
    tap.equal(os.WEXITSTATUS(status), 2, "two that differ change nothing")
    tap.ok("the two passwords differ" in asked.text, "and it says so", asked.text)
    asked.close()
    tap.equal(desk.rows("SELECT password FROM user"), before, "the old one is in force")

    for number, name in ((signal.SIGINT, "^C"), (signal.SIGTERM, "SIGTERM")):
        asked = Asked(desk, "user", "add", "carl")
        # A second holder of the terminal, whose settings would go with the last one.
        keep = os.open(os.readlink("/proc/%d/fd/0" % asked.pid), os.O_RDWR | os.O_NOCTTY)
        asked.read_until("New password of carl: ")
        if number == signal.SIGINT:
            asked.type("half a pass\x03")
        else:
            os.kill(asked.pid, number)
        status = os.waitpid(asked.pid, 0)[1]
        tap.ok(os.WIFSIGNALED(status) and os.WTERMSIG(status) == number,
               "%s ends it as it ends every program" % name, status)
        tap.ok(asked.shows_input(), "and the terminal shows again what is typed")
        os.close(keep)
        asked.close()
    tap.equal(desk.rows("SELECT count(*) FROM user"), [(2,)], "nobody was made")


def check_refused(tap, desk):
    """What is not taken changes nothing; exit codes and words."""
    rows = len(desk.audit())
    for name, arguments, given, code, words in (
            ("a short password", ["user", "add", "carl", "--password-stdin"], "kurz\n", 2,
             "password: 12 to 128 characters"),
            ("a common one", ["user", "add", "carl", "--password-stdin"], "Qwerty123456\n", 2,
             "one of the commonest"),
            ("one too long", ["user", "add", "carl", "--password-stdin"], "x" * 5000 + "\n", 2,
             "at most 512 bytes"),
            ("none", ["user", "add", "carl", "--password-stdin"], "", 2, "no password was given"),
            ("an empty one", ["user", "add", "carl", "--password-stdin"], "\n", 2,
             "12 to 128 characters"),
            ("the user's name", ["user", "passwd", "anna", "--password-stdin"], "Anna-Anna-123\n",
             2, "a name and little else"),
            ("no terminal", ["user", "add", "carl"], None, 2, "there is no terminal to ask at"),
            ("both ways", ["user", "add", "carl", "--one-time", "--password-stdin"], "x\n", 2,
             "leave out --password-stdin"),
            ("a bad name", ["user", "add", "Carl", "--one-time"], None, 2, "name of a user"),
            ("a name twice", ["user", "add", "anna", "--one-time"], None, 1,
             "there is a user anna already"),
            ("a bad role", ["user", "add", "carl", "--role", "root", "--one-time"], None, 2,
             "there is no role \"root\""),
            ("a bad grant", ["user", "add", "carl", "--grant", "fly", "--one-time"], None, 2,
             "there is no right \"fly\""),
            ("no grant and no --none", ["user", "grant", "anna"], None, 2,
             "say the grants, or --none"),
            ("a password as an argument", ["user", "passwd", "anna", "hello"], None, 2,
             "unexpected argument"),
            ("nobody", ["user", "passwd", "nobody", "--one-time"], None, 1,
             "there is no user nobody"),
            ("the last admin's role", ["user", "role", "anna", "viewer"], None, 1,
             "no admin who can sign in"),
            ("the last admin disabled", ["user", "disable", "anna"], None, 1,
             "no admin who can sign in"),
            ("the last admin removed", ["user", "remove", "anna"], None, 1,
             "no admin who can sign in"),
            ("no verb", ["user"], None, 2, "say one of add|passwd|role"),
            ("a token without a role", ["token", "add", "prom"], None, 2, "say a --role"),
            ("a token for ever", ["token", "add", "prom", "--role", "none", "--expires", "1827d"],
             None, 2, "at most 1826 days"),
            ("a token that is over", ["token", "add", "prom", "--role", "none", "--expires", "0d"],
             None, 2, "in the future"),
            ("a time that is none", ["token", "add", "prom", "--role", "none", "--expires", "-1d"],
             None, 2, "such as 90d"),
            ("no such token", ["token", "revoke", "prom"], None, 1, "there is no token prom")):
        got, out, err = desk.run(*arguments, given=given)
        tap.ok((got, out) == (code, "") and words in err and len(err.splitlines()) == 1,
               "refused: " + name, (got, out, err))
    tap.equal(len(desk.audit()), rows, "none of it is in the audit")
    arguments = ["user", "add", "many", "--one-time"] + ["--grant=silence"] * 33
    code, _, err = desk.run(*arguments)
    tap.ok(code == 2 and "at most 32 times" in err, "33 grants are one too many", err)


def check_tokens(tap, desk):
    """Shown once, kept as a hash."""
    code, out, err = desk.run("token", "add", "prometheus", "--role", "none", "--grant",
                              "push,heartbeat", "--expires", "90d")
    tap.ok(code == 0 and re.fullmatch(r"tw_[A-Za-z0-9_-]{43}\n", out), "a token is printed alone",
           (code, out, err))
    tap.ok("shown this once" in err, "and that it is shown once is said", err)
    token = out.strip()
    desk.shown.append(token)
    bits = subprocess.run(["base64", "-d"], check=True, stdout=subprocess.PIPE,
                          input=(token[3:].replace("-", "+").replace("_", "/") + "=").encode())
    wanted = hashlib.blake2b(bits.stdout, digest_size=32, person=b"tillwatch token\0").digest()
    with sqlite3.connect(desk.tower.state + "/desk.db") as db:
        stored, lasts = db.execute("SELECT hash, (expires - created) / 1000000000 FROM token"
                                   ).fetchone()
    tap.equal(stored, wanted, "what is kept is BLAKE2b of its 256 bits")
    tap.equal(lasts, 90 * 86400, "and when it expires")
    code, out, _ = desk.run("token", "list")
    tap.ok(code == 0 and out.splitlines()[1].split()[:3] == ["prometheus", "none", "active"]
           and out.splitlines()[2].strip() == "+ heartbeat,push", "tokens are listed", out)
    code, out, _ = desk.run("token", "add", "year", "--role", "viewer")
    desk.shown.append(out.strip())
    tap.equal(desk.rows("SELECT (expires - created) / 1000000000 FROM token WHERE name ="
                        " CAST('year' AS BLOB)"), [(365 * 86400,)], "365 days without --expires")
    code, _, err = desk.run("token", "revoke", "year")
    tap.equal((code, err), (0, ""), "a token is revoked")
    tap.equal(desk.rows("SELECT count(*) FROM token"), [(1,)], "and gone")


def check_beside(tap, desk):
    """A tower that runs takes nothing amiss, and changes one after the other are all there."""
    for arguments in (["user", "role", "bert", "operator"], ["user", "disable", "bert"],
                      ["user", "enable", "bert"], ["user", "grant", "bert", "reveal store=1"],
                      ["user", "grant", "bert", "--none"]):
        tap.equal(desk.run(*arguments)[0], 0, "beside a tower: " + " ".join(arguments))
    many = [subprocess.Popen([program_path(), "user", "add", "many%d" % i, "--one-time"],
                             env=desk.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL) for i in range(6)]
    printed = [process.communicate(timeout=DEADLINE_S)[0].decode().strip() for process in many]
    desk.shown += printed
    tap.equal([process.returncode for process in many], [0] * 6, "six at once are all made")
    for i in range(6):
        desk.run("user", "remove", "many%d" % i)
    names = [row for row in desk.audit() if row[1].startswith("user:many")]
    tap.equal(len(names), 12, "their coming and going is in the audit")
    tap.equal(desk.tower.status_of("/readyz"), 200, "the tower is well")


def check_nowhere(tap, desk):
    """Nothing that opens anything is in any file."""
    paths = glob.glob(desk.tower.base + "/**/*", recursive=True)
    found = []
    for path in paths:
        if os.path.isfile(path):
            with open(path, "rb") as f:
                text = f.read()
            found += [(path, secret[:4]) for secret in desk.shown + [FIRST, SECOND, THIRD]
                      if secret.encode() in text or secret[3:].encode() in text]
    tap.ok(len(paths) > 5, "files were looked through", paths)
    tap.equal(found, [], "no file of store or log has a password, a one-time password or a token")


def main():
    tower = Tower()
    with Tap() as tap:
        try:
            desk = Desk(tower)
            check_first(tap, desk)
            check_list(tap, desk)
            check_terminal(tap, desk)
            check_refused(tap, desk)
            tower.start()
            tap.ok(True, "a tower starts on the store that the command made")
            code, _, err = desk.run("user", "passwd", "anna", "--password-stdin", given=THIRD)
            tap.equal((code, err), (0, ""), "a password without an end of line, not ASCII")
            check_tokens(tap, desk)
            check_beside(tap, desk)
            tap.equal(tower.stop(), 0, "the tower stops as it should")
            check_nowhere(tap, desk)
        finally:
            tower.close()


if __name__ == "__main__":
    main()
