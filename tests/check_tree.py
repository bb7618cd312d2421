#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the tree that no compiler knows: who includes whom, where a third-party header may
stand, the shape of files, links in documents, reference pages that match their tables. TAP."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "system"))
from tap import Tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)

# What a directory may include of the project. A stage knows core, the configuration, itself and
# the records that are handed to it.
MAY_INCLUDE = {
    "collector/core/": ["core/"],
    "collector/config/": ["core/", "config/"],
    "collector/event/": ["core/", "config/config.h", "event/"],
    "collector/store/": ["core/", "config/config.h", "store/", "track/track.h",
                         "access/rights.h", "access/grant.h", "access/session.h",
                         "access/bearer.h"],
    # Who may connect to ZeroMQ sockets.
    "collector/curve/": ["core/", "config/config.h", "curve/"],
    "collector/tap/": ["core/", "config/config.h", "curve/guard.h", "tap/"],
    "collector/workflow/": ["core/", "config/", "workflow/"],
    # Runs, lag, objectives: the records of correlation in, records for the store out.
    "collector/track/": ["core/", "config/config.h", "event/event.h", "event/text.h",
                         "store/batch.h", "workflow/workflow.h", "track/"],
    "collector/correlate/": ["core/", "config/config.h", "event/event.h", "event/decode.h",
                             "store/batch.h", "store/ident.h", "store/store.h", "correlate/"],
    # From what is known of a failure to its cause: pure.
    "collector/causes/": ["core/", "config/", "event/event.h", "track/track.h", "causes/"],
    # Drives the stages, in one thread.
    "collector/intake/": ["core/", "config/config.h", "tap/tap.h", "event/", "correlate/",
                          "store/", "track/tracker.h", "workflow/workflow.h",
                          "causes/causes.h", "causes/rules.h"],
    # Follows what tracking committed, and keeps what failed.
    "collector/desk/": ["core/", "config/config.h", "causes/causes.h", "store/desk.h", "desk/"],
    # Who may do what: pure.
    "collector/access/": ["core/", "event/text.h", "access/"],
    # Carries out replays: what is in the outbox goes to agents.
    "collector/replay/": ["core/", "config/config.h", "config/url.h", "event/scan.h",
                          "event/text.h", "store/outbox.h", "store/replays.h", "store/tracks.h",
                          "store/reader.h", "store/journey.h", "http/", "curve/guard.h",
                          "replay/"],
    # Judges series; what opens and closes is rows of the desk.
    "collector/alert/": ["core/", "config/", "track/calendar.h", "track/metrics.h",
                         "track/burn.h", "track/track.h", "workflow/workflow.h", "store/tracks.h",
                         "store/reader.h", "store/alerts.h", "store/points.h", "store/retain.h",
                         "alert/"],
    # Tells people: routes, groups, the outbox, receivers.
    "collector/notify/": ["core/", "config/", "track/calendar.h", "workflow/workflow.h",
                          "alert/labels.h", "alert/matcher.h", "alert/hours.h", "alert/json_text.h",
                          "alert/hours_parse.h", "alert/rules.h",
                          "store/alerts.h", "store/notices.h", "store/receivers.h",
                          "event/text.h", "http/", "curve/guard.h", "notify/"],
    # Posting to what the configuration allows.
    "collector/http/": ["core/", "config/config.h", "config/url.h", "event/text.h", "http/"],
    # The web half: core, configuration, and the reading and request side of the store.
    "web/": ["access/", "config/network.h", "store/users.h", "store/sessions.h",
             "store/tokens.h", "core/", "config/config.h", "store/reader.h",
             "store/journey.h", "store/request.h",
             "store/batch.h", "store/tracks.h", "store/audit_read.h", "store/desk_read.h",
             "store/replay_read.h",
             "store/plan.h",
             "track/track.h", "track/run.h", "track/match.h",
             "track/skew.h", "track/sketch.h", "track/verdict.h",
             "track/metrics.h", "alert/", "store/alert_read.h", "store/alert_sums.h",
             "store/silences.h",
             "notify/routes.h",
             # Dashboards are read as workflows are; times are shown in time zones.
             "config/parse.h", "config/dir.h", "config/value.h", "track/calendar.h",
             "event/event.h", "event/text.h",
             # A repaired event is one that intake would take.
             "event/decode.h", "replay/edit.h",
             "workflow/workflow.h", "causes/causes.h", "causes/rules.h", "web/"],
    "client/": ["tillwatch.h"],
}
# Headers of libraries, and the only places that may know them.
LIBRARIES = {
    "zmq.h": ["collector/tap/", "collector/curve/", "collector/replay/socket.c",
              "collector/notify/pub.c", "client/", "tests/"],
    "sqlite3.h": ["collector/store/", "tests/"],
    "zstd.h": ["collector/store/", "tests/"],
    "sodium.h": ["collector/access/", "collector/store/", "tests/"],
    "curl/curl.h": ["collector/http/client.c"],
    "microhttpd.h": ["web/server.c", "web/router.c", "tests/"],
    "zlib.h": ["web/gzip.c", "tests/"],
    "yaml.h": ["collector/config/", "collector/workflow/", "collector/causes/", "web/panel/",
               "collector/alert/", "collector/notify/"],
    "pcre2.h": ["collector/alert/matcher.c"],
    "jansson.h": ["collector/alert/", "collector/notify/", "collector/http/answer.c",
                  "collector/causes/", "collector/curve/", "collector/event/",
                  "collector/correlate/",
                  "collector/intake/",
                  "collector/track/", "collector/workflow/", "collector/desk/",
                  "collector/replay/",
                  "collector/cli_audit.c", "web/", "tests/"],
    "xxhash.h": ["collector/causes/", "collector/store/", "collector/correlate/",
                 "collector/event/", "collector/replay/",
                 "collector/track/", "collector/workflow/", "tests/"],
    "glib.h": ["collector/track/calendar.c"],
    "cmocka.h": ["tests/"],
}
# Places outside the project that none of its lines may name: directories of one machine, and the
# hosts packages come from (whoever builds has their own mirrors).
OUTSIDE = [r"(^|[^a-z.])/(work|home|farm)/", r"registry\.npm", r"deb\.debian", r"\.\./shared/"]
MAX_LINES = 800
MAX_COLUMNS = 100


def tracked(*suffixes):
    """Files of the tree under version control, or all without git (a release archive)."""
    done = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        names = [n for n in done.stdout.decode().split("\0") if n]
    else:
        names = [os.path.relpath(os.path.join(d, f), ".")
                 for d, _, files in os.walk(".") for f in files if "/build" not in d]
    return sorted(n for n in names if n.endswith(suffixes) and os.path.isfile(n))


def read(name):
    """The text of a file."""
    with open(name, encoding="utf-8", errors="replace") as f:
        return f.read()


def includes(name):
    """(line number, "x.h" or <x.h>, the name) of every include."""
    for number, line in enumerate(read(name).split("\n"), 1):
        found = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if found:
            yield number, found.group(1), found.group(2)


def check_directions(tap, sources):
    """Dependencies point one way."""
    for place, allowed in MAY_INCLUDE.items():
        wrong = []
        for name in [s for s in sources if s.startswith(place)]:
            for number, kind, header in includes(name):
                if kind != '"' or header == "config.h":
                    continue
                own = os.path.dirname(name[len("collector/"):]) if place != "web/" else ""
                beside = "/" not in header and os.path.exists(
                    os.path.join(os.path.dirname(name), header))
                if not (beside or header.startswith(tuple(allowed))
                        or (own and header.startswith(own + "/"))
                        or (place == "web/" and os.path.exists("web/" + header))):
                    wrong.append("%s:%d: includes %s" % (name, number, header))
        tap.ok(not wrong, "%s includes only what it may know" % place, "\n".join(wrong))
    for library, places in LIBRARIES.items():
        wrong = ["%s:%d" % (name, number) for name in sources
                 for number, _, header in includes(name)
                 if header == library and not name.startswith(tuple(places))]
        tap.ok(not wrong, "%s is included only where it is wrapped" % library, "\n".join(wrong))


def check_first_include(tap, sources):
    """Each .c includes config.h first, headers never."""
    wrong = []
    for name in sources:
        found = list(includes(name))
        if name.startswith("client/example"):
            continue  # stand for programs outside of this tree
        if name.endswith(".c") and (not found or found[0][2] != "config.h"):
            wrong.append(name + ": config.h is not its first include")
        if name.endswith(".h") and any(h == "config.h" for _, _, h in found):
            wrong.append(name + ": a header must not include config.h")
    tap.ok(not wrong, "config.h is the first include of every .c and of no .h", "\n".join(wrong))


def check_shape(tap, names):
    """Licence line, length, width, tabs, trailing blanks."""
    licence, long_files, wide, blanks = [], [], [], []
    for name in names:
        lines = read(name).split("\n")
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
            licence.append(name)
        if len(lines) > MAX_LINES + 1:
            long_files.append("%s: %d lines" % (name, len(lines) - 1))
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS and name.endswith((".c", ".h", ".py", ".sh")):
                wide.append("%s:%d: %d columns" % (name, number, len(line)))
            if line != line.rstrip() or ("\t" in line and name.endswith((".c", ".h", ".py"))):
                blanks.append("%s:%d" % (name, number))
    tap.ok(not licence, "every source begins with its licence line", "\n".join(licence))
    tap.ok(not long_files, "no source has more than %d lines" % MAX_LINES, "\n".join(long_files))
    tap.ok(not wide, "no line is wider than %d columns" % MAX_COLUMNS, "\n".join(wide))
    tap.ok(not blanks, "no tabs and no blanks at line ends", "\n".join(blanks))


def check_outside(tap, names):
    """The project speaks of itself alone."""
    wrong = []
    pattern = re.compile("|".join(OUTSIDE))
    for name in names:
        if name == "tests/check_tree.py":
            continue
        for number, line in enumerate(read(name).split("\n"), 1):
            if pattern.search(line):
                wrong.append("%s:%d: %s" % (name, number, line.strip()[:100]))
    tap.ok(not wrong, "no line names a place or tool outside the project", "\n".join(wrong))


def check_links(tap):
    """Relative links of documents lead somewhere; those of runbooks that begin with a slash lead to
    pages of the tower."""
    wrong = []
    pages = [re.compile(page.replace("\\/", "/"))
             for page in re.findall(r"\[/(\^.+\$)/, \"", read("web/ui/app.js"))]
    for name in tracked(".md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", read(name)):
            path = target.split("#")[0]
            if name.startswith("docs/runbooks/") and path.startswith("/"):
                if not any(page.match(path.split("?")[0]) for page in pages):
                    wrong.append("%s: %s" % (name, target))
            elif path and "://" not in path and not path.startswith("mailto:"):
                if not os.path.exists(os.path.join(os.path.dirname(name), path)):
                    wrong.append("%s: %s" % (name, target))
    tap.ok(not wrong, "links between documents lead somewhere", "\n".join(wrong))


def check_reference(tap):
    """Generated reference pages match the tables they are made from."""
    done = subprocess.run([sys.executable, "docs/reference/generate.py", "--check"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    tap.ok(done.returncode == 0, "reference pages are those of the tables in the code",
           done.stdout.decode())


def check_tests(tap):
    """script/test runs what can be run: a test without that right would be run by nobody."""
    wrong = [name for name in tracked(".py", ".sh", ".mjs")
             if re.match(r"tests/(system|browser)/test_", name) and not os.access(name, os.X_OK)]
    tap.ok(not wrong, "every system and browser test can be run", "\n".join(wrong))


def check_threads(tap, sources):
    """Every thread that is started has its row in docs/threads.md."""
    page = read("docs/threads.md")
    wrong = []
    for name in [s for s in sources if s.startswith(("collector/", "web/"))]:
        for thread in re.findall(r'tw_actor_(?:new|start)\(\s*"([^"]+)"', read(name)):
            if "| `%s` |" % thread not in page:
                wrong.append("%s starts the thread `%s`" % (name, thread))
    tap.ok(not wrong, "docs/threads.md has a row for every thread", "\n".join(wrong))


def check_preloads(tap):
    """The page names every module that the overview stands on, and no other: what it does not name
    is asked for later, and what nobody needs is in the way. Modules that come by import(), when
    they are needed, are none of them."""
    ui = "web/ui/"
    page = read(ui + "index.html")
    begun = re.findall(r'<script type="module" src="/ui/([^"]+)"', page)
    named = re.findall(r'<link rel="modulepreload" href="/ui/([^"]+)"', page)
    waiting = begun + ["pages/overview.js"]
    needed = set()
    while waiting:
        module = waiting.pop()
        if module in needed:
            continue
        needed.add(module)
        if module.startswith("vendor/"):
            continue  # one file (web/vendor.mjs)
        for path in re.findall(r'^(?:import|export|\})[^;]*?"(\.[^"]+)";', read(ui + module), re.M):
            waiting.append(os.path.normpath(os.path.join(os.path.dirname(module), path)))
    wrong = ["it lacks " + module for module in sorted(needed - set(begun) - set(named))]
    wrong += ["it names " + module for module in sorted(set(named) - needed)]
    wrong += ["it names %s twice" % module for module in sorted(set(named))
              if named.count(module) > 1]
    tap.ok(not wrong, "web/ui/index.html preloads what the overview stands on", "\n".join(wrong))


def main():
    sources = [n for n in tracked(".c", ".h") if not n.startswith("build")]
    texts = sources + tracked(".py", ".sh", ".mjs") + [n for n in tracked("") if
                                                       n.startswith(("script/", ".ci/"))]
    everything = [n for n in tracked("") if not n.endswith((".png", ".xz", ".zst", ".db"))]
    with Tap() as tap:
        check_directions(tap, sources)
        check_first_include(tap, sources)
        check_shape(tap, sorted(set(texts)))
        check_outside(tap, everything)
        check_links(tap)
        check_tests(tap)
        check_reference(tap)
        check_threads(tap, sources)
        check_preloads(tap)


if __name__ == "__main__":
    main()
