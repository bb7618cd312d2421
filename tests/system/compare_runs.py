#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does the tower say of every run what was done? An independent, naive model of the rules of runs
(collector/track/run.h, graph.h) works out from a ledger of retail-sim and the definitions in YAML
what each run must come to, and compares that with

  - the ledger's own facts `run`, which the simulator writes from what it did: two tellings that
    must agree before either is held against anything else;
  - the answers of a tower that was empty before: GET /api/v1/runs and /api/v1/journeys/{id}.

    compare_runs.py LEDGER [--workflows DIR] [--url URL] [--journeys N|all] [--token FILE]

The ledger needs --ledger-journeys and --ledger-runs. Prints each difference, then precision and
recall of every kind of fault; exit status 1 when anything was missed or alarmed falsely.
"""
import argparse
import collections
import os
import re
import sys
import urllib.parse

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_ledger import MAX_EVENTS, MAX_HOPS, MAX_LINKS, Api, Ledger  # noqa: E402
from fault_table import TROUBLE, of_runs, show  # noqa: E402

PACK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../collector/workflows")
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
END_OF_TIME = 1 << 62
SHOWN_MISSING = 100  # stores that a row names


# ---- definitions

def microseconds(text):
    match = re.fullmatch(r"(\d+)(s|min|h|d|w)", text)
    return int(match.group(1)) * UNITS[match.group(2)] * 1000000


def listed(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def patterns(value):
    return [(entry, {}) if isinstance(entry, str) else (entry["type"], entry.get("where", {}))
            for entry in listed(value)]


class Step:
    """One step of a definition."""

    def __init__(self, row, number_of):
        self.name = row["name"]
        self.system = row["system"]
        self.after = [number_of[name] for name in listed(row.get("after"))]
        self.within = microseconds(row["within"]) if "within" in row else None
        self.optional = row.get("optional", False)
        self.when = row.get("when")
        self.each_store = row.get("each") == "store"
        self.patterns = {"done": patterns(row["event"]), "failed": patterns(row.get("failure")),
                         "compensated": patterns(row.get("compensation"))}


class Workflow:
    """A definition."""

    def __init__(self, text):
        row = yaml.safe_load(text)
        number_of = {step["name"]: number for number, step in enumerate(row["steps"])}
        self.name = row["name"]
        self.object = row["object"]
        self.steps = [Step(step, number_of) for step in row["steps"]]

    def behind(self, number):
        """Every step that comes after this one, directly or not."""
        found = set()
        for other, step in enumerate(self.steps):
            if number in step.after or found & set(step.after):
                found.add(other)
        return found


def load(directory):
    found = []
    for name in sorted(os.listdir(directory)):
        if name.endswith((".yaml", ".yml")):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                found.append(Workflow(file.read()))
    return found


# ---- what was said

class Said:
    """An event as a definition sees it."""
    __slots__ = ("number", "type", "at", "true", "stated", "attributes", "outcome", "cause",
                 "store", "region")

    def __init__(self, number, fact):
        self.number = number
        self.type = sys.intern(fact["type"])
        self.true = self.at = fact["at_us"]
        self.stated = fact["time_us"]
        self.outcome = sys.intern(fact.get("outcome", "ok"))
        self.cause = fact.get("errorclass", "unknown")
        self.store = sys.intern(fact.get("storeid", ""))
        self.region = sys.intern(fact.get("region", ""))
        attributes = {key: fact[key] for key in ("storeid", "customerref", "consent", "fulfilment")
                      if key in fact}
        for name in fact["objects"]:
            attributes[name.split(":", 1)[0] + "id"] = name
        self.attributes = attributes


class RunLedger(Ledger):
    """A ledger with what is needed to judge runs."""

    def __init__(self, path):
        self.said = []
        self.run_facts = {}
        self.skews = {}  # store: microseconds that its clocks are ahead
        self.offline = set()
        self.echoes = collections.Counter()  # by kind and source: deliveries that repeat an event
        self.lost = set()
        super().__init__(path)

    def take_event(self, fact):
        self.said.append(Said(len(self.said), fact))
        super().take_event(fact)

    def take_skew(self, fact):
        self.skews[fact["store"]] = fact["offset_us"]

    def take_offline(self, fact):
        self.offline.add(fact["store"])

    def take_duplicate(self, fact):
        self.echoes["duplicate", fact["source"]] += 1

    def take_conflict(self, fact):
        self.echoes["conflict", fact["source"]] += 1

    def take_run(self, fact):
        self.run_facts[(fact["workflow"], fact["object"])] = fact

    def index(self):
        self.lost = {self.identities[key] for key in self.withheld if key in self.identities}
        super().index()

    def stores(self):
        return ["%04d" % (number + 1) for number in range(self.started["stores"])]


# ---- the model

def holds(where, attributes):
    for name, wanted in where.items():
        value = attributes.get(name)
        if wanted == "present":
            if value is None:
                return False
        elif wanted == "absent":
            if value is not None:
                return False
        elif value != wanted:
            return False
    return True


def matches(pattern, said):
    name, where = pattern
    fits = said.type.startswith(name[:-1]) if name.endswith("*") else said.type == name
    return fits and holds(where, said.attributes)


def role_of(step, said):
    """What the event says of the step: None, done, failed, retrying or compensated."""
    for role in ("compensated", "failed"):
        if any(matches(pattern, said) for pattern in step.patterns[role]):
            return role
    if not any(matches(pattern, said) for pattern in step.patterns["done"]):
        return None
    return {"ok": "done", "failed": "failed", "deadletter": "failed", "retrying": "retrying",
            "compensated": "compensated"}[said.outcome]


class Estate:
    """Who reaches whom: the objects of some of a ledger's events."""

    def __init__(self, ledger, with_lost, max_links):
        self.ledger = ledger
        self.max_links = max_links
        self.events_of = {}
        for number, objects in enumerate(ledger.event_objects):
            if with_lost or number not in ledger.lost:
                for name in set(objects):
                    self.events_of.setdefault(name, []).append(number)
        self.neighbours_of = {}
        self.reached = {}

    def neighbours(self, name):
        """The objects next to this one; None: it is a hub."""
        found = self.neighbours_of.get(name, 0)
        if found == 0:
            mine = self.events_of[name]
            found = None
            if len(mine) <= MAX_EVENTS:
                found = {other for number in mine for other in self.ledger.event_objects[number]}
                found.discard(name)
                if len(found) > self.max_links:
                    found = None
            self.neighbours_of[name] = found
        return found

    def reach(self, number, kind):
        """The objects of a type to which an event belongs."""
        objects = self.ledger.event_objects[number]
        key = (objects, kind)
        if key in self.reached:
            return self.reached[key]
        prefix = kind + ":"
        found = {name for name in objects if name.startswith(prefix)}
        seen = set(objects)
        level = [] if found else list(seen)  # an event that names some is theirs alone
        for _ in range(MAX_HOPS):
            following = []
            for name in level:
                for other in self.neighbours(name) or ():
                    if other not in seen and self.neighbours(other) is not None:
                        seen.add(other)
                        if other.startswith(prefix):
                            found.add(other)
                        else:
                            following.append(other)
            level = following
        self.reached[key] = found
        return found


class Run:
    """What reached one object under one definition, and what that comes to."""

    def __init__(self, workflow):
        self.workflow = workflow
        self.facts = [[] for _ in workflow.steps]  # by step: (role, event)

    def done_at(self, number, stores):
        """When a step was done, None: it was not."""
        done = [said for role, said in self.facts[number] if role == "done"]
        if not self.workflow.steps[number].each_store or not stores:
            return min((said.at for said in done), default=None)
        first = {}
        for said in done:
            first[said.store] = min(said.at, first.get(said.store, END_OF_TIME))
        if not all(store in first for store in stores):
            return None
        return max(first[store] for store in stores)

    def has_failed(self, number, stores):
        failed = [said for role, said in self.facts[number] if role == "failed"]
        if not self.workflow.steps[number].each_store or not stores:
            return bool(failed)
        answered = {said.store for role, said in self.facts[number] if role == "done"}
        return any(said.store not in stores or said.store not in answered for said in failed)

    def judge(self, watermark, stores):
        """The state of the run and of each step, by the rules at the top of run.h."""
        steps = self.workflow.steps
        count = len(steps)
        done = [self.done_at(number, stores) for number in range(count)]
        ever = [any(role == "failed" for role, _ in self.facts[number]) for number in range(count)]
        failed = [done[number] is None and self.has_failed(number, stores)
                  for number in range(count)]
        taken_back = [any(role == "compensated" for role, _ in self.facts[number])
                      for number in range(count)]
        behind = [self.workflow.behind(number) for number in range(count)]
        covered = [taken_back[number] or any(taken_back[before] and number in behind[before]
                                             for before in range(count))
                   for number in range(count)]
        starts = [number for number in range(count) if not steps[number].after]
        has_started = any(done[number] is not None or ever[number] for number in starts)
        present = set()
        for number in starts:
            for role, said in self.facts[number]:
                if role in ("done", "failed"):
                    present.update(said.attributes)
        state, since, due, late, waits = [None] * count, {}, {}, set(), set()
        for number, step in enumerate(steps):
            froms = [since[before] for before in step.after if before in since]
            is_held_up = any(before in waits for before in step.after)
            if froms and not is_held_up and step.within is not None:
                due[number] = max(froms) + step.within
            if froms:
                since[number] = max(froms)
            if done[number] is not None:
                state[number] = "done"
                since[number] = done[number]
                if number in due and done[number] > due[number]:
                    late.add(number)
                continue
            if is_held_up:
                waits.add(number)
            is_unseen = any(done[other] is not None for other in behind[number])
            does_not_apply = (step.when is not None and has_started and step.when not in present)
            if is_unseen or (not failed[number] and (covered[number] or does_not_apply)):
                state[number] = "skipped"
                continue
            state[number] = "failed" if failed[number] else "waiting"
            if not step.optional:
                waits.add(number)
                if (state[number] == "waiting" and number in due and watermark >= due[number]
                        and has_started):
                    state[number] = "overdue"
        return self.conclude(state, covered, taken_back, has_started, ever, late, done)

    def conclude(self, state, covered, taken_back, has_started, ever, late, done):
        steps = self.workflow.steps
        open_failures = [number for number, word in enumerate(state)
                         if word == "failed" and not covered[number]]
        left = [number for number, word in enumerate(state)
                if word in ("waiting", "overdue") and not steps[number].optional]
        is_over = has_started and not open_failures and not left
        if is_over:
            state = ["skipped" if word in ("waiting", "overdue") else word for word in state]
        if is_over and any(taken_back):
            whole = "compensated"
        elif is_over:
            whole = "recovered" if any(ever) or late else "completed"
        elif open_failures:
            whole = "failed"
        else:
            whole = "overdue" if "overdue" in state and has_started else "running"
        return Verdict(self, whole, has_started, state, late if has_started else set(), done)


class Verdict:
    """What a run comes to."""

    def __init__(self, run, state, has_started, states, late, done):
        self.state = state
        self.has_started = has_started
        self.steps = {}
        self.missing = None
        for number, step in enumerate(run.workflow.steps):
            facts = run.facts[number]
            attempts = sum(role in ("failed", "retrying") for role, _ in facts)
            attempts += done[number] is not None
            self.steps[step.name] = (states[number], attempts, number in late)
        wanted = {"failed": "failed", "overdue": "overdue"}.get(state)
        self.troubled = [step.name for number, step in enumerate(run.workflow.steps)
                         if states[number] == wanted] if wanted else []
        self.causes = {"missing"} if state == "overdue" else set()
        if state == "failed":
            for number, word in enumerate(states):
                last = [said for role, said in run.facts[number] if role == "failed"]
                if word == "failed" and last:
                    self.causes.add(max(last, key=lambda said: (said.at, said.number)).cause)

    def withdraw(self):
        """Nothing of it is its own: another run of the object has started."""
        self.state = "running"
        self.troubled = []
        self.causes = set()

    def name_missing(self, run, stores):
        """The stores that have not answered a fan-out."""
        for number, step in enumerate(run.workflow.steps):
            if step.each_store and stores:
                answered = {said.store for role, said in run.facts[number] if role == "done"}
                self.missing = [store for store in stores if store not in answered]


def facts_of_runs(ledger, workflows, with_lost=False, clock="true", max_links=MAX_LINKS):
    """{(workflow, object): Run} of every run that some event makes, not judged yet. with_lost: also
    of those events that never arrived. clock: "true" or "stated", what the tower takes for their
    time."""
    estate = Estate(ledger, with_lost, max_links)
    rows = collections.defaultdict(list)
    for workflow in workflows:
        for number, step in enumerate(workflow.steps):
            for name, _ in (pattern for role in step.patterns.values() for pattern in role):
                if (workflow, number, step) not in rows[name]:
                    rows[name].append((workflow, number, step))
    wild = {name: row for name, row in rows.items() if name.endswith("*")}
    runs = {}
    for said in ledger.said:
        if not with_lost and said.number in ledger.lost:
            continue
        said.at = said.true if clock == "true" else said.stated
        candidates = list(rows.get(said.type, ()))
        for name, row in wild.items():
            if said.type.startswith(name[:-1]):
                candidates += [entry for entry in row if entry not in candidates]
        for workflow, number, step in candidates:
            role = role_of(step, said)
            if role is None:
                continue
            for name in estate.reach(said.number, workflow.object):
                key = (workflow.name, name)
                if key not in runs:
                    runs[key] = Run(workflow)
                runs[key].facts[number].append((role, said))
    return runs


def expect(ledger, workflows, watermark=END_OF_TIME, **how):
    """{(workflow, object): Verdict} of every run."""
    stores = ledger.stores()
    found = {}
    for key, run in facts_of_runs(ledger, workflows, **how).items():
        found[key] = run.judge(watermark, stores)
        found[key].name_missing(run, stores)
    # Workflows of one key share steps: what failed is the failure of the run that has started.
    started = {name for (_, name), verdict in found.items() if verdict.has_started}
    for (_, name), verdict in found.items():
        if not verdict.has_started and name in started:
            verdict.withdraw()
    return found


# ---- comparing

def compare_facts(ledger, workflows, **how):
    """Differences between the model and the simulator's own telling, over all that was done."""
    found = expect(ledger, workflows, with_lost=True, **how)
    for key in sorted(set(ledger.run_facts) | {key for key in found if found[key].has_started}):
        name = "run %s %s" % key
        fact, verdict = ledger.run_facts.get(key), found.get(key)
        if fact is None:
            yield "%s: %s to the model, unknown to the simulator" % (name, verdict.state)
            continue
        if verdict is None or not verdict.has_started:
            yield "%s: %s to the simulator, unknown to the model" % (name, fact["state"])
            continue
        if fact["state"] != verdict.state:
            yield "%s: simulator %s, model %s" % (name, fact["state"], verdict.state)
        told = {step["name"]: (step["state"], step["attempts"], step.get("late", False))
                for step in fact["steps"]}
        for step, (state, attempts, late) in verdict.steps.items():
            if step not in told and (attempts or state not in ("skipped", "waiting")):
                yield "%s: step %s: %s to the model, unknown to the simulator" % (
                    name, step, state)
            elif step in told and told[step] != (state, attempts, late):
                yield "%s: step %s: simulator %s, model %s" % (
                    name, step, told.get(step), (state, attempts, late))
        for step in set(told) - set(verdict.steps):
            yield "%s: the definition has no step %s" % (name, step)
        if "step" in fact and (fact["step"] not in verdict.troubled
                               or fact["cause"] not in verdict.causes):
            yield "%s: simulator %s of %s, model %s of %s" % (
                name, fact["cause"], fact["step"], verdict.causes, verdict.troubled)
        if fact.get("missing") != verdict.missing:
            yield "%s: stores that have not answered: simulator %s, model %s" % (
                name, fact.get("missing"), verdict.missing)


def listed_runs(api):
    """What the tower lists: {(workflow, object): row}."""
    return {(row["workflow"], row["object"]): row for row in api.pages("/api/v1/runs")}


def compare_listed(expected, found):
    """Runs that fail or are overdue against the tower's list, each way: a miss, a false alarm,
    another story. What recovered or was compensated need not be listed, but if it is, as that."""
    for key, verdict in sorted(expected.items()):
        row = found.get(key)
        name = "run %s %s" % key
        if row is None:
            if verdict.troubled:
                yield key, "%s: must be %s, the tower does not list it" % (name, verdict.state)
            continue
        if row["state"] != verdict.state:
            yield key, "%s: must be %s, the tower says %s" % (name, verdict.state, row["state"])
        elif verdict.troubled and row["step"] not in verdict.troubled:
            yield key, "%s: %s at %s, the tower says %s" % (
                name, verdict.state, verdict.troubled, row["step"])
        elif verdict.troubled and row["cause"] not in verdict.causes:
            yield key, "%s: because of %s, the tower says %s" % (
                name, verdict.causes, row["cause"])
        if verdict.missing is not None and row["missing"] != verdict.missing[:SHOWN_MISSING]:
            yield key, "%s: stores that have not answered: %s, the tower says %s" % (
                name, verdict.missing, row["missing"])
    for key in sorted(set(found) - set(expected)):
        yield key, "run %s %s: nobody knows of it, the tower says %s" % (
            *key, found[key]["state"])


def compare_journey(api, key, verdict):
    """The steps of one run as its journey shows them."""
    path = "/api/v1/journeys/" + urllib.parse.quote(key[1], safe=":/") + "?limit=1"
    rows = [row for row in api.get(path)["runs"]
            if row["workflow"] == key[0] and row.get("object", key[1]) == key[1]]
    if len(rows) != 1:
        yield "journey %s: %d runs of %s" % (key[1], len(rows), key[0])
        return
    if rows[0]["state"] != verdict.state:
        yield "journey %s: %s must be %s, the tower says %s" % (
            key[1], key[0], verdict.state, rows[0]["state"])
    told = {step["name"]: (step["state"], step["attempts"]) for step in rows[0]["steps"]}
    wanted = {name: (state, attempts) for name, (state, attempts, _) in verdict.steps.items()}
    if told != wanted:
        yield "journey %s: %s: steps: must be %s, the tower says %s" % (
            key[1], key[0], {n: v for n, v in wanted.items() if told.get(n) != v},
            {n: v for n, v in told.items() if wanted.get(n) != v})


def spread(expected, wanted):
    """Which runs are looked up in their journey: all, or so many, of every state and workflow."""
    if wanted == "all":
        return sorted(expected)
    groups = collections.defaultdict(list)
    for key in sorted(expected):
        groups[(key[0], expected[key].state)].append(key)
    each = -(-int(wanted) // len(groups)) if groups else 0
    return [key for name in sorted(groups) for key in groups[name][:each]]


class Differences(collections.defaultdict):
    """{run: differences as text}; `judged`: the runs that were looked at, one by one or because
    they should be in the list."""

    def __init__(self):
        super().__init__(list)
        self.judged = set()


def compare(api, expected, journeys="300", more=()):
    """Differences between what is expected and what a tower says. more: further runs to look up in
    their journey."""
    wrong = Differences()
    found = listed_runs(api)
    for key, text in compare_listed(expected, found):
        wrong[key].append(text)
    started = {key: verdict for key, verdict in expected.items() if verdict.has_started}
    # What is not in the list is looked up: a run that recovered before anybody saw its trouble.
    looked_up = set(spread(started, journeys)) | (set(more) & set(started)) | {
        key for key, verdict in started.items()
        if verdict.state in TROUBLE and not verdict.troubled and key not in found}
    for key in sorted(looked_up):
        for text in compare_journey(api, key, expected[key]):
            wrong[key].append(text)
    wrong.judged = looked_up | set(found) | {key for key in expected if expected[key].troubled}
    return wrong


def main():
    parser = argparse.ArgumentParser(description="the runs of a ledger against a tower")
    parser.add_argument("ledger")
    parser.add_argument("--workflows", default=PACK, help="directory of definitions")
    parser.add_argument("--url", help="of a tower; without it the ledger is held against itself")
    parser.add_argument("--journeys", default="300", help="how many, or all")
    parser.add_argument("--clock", choices=["true", "stated"], default="true",
                        help="stated: the events came long after their time, so that no clock "
                             "can be told to be wrong")
    parser.add_argument("--token", help="file with an API token")
    options = parser.parse_args()
    token = None
    if options.token:
        with open(options.token, encoding="ascii") as file:
            token = file.read().strip()
    ledger = RunLedger(options.ledger)
    workflows = load(options.workflows)
    wrong = list(compare_facts(ledger, workflows))
    if options.url:
        expected = expect(ledger, workflows, clock=options.clock)
        differences = compare(Api(options.url, token), expected, options.journeys)
        wrong += [text for key in sorted(differences) for text in differences[key]]
        for line in show(of_runs(ledger, expected, differences, differences.judged)):
            print(line)
    for text in wrong[:100]:
        print(text)
    states = collections.Counter(fact["state"] for fact in ledger.run_facts.values())
    print("%d differences; %d runs: %s" % (len(wrong), len(ledger.run_facts), dict(states)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
