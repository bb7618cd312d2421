#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad use: every mistake at the command line or in the configuration is answered with a status
other than 0 and one clear line that says what to do."""

import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import ROOT, Tower, config_with, program_path  # noqa: E402


def run(*args, env=None, program="tillwatch"):
    """(status, what it said)."""
    try:
        done = subprocess.run([program_path(program), *args], env={**os.environ, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20, check=False)
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


def complains(tap, name, result, *words):
    """A positive exit status, few lines, and every word in them."""
    status, said = result
    lines = said.strip().split("\n")
    tap.ok(status is not None and 0 < status < 126, name + ": refused", "%s\n%s" % (status, said))
    tap.ok(all(w in said for w in words) and 0 < len(lines) <= 30 and said.strip(),
           name + ": says " + ", ".join(words or ("something",)), said[-2000:])


def check_arguments(tap):
    """Wrong words on the command line."""
    complains(tap, "no argument", run(), "run")
    complains(tap, "unknown command", run("rnu"), "rnu")
    complains(tap, "unknown option", run("run", "--frobnicate"), "--frobnicate")
    complains(tap, "option without its value", run("run", "-c"), "-c")
    complains(tap, "missing configuration file", run("run", "-c", "/nonexistent/t.yaml"),
              "/nonexistent/t.yaml")
    complains(tap, "a directory as configuration", run("check", "-c", "/tmp"), "/tmp")
    complains(tap, "wrong half", run("run", "--only", "collectr"), "collectr")
    complains(tap, "wrong log format", run("run", "--log-format", "xml"), "xml")
    complains(tap, "backup without a target", run("backup"), "backup")
    complains(tap, "import of a file that is missing", run("import", "/nonexistent/a.ndjson"),
              "/nonexistent/a.ndjson")
    complains(tap, "retail-sim with a wrong fault",
              run("--stores", "1", "--rate", "1", "--duration", "1", "--fault", "earthquake",
                  program="retail-sim"), "earthquake")
    complains(tap, "retail-sim with no number", run("--stores", "many", program="retail-sim"),
              "many")
    for word in ("--help", "--version"):
        status, said = run(word)
        tap.ok(status == 0 and said.strip(), word + " answers", said)


def check_configuration(tap):
    """Faults of a file: all at once, each with its line."""
    with tempfile.TemporaryDirectory(prefix="tw-config-") as directory:
        def checked(text):
            path = os.path.join(directory, "t.yaml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            return run("check", "-c", path)
        complains(tap, "a misspelt key", checked("store:\n  retain-dyas: 3\n"), "t.yaml:2",
                  "retain-dyas", "retain-days")
        complains(tap, "a value out of range", checked("store:\n  commit-ms: -1\n"), "t.yaml:2",
                  "commit-ms")
        complains(tap, "a word for a number", checked("store:\n  commit-ms: soon\n"), "t.yaml:2")
        complains(tap, "two faults at once",
                  checked("store:\n  commit-ms: -1\nwbe:\n  threads: 2\n"), "t.yaml:2", "t.yaml:3")
        complains(tap, "no YAML at all", checked("store: [\n"), "t.yaml:")
        status, said = checked(config_with())
        tap.equal(status, 0, "the printed configuration is accepted")
        tap.note(said.split("\n")[0])
        with open(os.path.join(ROOT, "docs", "reference", "configuration.md"),
                  encoding="utf-8") as f:
            tap.ok(run("print-config", "--reference")[1] == f.read(),
                   "docs/reference/configuration.md is that of the table of keys")


def check_environment(tap):
    """Ports and directories that are not to be had."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        for name, value in (("TILLWATCH_WEB", address), ("TILLWATCH_TAP_PULL", "tcp://" + address),
                            ("TILLWATCH_TAP_ROUTER", "tcp://" + address),
                            ("TILLWATCH_AGENTS", "tcp://" + address)):
            tower = Tower()
            env = {**tower.env, name: value}
            complains(tap, name + " on a port that is taken", run("run", env=env), address)
            tower.close()
    tower = Tower()
    try:
        complains(tap, "an endpoint that is none",
                  run("run", env={**tower.env, "TILLWATCH_TAP_PULL": "nonsense"}), "nonsense")
        path = os.path.join(tower.base, "file")
        with open(path, "w", encoding="ascii") as f:
            f.write("x")
        complains(tap, "a state directory below a file",
                  run("run", env={**tower.env, "TILLWATCH_STATE": path + "/state"}), path)
        if os.geteuid() != 0:
            os.mkdir(os.path.join(tower.base, "shut"), 0o500)
            shut = os.path.join(tower.base, "shut", "state")
            complains(tap, "a directory without permission",
                      run("run", env={**tower.env, "TILLWATCH_STATE": shut}), shut)
        else:
            tap.skip("a directory without permission", "root may write everywhere")
    finally:
        tower.close()


def main():
    with Tap() as tap:
        check_arguments(tap)
        check_configuration(tap)
        check_environment(tap)


if __name__ == "__main__":
    main()
