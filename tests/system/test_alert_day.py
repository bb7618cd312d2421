#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A day of 600 stores on simulated time, under the rules that are built in: every kind of fault of
retail-sim that is an incident happens in a window of its own. Each one is told once, within its
detection time, and nothing else is; a day without faults tells nothing. Between the incidents there
is what is no incident: late and shared identifiers, wrong clocks, cancelled orders, a peak.

The judge, the groups and what inhibits what are those of the tower (tests/support/play.c); nothing
is sent. The table: build/alert-table.txt.

ALERT_DAY=all: the whole day; else three hours of it, and one quiet hour.
"""
import collections
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import BUILD, config_with, program_path  # noqa: E402

IS_WHOLE = os.environ.get("ALERT_DAY", "") == "all"
STORES = 600
RATE = 20
SEED = 1
HOUR = 3600
# So few events an hour leave a store without one for a quarter of an hour now and then.
SILENT_S = 3600
# Of the rules that look back for hours: tickets of a day with a dozen incidents, told elsewhere.
TICKETS = "BudgetBurn(Slow|Trend)|FailuresTrickle"
NOTIFY = """
receivers:
  - {name: duty, pub: [{}]}
  - {name: tickets, pub: [{}]}
  - {name: shown, pub: [{}]}
route:
  receiver: duty
  routes:
    - {receiver: tickets, matchers: ['alertname=~"%s"']}
    - {receiver: shown, matchers: ['severity="info"']}
    - {receiver: duty, matchers: ['alertname=~"BudgetBurn.*"'], group-wait: 6min}
    - receiver: duty
      matchers: ['workflow!=""']
      group-by: [alertname, cause, objective, workflow]
""" % TICKETS

# kind; parameters; first and last second of its window; the alert and the labels by which each of
# its notices is known; seconds from the first symptom in which it is told; receiver.
Incident = collections.namedtuple("Incident", "kind options from_s for_s alert wanted told_s "
                                  "receiver")


def incident(kind, options, from_s, for_s, alert, told_s, wanted=({},), receiver="duty"):
    return Incident(kind, options, from_s, for_s, alert, tuple(wanted), told_s, receiver)


SALE = {"workflow": "sale-posting"}
WHOLE = [
    incident("loss", "p=0.003", 1 * HOUR, 600, "EventsLost", 660),
    incident("garbage", "p=0.02", 2 * HOUR, 600, "MessagesNotUnderstood", 300),
    incident("conflict", "p=0.01", 3 * HOUR, 600, "IdentityConflicts", 300),
    # A cause is told for each workflow in which it is a share. It comes before the outage, after
    # which for six hours one more failure of a strict objective is one too many.
    incident("bad-master-data", "p=0.05,max=40", 4 * HOUR, 900, "MasterDataFailures", 600,
             [SALE, {"workflow": "order-fulfilment"}]),
    incident("duplicate", "p=0.4", 5 * HOUR, 900, "ManyDuplicates", 1000, receiver="shown"),
    incident("erp-outage", "", 6 * HOUR, 600, "SystemDown", 180, [{"system": "erp"}]),
    incident("throttling", "p=1,tries=200", 7.5 * HOUR, 600, "SystemThrottles", 420,
             [{"system": name} for name in ("cdp", "crm", "loyalty")]),
    incident("silent-store", "stores=5", 9.25 * HOUR, 5400, "StoresSilent", SILENT_S + 300),
    incident("double-posting", "p=0.02", 11.5 * HOUR, 600, "DuplicateEffects", 120, [SALE]),
    incident("store-offline", "stores=5", 12.5 * HOUR, 5400, "StoresSilent", SILENT_S + 300),
    incident("step-missing", "p=0.1,workflow=sale-posting,step=posted", 14.75 * HOUR, 900,
             "DeadlinesMissed", 900, [dict(SALE, step="posted")]),
    incident("step-failed", "p=0.1,again=0,workflow=sale-posting,step=posted", 16 * HOUR, 900,
             "Rejections", 600, [dict(SALE, step="posted")]),
    incident("slow-step", "p=0.2,delay=1200,workflow=sale-posting,step=stocked", 17.25 * HOUR, 900,
             "DeadlinesMissed", 900, [dict(SALE, step="stocked")]),
]
# No incidents: they are told to nobody.
NOISE = ["clock-skew:offset=-120,stores=5", "out-of-order:p=0.2,from=77400,for=600",
         "garbage-id:p=0.05,from=78300,for=600", "hub:p=0.05,from=79200,for=600",
         "sequence-rewind:p=0.01,from=80100,for=600", "cancellation:p=0.3,from=81000,for=600",
         "taken-back:p=0.1,from=81900,for=600", "shared-correlation:p=0.1,from=82800,for=600",
         "flash-sale:factor=5,from=84000,for=600"]
# The same fault twice is one to the simulator: the second kind of outage has a time of its own. So
# have roll-outs, which are many then: an event that is lost makes one of them incomplete, too.
MUTE = [
    incident("erp-outage", "mute=1", 1.25 * HOUR, 600, "SystemStuck", 480, [{"system": "erp"}]),
    incident("ack-missing", "p=0.02,workflow=promotion-rollout", 2.5 * HOUR, 3600,
             "PromotionNotAcknowledged", 4000, [{"workflow": "promotion-rollout"}]),
]
SHORT = [
    incident("garbage", "p=0.02", 600, 300, "MessagesNotUnderstood", 300),
    incident("erp-outage", "", 2400, 600, "SystemDown", 180, [{"system": "erp"}]),
    incident("step-missing", "p=0.1,workflow=sale-posting,step=posted", 6000, 900,
             "DeadlinesMissed", 900, [dict(SALE, step="posted")]),
]
SHORT_NOISE = ["clock-skew:offset=-120,stores=5", "out-of-order:p=0.05", "hub:p=0.01"]


class Play:
    """A time that is played: incidents, and what the rules said."""

    def __init__(self, name, base, seconds, incidents, noise=(), rollouts=0, hour=0):
        self.name = name
        self.seconds = seconds
        self.incidents = incidents
        self.dir = os.path.join(base, name)
        os.mkdir(self.dir)
        self.start_us = None
        self.symptoms = {}
        self.notices = []
        self.fired = []
        notify = self.path("notify.yaml")
        with open(notify, "w", encoding="ascii") as f:
            f.write(NOTIFY + built_in_inhibits())
        with open(self.path("config.yaml"), "w", encoding="ascii") as f:
            f.write(config_with(store__dir=self.path("state"), store_silent_s=SILENT_S)
                    .replace("\nnotify:\n", "\nnotify:\n  file: %s\n" % notify, 1))
        faults = ["%s:from=%d,for=%d%s" % (i.kind, i.from_s, i.for_s,
                                           "," + i.options if i.options else "")
                  for i in incidents] + list(noise)
        estate = [program_path("retail-sim"), "--stores", STORES, "--rate", RATE, "--duration",
                  seconds, "--seed", SEED, "--start",
                  "2026-11-23T%02d:00:00Z" % hour, "--stdout", "--stamps", "--unpaced",
                  "--quiet", "--share", "price-update=0", "--share",
                  "promotion-rollout=%d" % rollouts, "--ledger", self.path("ledger")]
        for fault in faults:
            estate += ["--fault", fault]
        self.source = subprocess.Popen([str(word) for word in estate], stdout=subprocess.PIPE)
        self.tower = subprocess.Popen(
            [program_path("tower-play"), "--config", self.path("config.yaml"), "--batch", "5",
             "--alerts", self.path("alerts")], stdin=self.source.stdout)
        self.source.stdout.close()

    def path(self, name):
        return os.path.join(self.dir, name)

    def wait(self):
        """Whether it was played to its end."""
        return self.tower.wait() == 0 and self.source.wait() == 0

    def stop(self):
        for process in (self.tower, self.source):
            process.kill()
            process.wait()

    def read(self):
        with open(self.path("ledger"), encoding="utf-8") as f:
            for line in f:
                self.take_fact(json.loads(line))
        with open(self.path("alerts"), encoding="utf-8") as f:
            for line in f:
                row = json.loads(line)
                row["s"] = row["at"] - self.start_us / 1e6
                if row["what"] == "notice":
                    self.notices.append(row)
                elif row["what"] == "firing":
                    self.fired.append(row)

    def take_fact(self, fact):
        if fact["fact"] == "started":
            self.start_us = fact["start_us"]
        kinds = {"silent": "silent-store", "offline": "store-offline"}
        kind = kinds.get(fact["fact"], fact["fact"])
        at_us = fact.get("at_us", fact.get("from_us"))
        if at_us is not None:
            s = (at_us - self.start_us) / 1e6
            self.symptoms[kind] = min(s, self.symptoms.get(kind, s))

    def symptom(self, one):
        """When it first met anything: by the ledger, or where that gives no time, its begin."""
        return max(one.from_s, self.symptoms.get(one.kind, one.from_s))


def built_in_inhibits():
    """What inhibits what without a notify.yaml, as `tillwatch check` reads it: of the source, so
    that the test has no second copy."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "collector",
                        "notify", "load.c")
    with open(path, encoding="ascii") as f:
        text = f.read()
    text = text[text.index("static const char built_in[]"):]
    text = text[:text.index(";\n\n")]
    lines = []
    for line in text.split("\n")[1:]:
        line = line.strip()
        if line.startswith('"'):
            lines.append(json.loads(line.rstrip(";")))
    text = "".join(lines)
    return text[text.index("inhibit:\n"):]


def is_of(notice, one):
    """The labels of the one notice this is, or None."""
    alerts = notice["body"]["alerts"]
    for wanted in one.wanted:
        if all(alert["labels"]["alertname"] == one.alert and
               all(alert["labels"].get(name) == value for name, value in wanted.items())
               for alert in alerts):
            return wanted
    return None


def says(notice):
    return "%d s %s: %s %s %s" % (
        notice["s"], notice["receiver"], notice["body"]["status"], notice["reason"],
        ["%(alertname)s %(rest)s" % {"alertname": alert["labels"]["alertname"], "rest": {
            name: value for name, value in alert["labels"].items()
            if name in ("workflow", "step", "system", "objective", "cause")}}
         for alert in notice["body"]["alerts"][:3]])


def check(tap, play, table):
    """Each incident is told once, in time, and nothing else is."""
    told = [notice for notice in play.notices if notice["receiver"] != "tickets"]
    opened = [notice for notice in told if notice["body"]["status"] == "firing"]
    claimed = set()
    for one in play.incidents:
        symptom_s = play.symptom(one)
        until_s = min([other.from_s for other in play.incidents if other.from_s > one.from_s] +
                      [play.seconds])
        if one.receiver == "shown":  # no more than that: it is nobody's work
            fired = [row["s"] - symptom_s for row in play.fired if row["alert"] == one.alert and
                     one.from_s <= row["s"] < until_s]
            tap.equal(len(fired), 1, "%s: %s is shown once" % (one.kind, one.alert))
            tap.ok(fired and fired[0] <= one.told_s, "%s: shown within %d s" %
                   (one.kind, one.told_s), fired)
            table.append((one.kind, clock(symptom_s), one.alert, "%d" % (fired or [-1])[0], "shown",
                          "0"))
            continue
        mine = [(number, notice) for number, notice in enumerate(opened)
                if one.from_s <= notice["s"] < until_s and notice["receiver"] == one.receiver and
                is_of(notice, one) is not None]
        claimed.update(number for number, _ in mine)
        found = collections.Counter(json.dumps(is_of(notice, one), sort_keys=True)
                                    for _, notice in mine)
        wanted = collections.Counter(json.dumps(labels, sort_keys=True) for labels in one.wanted)
        name = one.kind + (" (mute)" if "mute" in one.options else "")
        tap.equal(dict(found), dict(wanted), "%s: %s is told once" % (name, one.alert))
        seconds = max((notice["s"] - symptom_s for _, notice in mine), default=-1)
        tap.ok(0 <= seconds <= one.told_s,
               "%s: told within %d s" % (name, one.told_s), "after %d s" % seconds)
        fired = [row["s"] for row in play.fired if row["alert"] == one.alert and
                 row["s"] >= one.from_s]
        ended = [notice for notice in told if notice["body"]["status"] == "resolved" and
                 notice["s"] > one.from_s and is_of(notice, one) is not None]
        tap.equal(len(ended) >= len(one.wanted), True, "%s: its end is told" % name)
        table.append((name, "%s" % clock(symptom_s), one.alert, "%d" %
                      (min(fired) - symptom_s if fired else -1), "%d" % seconds, "%d" % len(mine)))
    # What is only shown may be open for days: a sale that was lost waits.
    others = [notice for number, notice in enumerate(opened) if number not in claimed and
              notice["receiver"] == "duty"]
    tap.equal([says(notice) for notice in others], [], "%s: nothing else is told" % play.name)
    tickets = collections.Counter(alert["labels"]["alertname"] + " " + alert["labels"]["objective"]
                                  for notice in play.notices if notice["receiver"] == "tickets"
                                  and notice["body"]["status"] == "firing"
                                  for alert in notice["body"]["alerts"])
    tap.note("%s: tickets of budgets: %s" % (play.name, dict(tickets) or "none"))


def clock(seconds):
    return "%02d:%02d:%02d" % (seconds // HOUR, seconds % HOUR // 60, seconds % 60)


def write_table(tap, rows):
    head = ("fault", "first symptom", "alert", "fires after s", "told after s", "notices")
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    text = "".join("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() + "\n"
                   for row in [head] + rows)
    with open(os.path.join(BUILD, "alert-table.txt"), "w", encoding="ascii") as f:
        f.write(text)
    tap.note(text)


def main(tap):
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tw-alert-", dir=base) as directory:
        plays = []
        table = []
        try:
            play_all(tap, plays, directory, table)
        finally:
            for play in plays:
                play.stop()
        write_table(tap, table)


def play_all(tap, plays, directory, table):
    """At the same time."""
    if IS_WHOLE:
        plays.append(Play("day", directory, 24 * HOUR, WHOLE, NOISE))
        plays.append(Play("mute", directory, 5 * HOUR, MUTE, rollouts=30, hour=9))
        plays.append(Play("quiet", directory, 24 * HOUR, []))
    else:
        plays.append(Play("hours", directory, 3 * HOUR, SHORT, SHORT_NOISE, hour=9))
        plays.append(Play("quiet", directory, HOUR, [], hour=9))
    for play in plays:
        if tap.ok(play.wait(), "%s: is played" % play.name):
            play.read()
            check(tap, play, table)


if __name__ == "__main__":
    with Tap() as the_tap:
        main(the_tap)
