#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A day of 600 stores on simulated time, under the rules that are built in: every kind of fault of
retail-sim that is an incident happens in a window of its own. Each one is told once, within its
detection time, and nothing else is; a day without faults tells nothing. Between the incidents there
is what is no incident: late and shared identifiers, wrong clocks, cancelled orders, a peak.

The judge, the groups and what inhibits what are those of the tower (tests/support/play.c); nothing
is sent. The table: build/alert-table.txt.

ALERT_DAY=all: the whole day; else three hours of it, and one quiet hour. ALERT_SEED: of the estate
(1).
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
SEED = int(os.environ.get("ALERT_SEED", "1"))
HOUR = 3600
# So few events an hour leave a store without one for a quarter of an hour now and then.
SILENT_S = 3600
# Of the rules that look back for hours: tickets of a day with a dozen incidents, told elsewhere.
TICKETS = "BudgetBurn(Slow|Trend|.*LowTraffic)|FailuresTrickle"
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
    - receiver: duty
      matchers: ['alertname=~"BudgetBurn.*"']
      group-wait: 6min
      group-by: [alertname, workflow]
    - receiver: duty
      matchers: ['workflow!=""']
      group-by: [alertname, cause, objective, workflow]
""" % TICKETS

# kind; parameters; first and last second of its window; the labels by which each of its notices is
# known, `alertname` among them, and those that there may be, too; seconds from the first symptom in
# which the last of it is told; receiver.
Incident = collections.namedtuple("Incident", "kind options from_s for_s wanted told_s may "
                                  "receiver")


def incident(kind, options, from_s, for_s, wanted, told_s, may=(), receiver="duty"):
    return Incident(kind, options, from_s, for_s, tuple(wanted), told_s, tuple(may), receiver)


def alert(name, **labels):
    return dict(labels, alertname=name)


def of_sale(name, **labels):
    return alert(name, workflow="sale-posting", **labels)


WHOLE = [
    incident("loss", "p=0.003", 1 * HOUR, 600, [alert("EventsLost")], 660),
    incident("garbage", "p=0.02", 2 * HOUR, 600, [alert("MessagesNotUnderstood")], 300),
    incident("conflict", "p=0.01", 3 * HOUR, 600, [alert("IdentityConflicts")], 300),
    # A ticket: so little spends no budget that pages. A cause is told for each workflow in which it
    # is a share, and of orders there are few.
    incident("bad-master-data", "p=0.03", 4 * HOUR, 900, [of_sale("MasterDataFailures")], 900,
             may=[alert("MasterDataFailures", workflow="order-fulfilment")]),
    incident("duplicate", "p=0.4", 5 * HOUR, 900, [alert("ManyDuplicates")], 1000,
             receiver="shown"),
    incident("erp-outage", "", 6 * HOUR, 600, [alert("SystemDown", system="erp")], 180),
    # CDP is told much beside what is throttled: a ticket. What is sent on to others is little.
    incident("throttling", "p=1,tries=200", 7.5 * HOUR, 600,
             [alert("SystemOverloaded", system="crm"), alert("SystemOverloaded", system="loyalty"),
              alert("SystemThrottles", system="cdp")], 420,
             may=[alert(name, system=system) for name in ("SystemThrottles", "SystemOverloaded")
                  for system in ("ecommerce", "marketing")]),
    incident("silent-store", "stores=5", 9.25 * HOUR, 5400, [alert("StoresSilent")],
             SILENT_S + 300),
    incident("double-posting", "p=0.02", 11.5 * HOUR, 600, [of_sale("DuplicateEffects")], 120),
    incident("store-offline", "stores=5", 12.5 * HOUR, 5400, [alert("StoresSilent")],
             SILENT_S + 300),
    # A ticket, more than six hours behind what burned budgets: they would page for both together.
    incident("step-failed", "p=0.03,again=0,workflow=sale-posting,step=posted", 14.75 * HOUR, 1200,
             [of_sale("Rejections", step="posted")], 1200),
    incident("step-missing", "p=0.1,workflow=sale-posting,step=posted", 16 * HOUR, 900,
             [of_sale("ManyDeadlinesMissed", step="posted")], 900),
    incident("slow-step", "p=0.2,delay=1200,workflow=sale-posting,step=stocked", 17.25 * HOUR, 900,
             [of_sale("ManyDeadlinesMissed", step="stocked")], 900),
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
    incident("erp-outage", "mute=1", 1.25 * HOUR, 600, [alert("SystemStuck", system="erp")], 480),
    incident("ack-missing", "p=0.02,workflow=promotion-rollout", 2.5 * HOUR, 3600,
             [alert("PromotionsNotAcknowledged", workflow="promotion-rollout")], 4000),
    incident("step-failed", "p=0.1,again=0,workflow=sale-posting,step=posted", 5 * HOUR, 900,
             [of_sale("ManyRejections", step="posted")], 420),
]
SHORT = [
    incident("garbage", "p=0.02", 600, 300, [alert("MessagesNotUnderstood")], 300),
    incident("erp-outage", "", 1200, 600, [alert("SystemDown", system="erp")], 180),
    incident("step-missing", "p=0.1,workflow=sale-posting,step=posted", 6000, 900,
             [of_sale("ManyDeadlinesMissed", step="posted")], 900),
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


def is_of(notice, labels):
    """Whether all it tells of has these labels."""
    return all(alert["labels"].get(name) == value for alert in notice["body"]["alerts"]
               for name, value in labels.items())


def which(notice, one):
    """The labels of the one notice this is, or None."""
    for labels in one.wanted + one.may:
        if is_of(notice, labels):
            return labels
    return None


def name_of(one):
    return " ".join(sorted({labels["alertname"] for labels in one.wanted}))


def fired_of(play, one, until_s):
    return [row["s"] for row in play.fired if one.from_s <= row["s"] < until_s and
            any(row["alert"] == labels["alertname"] for labels in one.wanted)]


def says(notice):
    return "%d s %s: %s %s %s" % (
        notice["s"], notice["receiver"], notice["body"]["status"], notice["reason"],
        ["%(alertname)s %(rest)s" % {"alertname": alert["labels"]["alertname"], "rest": {
            name: value for name, value in alert["labels"].items()
            if name in ("workflow", "step", "system", "objective", "cause")}}
         for alert in notice["body"]["alerts"][:3]])


def count_of(labels):
    return collections.Counter(json.dumps(one, sort_keys=True) for one in labels)


def check_shown(tap, play, one, until_s, table):
    """No more than that: it is nobody's work."""
    symptom_s = play.symptom(one)
    fired = [s - symptom_s for s in fired_of(play, one, until_s)]
    tap.equal(len(fired), 1, "%s: %s is shown once" % (one.kind, name_of(one)))
    tap.ok(fired and fired[0] <= one.told_s, "%s: shown within %d s" % (one.kind, one.told_s),
           fired)
    table.append((one.kind, clock(symptom_s), name_of(one), "%d" % (fired or [-1])[0], "shown",
                  "0"))


def check_told(tap, play, one, until_s, table):
    """Returns the notices that are of this incident."""
    symptom_s = play.symptom(one)
    mine = [notice for notice in play.notices if notice["receiver"] == one.receiver and
            one.from_s <= notice["s"] < until_s and which(notice, one) is not None]
    opened = [notice for notice in mine if notice["body"]["status"] == "firing"]
    ended = [notice for notice in play.notices if notice["body"]["status"] == "resolved" and
             notice["receiver"] == one.receiver and notice["s"] > one.from_s and
             which(notice, one) in one.wanted]
    name = one.kind + (" (mute)" if "mute" in one.options else "")
    found = count_of(which(notice, one) for notice in opened)
    wanted = count_of(one.wanted)
    spare = count_of(one.may)
    tap.equal(dict(found - spare), dict(wanted), "%s: %s is told once" % (name, name_of(one)))
    told_s = max((notice["s"] - symptom_s for notice in opened
                  if which(notice, one) in one.wanted), default=-1)
    tap.ok(0 <= told_s <= one.told_s, "%s: told within %d s" % (name, one.told_s),
           "after %d s" % told_s)
    tap.ok(len(ended) >= len(one.wanted), "%s: its end is told" % name)
    fired_s = min(fired_of(play, one, until_s), default=symptom_s - 1)
    table.append((name, clock(symptom_s), name_of(one), "%d" % (fired_s - symptom_s),
                  "%d" % told_s, "%d" % len(opened)))
    return opened


def check(tap, play, table):
    """Each incident is told once, in time, and nothing else is."""
    mine = []
    for one in play.incidents:
        until_s = min([other.from_s for other in play.incidents if other.from_s > one.from_s] +
                      [play.seconds])
        if one.receiver == "shown":
            check_shown(tap, play, one, until_s, table)
        else:
            mine += check_told(tap, play, one, until_s, table)
    # What is only shown may be open for days: a sale that was lost waits.
    others = [notice for notice in play.notices if notice["body"]["status"] == "firing" and
              notice not in mine and notice["receiver"] == "duty"]
    tap.equal([says(notice) for notice in others], [], "%s: nothing else is told" % play.name)
    tickets = collections.Counter(alert["labels"]["alertname"] + " " + alert["labels"]["objective"]
                                  for notice in play.notices if notice["receiver"] == "tickets"
                                  and notice["body"]["status"] == "firing"
                                  for alert in notice["body"]["alerts"])
    if not play.incidents:
        tap.equal(dict(tickets), {}, "%s: no ticket, either" % play.name)
    elif tickets:
        tap.note("%s: tickets of budgets: %s" % (play.name, dict(tickets)))


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
        plays.append(Play("mute", directory, 6.5 * HOUR, MUTE, rollouts=156, hour=9))
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
