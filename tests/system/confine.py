#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A command under the restrictions of contrib/tillwatch.service, on a machine without systemd.

    confine.py [--unit FILE] [--calls] [--write DIR]... -- COMMAND...

Read from the unit: the system calls that are allowed (systemd-analyze says which a group has),
address families, memory that can be written and run, capabilities, limits, umask. The file system
is read-only but for a /tmp of its own and the directories named; home directories are empty.
--calls: all but the file system and the directories, without a process in between, so that the
command has the process id of this one.

Not done, since only systemd can: device and address lists, users of its own, hidden processes."""

import argparse
import ctypes
import errno
import os
import resource
import shutil
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNIT = os.path.join(ROOT, "contrib", "tillwatch.service")
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAPABILITIES = 64  # numbers that are tried; the kernel refuses those that it does not know
PROT_WRITE, PROT_EXEC = 2, 4
CLONE_NEW = 0x7E020080  # all namespaces: cgroup uts ipc user pid net mnt time
HOMES = ("/home", "/root", "/run/user")


def settings(path):
    """{key: [values]} of [Service]; a key may stand there more than once."""
    found, section = {}, None
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.strip()
            if line.startswith("["):
                section = line
            elif section == "[Service]" and "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                found.setdefault(key, []).append(value)
    return found


def calls_of(name):
    """The system calls of a group, those of groups in it too, or the one that is named."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    words = [line.strip() for line in text.splitlines()[1:]]
    calls = set()
    for word in words:
        if word and not word.startswith("#"):
            calls |= calls_of(word)
    return calls


def allowed_calls(unit):
    """What SystemCallFilter leaves, and what systemd always does."""
    calls = calls_of("@default")
    for value in unit["SystemCallFilter"]:
        for name in value.lstrip("~").split():
            calls = calls - calls_of(name) if value.startswith("~") else calls | calls_of(name)
    return calls


def filter_calls(unit):
    """Whatever is not allowed fails with EPERM from now on; rights cannot be gained again."""
    import seccomp  # pylint: disable=import-outside-toplevel
    of = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    families = [getattr(socket, name) for name in unit["RestrictAddressFamilies"][0].split()]
    bounded = {
        "socket": [[seccomp.Arg(0, seccomp.EQ, int(family))] for family in families],
        "clone": [[seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_NEW, 0)]],
        "unshare": [[seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_NEW, 0)]],
        # Either not to be written or not to be run.
        "mmap": [[seccomp.Arg(2, seccomp.MASKED_EQ, PROT_WRITE, 0)],
                 [seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0)]],
        "mprotect": [[seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0)]],
        "pkey_mprotect": [[seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0)]],
    }
    for call in sorted(allowed_calls(unit)):
        if call == "clone3":
            continue  # its flags cannot be looked at: the C library then takes clone
        for arguments in bounded.get(call, [[]]):
            try:
                of.add_rule(seccomp.ALLOW, call, *arguments)
            except (RuntimeError, ValueError):
                break  # not a call of this architecture
    of.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    of.load()


def confine(unit):
    """This process, and what it becomes."""
    libc = ctypes.CDLL(None, use_errno=True)
    if unit["CapabilityBoundingSet"] == [""]:
        for number in range(CAPABILITIES):
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    os.umask(int(unit["UMask"][0], 8))
    resource.setrlimit(resource.RLIMIT_CORE, (int(unit["LimitCORE"][0]),) * 2)
    filter_calls(unit)


def in_a_file_system(unit, directories, program):
    """The command that shows a file system as the unit does, with these directories to write to."""
    command = ["bwrap", "--die-with-parent", "--cap-drop", "ALL", "--cap-add",
               "CAP_SETPCAP", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    if unit["PrivateTmp"] == ["yes"]:
        command += ["--tmpfs", "/tmp", "--tmpfs", "/var/tmp"]
    for home in HOMES:
        if unit["ProtectHome"] == ["yes"] and os.path.isdir(home):
            command += ["--tmpfs", home]
    # What is to be run may stand in one that was hidden.
    for directory in {ROOT, os.path.dirname(os.path.realpath(shutil.which(program) or program))}:
        command += ["--ro-bind", directory, directory]
    for directory in directories:
        command += ["--bind", directory, directory]
    return command + ["--"]


def why_not():
    """Why this machine cannot do it, or None."""
    for program in ("bwrap", "systemd-analyze"):
        if not shutil.which(program):
            return "needs " + program
    try:
        import seccomp  # pylint: disable=import-outside-toplevel,unused-import
    except ImportError:
        return "needs python3-seccomp"
    done = subprocess.run(["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "true"],
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        return "bwrap cannot do it here: " + done.stderr.decode(errors="replace").strip()[:200]
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--unit", default=UNIT)
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--write", action="append", default=[])
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    unit = settings(args.unit)
    if not args.calls:
        again = [sys.executable, os.path.abspath(__file__), "--unit", args.unit, "--calls", "--"]
        command = in_a_file_system(unit, args.write, args.command[0]) + again + args.command
        os.execvp(command[0], command)
    confine(unit)
    os.execvp(args.command[0], args.command)


if __name__ == "__main__":
    main()
