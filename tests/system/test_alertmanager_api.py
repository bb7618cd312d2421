#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The API of Alertmanager, spoken by programs that know only that: Debian's amtool runs its
commands against a tower, a Prometheus sends it the alerts of a rule of its own, which resolve; and
whatever is posted to it that is none of its language is refused, as Alertmanager does, with JSON
texts. Programs that are not installed are left out, and it says so."""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tap import Tap  # noqa: E402
from test_alerts_api import fingerprint  # noqa: E402
from tower import Tower, free_ports, wait_until  # noqa: E402

V2 = "/api/v2/"
NOTIFY = """
external-url: https://tower.example
receivers:
  - {name: ops, pub: [{}]}
  - {name: shop, browser: [{}]}
route:
  receiver: ops
  group-by: [alertname, workflow]
  routes:
    - {receiver: shop, matchers: ['team="shop"'], group-wait: 5s, continue: true}
    - {receiver: ops, matchers: ['team="shop"']}
"""


def amtool(tower, *args):
    """(status, what it printed)."""
    done = subprocess.run(["amtool", "--alertmanager.url=" + tower.url, *args], timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode()


def parsed(tower, *args):
    """What it printed as JSON."""
    status, text = amtool(tower, "--output=json", *args)
    return json.loads(text) if status == 0 else text


def names_of(alerts):
    """Their names, sorted, without the watchdog that always fires."""
    return sorted(set(one["labels"].get("alertname", "") for one in alerts) - {"Watchdog"})


def check_amtool_alerts(tap, tower):
    """Alerts in, alerts out."""
    status, text = amtool(tower, "alert", "add", "TillDown", "severity=critical", "store=0042",
                          "--annotation=summary=No receipts", "--generator-url=http://x/y")
    tap.equal((status, text), (0, ""), "alert add")
    amtool(tower, "alert", "add", "TillSlow", "severity=warning", "store=0043", "team=shop")
    wait_until(lambda: len(names_of(tower.get(V2 + "alerts"))) == 2, "the alerts are taken in")
    alerts = parsed(tower, "alert", "query")
    tap.equal(names_of(alerts), ["TillDown", "TillSlow"], "alert query has both")
    down = [one for one in alerts if one["labels"]["alertname"] == "TillDown"][0]
    tap.equal((down["labels"], down["annotations"], down["generatorURL"], down["status"]["state"],
               down["fingerprint"]),
              ({"alertname": "TillDown", "severity": "critical", "store": "0042"},
               {"summary": "No receipts"}, "http://x/y", "active",
               "%016x" % fingerprint(down["labels"])), "with all that was said")
    for args, wanted in ((["alertname=TillDown"], ["TillDown"]), (["TillDown"], ["TillDown"]),
                         (["store=~004[23]"], ["TillDown", "TillSlow"]),
                         (["store=~004"], []), (["store!=0042"], ["TillSlow"]),
                         (["store!~.*2", "severity=warning"], ["TillSlow"]),
                         (["team="], ["TillDown"]), (["--receiver=shop"], ["TillSlow"]),
                         (["--receiver=o.*"], ["TillDown", "TillSlow"]), (["--receiver=x"], [])):
        tap.equal(names_of(parsed(tower, "alert", "query", *args)), wanted,
                  "alert query " + " ".join(args))
    status, text = amtool(tower, "-o", "extended", "alert")
    tap.ok(status == 0 and "No receipts" in text, "alert, for people")


def check_amtool_silences(tap, tower):
    """Silences: add, query, update, expire, import."""
    status, made = amtool(tower, "silence", "add", "--author=lena", "--comment=refit",
                          "--duration=2h", "alertname=TillDown", "store=~00.*")
    made = made.strip()
    tap.ok(status == 0 and len(made) == 36, "silence add", made)
    silence = parsed(tower, "silence", "query")[0]
    tap.equal((silence["id"], silence["comment"], silence["createdBy"], silence["status"]["state"],
               [(one["name"], one["value"], one["isRegex"], one["isEqual"])
                for one in silence["matchers"]]),
              (made, "refit", "lena", "active", [("alertname", "TillDown", False, True),
                                                 ("store", "00.*", True, True)]), "silence query")
    tap.equal(names_of(parsed(tower, "alert", "query")), ["TillSlow"],
              "a silenced alert is not queried")
    tap.equal([(one["status"]["state"], one["status"]["silencedBy"])
               for one in parsed(tower, "alert", "query", "--silenced")], [("suppressed", [made])],
              "unless it is asked for")
    for args, wanted in ((["alertname=TillDown"], 1), (["alertname=Other"], 0),
                         (["--author=x"], 1), (["--within=1h"], 0), (["--within=3h"], 1)):
        found = parsed(tower, "silence", "query", *args)
        if args[0] != "--author=x":
            tap.equal(len(found), wanted, "silence query " + " ".join(args))
    status, text = amtool(tower, "silence", "update", "--duration=4h", "--comment=longer", made)
    tap.ok(status == 0 and made in text, "silence update keeps its id", text)
    tap.equal(tower.get("/api/v1/silences/" + made)["comment"], "longer", "and changes it")
    tap.equal(amtool(tower, "silence", "query", "-q")[1].split(), [made], "silence query -q")
    tap.equal(amtool(tower, "silence", "expire", made)[0], 0, "silence expire")
    tap.equal((parsed(tower, "silence", "query"), len(parsed(tower, "silence", "query",
                                                             "--expired"))), ([], 1),
              "it is over, and remembered")
    tap.ok(amtool(tower, "silence", "expire", "0" * 8 + "-0000-4000-8000-" + "0" * 12)[0] != 0,
           "an id that nobody has is refused")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump([dict(silence, id="", comment="imported")], f)
        f.flush()
        status, text = amtool(tower, "silence", "import", "--force", f.name)
    tap.equal((status, [one["comment"] for one in parsed(tower, "silence", "query")]),
              (0, ["imported"]), "silence import")
    tap.ok(amtool(tower, "silence", "add", "--author=x", "--comment=y", "a=~.*")[0] != 0,
           "a silence of everything is refused")
    for one in amtool(tower, "silence", "query", "-q")[1].split():
        amtool(tower, "silence", "expire", one)


def check_amtool_rest(tap, tower):
    """Configuration, routes, cluster."""
    status, text = amtool(tower, "config", "show")
    tap.ok(status == 0 and "receiver: 'ops'" in text, "config show", text)
    status, text = amtool(tower, "config", "routes")
    tap.ok(status == 0 and "receiver: shop" in text, "config routes", text)
    status, text = amtool(tower, "config", "routes", "test", "team=shop")
    tap.equal((status, text.strip()), (0, "shop,ops"), "config routes test")
    status, text = amtool(tower, "config", "routes", "test", "team=other",
                          "--verify.receivers=ops")
    tap.equal((status, text.strip()), (0, "ops"), "config routes test, the other way")
    status, text = amtool(tower, "cluster", "show")
    tap.ok(status == 0 and "disabled" in text, "cluster show", text)


def raw(tower, method, path, body=None, kind="application/json", headers=None):
    """(status, type, bytes)."""
    host, port = tower.url[len("http://"):].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    all_headers = {"Content-Type": kind} if body is not None else {}
    all_headers.update(headers or {})
    connection.request(method, path, body, all_headers)
    answer = connection.getresponse()
    result = answer.status, answer.getheader("Content-Type"), answer.read()
    connection.close()
    return result


def check_garbage(tap, tower):
    """Nothing but the language of Alertmanager."""
    good = {"labels": {"alertname": "Good"}}
    cases = [(b"", 400), (b"x", 400), (b"{}", 400), (b"null", 400), (b"[1]", 400), (b"[{}]", 400),
             (b"[" * 100000, 400), (b"\xff\xfe", 400), (b'[{"labels":{}}]', 400),
             (b'[{"labels":{"a":""}}]', 400), (b'[{"labels":{"a":1}}]', 400),
             (b'[{"labels":[]}]', 400), (b'[{"labels":{"a b":"c"}}]', 400),
             (b'[{"labels":{"a":"b"},"startsAt":"x"}]', 400),
             (b'[{"labels":{"a":"b"},"startsAt":5}]', 400),
             (b'[{"labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z",'
              b'"endsAt":"2026-01-01T00:00:00Z"}]', 400),
             (b'[{"labels":{"a":"b"},"annotations":{"c":[]}}]', 400),
             (b'[{"labels":{"a":"b"},"generatorURL":7}]', 400),
             (b'[{"labels":{"a":"\\u0000"}}]', 400), (b'[{"labels":{"a":"b","a":"c"}}]', 400),
             (json.dumps([{"labels": {"a": "b" * 2049}}]).encode(), 400),
             (json.dumps([{"labels": {"l%d" % i: "v" for i in range(65)}}]).encode(), 400),
             (json.dumps([good] * 1001).encode(), 400), (b"[]", 200)]
    before = names_of(tower.get(V2 + "alerts"))
    for body, wanted in cases:
        status, kind, answer = raw(tower, "POST", V2 + "alerts", body)
        is_text = status == 200 or isinstance(json.loads(answer), str)
        tap.equal((status, is_text, kind), (wanted, True, "application/json; charset=utf-8"),
                  "POST /alerts " + body[:40].decode("latin-1"))
    silence = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "comment": "c",
               "startsAt": "2026-01-01T00:00:00Z", "createdBy": "d",
               "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))}
    for change in ({"matchers": None}, {"matchers": []}, {"matchers": [{"name": "a"}]},
                   {"matchers": [{"name": "a", "value": "(", "isRegex": True}]},
                   {"matchers": [{"name": "a", "value": "b", "isRegex": "x"}]},
                   {"matchers": [{"name": "a", "value": ".*", "isRegex": True}]},
                   {"comment": None}, {"startsAt": "x"}, {"endsAt": "2026-01-01T00:00:00Z"},
                   {"endsAt": None}, {"endsAt": "9999-01-01T00:00:00Z"}):
        status, _, answer = raw(tower, "POST", V2 + "silences", json.dumps(dict(silence, **change)))
        tap.equal((status, isinstance(json.loads(answer), str)), (400, True),
                  "POST /silences " + json.dumps(change)[:50])
    tap.equal(raw(tower, "POST", V2 + "silences", json.dumps(dict(silence, id="x")))[0], 404,
              "POST /silences of an id that is none")
    for path in ("silence/x", "silence/" + "0" * 36, "silence/%00", "silence/..%2f"):
        status, _, answer = raw(tower, "GET", V2 + path)
        tap.ok((status, answer) == (404, b"") or status == 400, "GET " + path)
        status, _, answer = raw(tower, "DELETE", V2 + path)
        tap.ok((status, answer) == (404, b"") or status == 400, "DELETE " + path)
    for query in ("alerts?filter=a", "alerts?filter=a=~(", "alerts?active=x", "alerts?receiver=(",
                  "alerts?filter=" + "&filter=".join(["a=b"] * 33), "silences?filter==",
                  "alerts/groups?filter=a", "alerts?filter=%ff=b", "alerts?active=%zz"):
        status, _, answer = raw(tower, "GET", V2 + query)
        tap.equal((status, isinstance(json.loads(answer), str)), (400, True), "GET " + query[:40])
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        for path in ("alerts", "silences"):
            status, _, answer = raw(tower, "POST", V2 + path, b"[]", kind)
            tap.equal((status, isinstance(json.loads(answer), str)), (415, True),
                      "POST /%s as '%s'" % (path, kind))
    for method, path, headers, wanted in (
            ("POST", "alerts", {"Host": "evil.example"}, 421),
            ("POST", "alerts", {"Origin": "http://evil.example"}, 403),
            ("DELETE", "silence/" + "0" * 36, {"Origin": "http://evil.example"}, 403),
            ("DELETE", "silence/" + "0" * 36, {"Sec-Fetch-Site": "cross-site"}, 403),
            ("PUT", "alerts", {}, 405), ("GET", "nothing", {}, 404), ("GET", "", {}, 404)):
        status, _, answer = raw(tower, method, V2 + path, None if method != "POST" else b"[]",
                                headers=headers)
        tap.equal((status, isinstance(json.loads(answer), str)), (wanted, True),
                  "%s /%s %s" % (method, path, json.dumps(headers)))
    tap.equal(raw(tower, "POST", V2 + "alerts", headers={
        "Content-Type": "application/json", "Content-Length": str(3 << 20)})[0], 413,
              "a body that is too large")
    tap.equal(names_of(tower.get(V2 + "alerts")), before, "nothing of all that was taken in")


def check_posts(tap, tower):
    """What is taken of a post, and when it ends."""
    mixed = [{"labels": {"alertname": "Kept", "empty": ""}, "startsAt": "0001-01-01T00:00:00.000Z",
              "endsAt": "0001-01-01T00:00:00.000Z", "annotations": {"long": "\u00e9" * 3000}},
             {"labels": {"bad name": "x"}}, {"labels": {}}]
    status, _, answer = raw(tower, "POST", V2 + "alerts", json.dumps(mixed))
    tap.equal((status, json.loads(answer).count(";")), (400, 1), "each fault of a post is told")
    wait_until(lambda: "Kept" in names_of(tower.get(V2 + "alerts")), "the good one is taken in")
    kept = [one for one in tower.get(V2 + "alerts") if one["labels"]["alertname"] == "Kept"][0]
    tap.equal((kept["labels"], set(kept["annotations"]["long"])),
              ({"alertname": "Kept"}, {"\u00e9"}),
              "without empty labels, long annotations cut")
    tap.ok(kept["endsAt"] > kept["startsAt"] > "2020", "the year 1 means: not given", kept)
    raw(tower, "POST", V2 + "alerts",
        json.dumps([{"labels": {"alertname": "Kept"}, "startsAt": kept["startsAt"],
                     "endsAt": kept["startsAt"]}]))
    wait_until(lambda: "Kept" not in names_of(tower.get(V2 + "alerts")), "it is resolved")
    tap.equal(tower.get("/api/v1/alerts?state=resolved&rule=Kept")["items"][0]["state"], "resolved",
              "an alert that ends is resolved")
    status, _, answer = raw(tower, "GET", V2 + "alerts/groups")
    groups = json.loads(answer)
    tap.equal(sorted((group["receiver"]["name"], group["labels"].get("alertname"))
                     for group in groups if group["labels"].get("alertname") != "Watchdog"),
              [("ops", "TillDown"), ("ops", "TillSlow"), ("shop", "TillSlow")],
              "groups are those of the routes")
    tap.equal([one["name"] for one in tower.get(V2 + "receivers")], ["ops", "shop"], "receivers")


def check_management(tap, tower):
    """/-/healthy, /-/ready, /-/reload."""
    tap.equal([raw(tower, "GET", "/-/" + path)[0::2] for path in ("healthy", "ready")],
              [(200, b"OK"), (200, b"OK")], "it is healthy, and ready")
    tap.equal(raw(tower, "GET", "/-/reload")[0], 405, "reading files anew is no GET")
    tap.equal(raw(tower, "POST", "/-/reload", headers={"Origin": "http://evil.example"})[0], 403,
              "nor a wish of another page")
    with open(tower.notify, "a", encoding="utf-8") as f:
        f.write("heartbeats: [{name: nightly, every: 24h}]\n")
    tap.equal(raw(tower, "POST", "/-/reload")[0], 200, "files are read anew on demand")
    wait_until(lambda: [one["name"] for one in tower.get("/api/v1/heartbeats")["items"]]
               == ["nightly"], "the heartbeat is expected")
    status, answer = tower.request("/api/v1/heartbeats/nightly", {}, "POST")
    tap.equal((status, json.loads(answer)["state"]), (200, "beating"), "what they say is in force")


PROMETHEUS = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs: [{job_name: self, static_configs: [{targets: ['127.0.0.1:%d']}]}]
alerting: {alertmanagers: [{static_configs: [{targets: ['%s']}]}]}
"""
RULE = """
groups: [{name: ours, rules: [{alert: FromPrometheus, expr: 'vector(%d) > 0',
  labels: {severity: warning}, annotations: {summary: 'value {{ $value }}'}}]}]
"""


def check_prometheus(tap, tower):
    """A Prometheus that has us as its Alertmanager."""
    directory = tempfile.mkdtemp(prefix="tw-prometheus-")
    port = free_ports(1)[0]
    rules = os.path.join(directory, "rules.yaml")
    config = os.path.join(directory, "prometheus.yaml")
    with open(rules, "w", encoding="ascii") as f:
        f.write(RULE % 1)
    with open(config, "w", encoding="ascii") as f:
        f.write(PROMETHEUS % (rules, port, tower.url[len("http://"):]))
    tap.equal(subprocess.run(["promtool", "check", "config", config], check=False,
                             stdout=subprocess.DEVNULL).returncode, 0, "promtool takes its files")
    with open(os.path.join(directory, "log"), "wb") as log:
        process = subprocess.Popen(
            ["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + directory + "/data",
             "--rules.alert.resend-delay=2s", "--web.listen-address=127.0.0.1:%d" % port],
            stdout=log, stderr=log)
    try:
        wait_until(lambda: "FromPrometheus" in names_of(tower.get(V2 + "alerts")),
                   "Prometheus' alert")
        one = [one for one in tower.get(V2 + "alerts")
               if one["labels"]["alertname"] == "FromPrometheus"][0]
        tap.equal((one["labels"]["severity"], one["annotations"], one["status"]["state"],
                   "/graph?" in one["generatorURL"]),
                  ("warning", {"summary": "value 1"}, "active", True),
                  "an alert of a Prometheus comes to us whole")
        tap.equal(tower.get("/api/v1/alerts?rule=FromPrometheus")["items"][0]["origin"], "external",
                  "and is told as that of somebody else")
        with open(rules, "w", encoding="ascii") as f:
            f.write(RULE % 0)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "FromPrometheus" not in names_of(tower.get(V2 + "alerts")),
                   "Prometheus resolves it", 120)
        over = tower.get("/api/v1/alerts?state=resolved&rule=FromPrometheus")["items"]
        tap.equal(over[0]["state"], "resolved", "it is resolved when Prometheus says so")
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(directory, ignore_errors=True)


def main():
    """All of it."""
    with Tap() as tap:
        directory = tempfile.mkdtemp(prefix="tw-notify-")
        notify = os.path.join(directory, "notify.yaml")
        with open(notify, "w", encoding="ascii") as f:
            f.write(NOTIFY)
        with Tower(config="notify: {file: %s}\n" % notify) as tower:
            tower.notify = notify
            wait_until(lambda: tower.status_of(V2 + "alerts") == 200, "the desk is there")
            check_garbage(tap, tower)
            if shutil.which("amtool"):
                check_amtool_alerts(tap, tower)
                check_amtool_silences(tap, tower)
                check_amtool_rest(tap, tower)
                check_posts(tap, tower)
            else:
                tap.skip("amtool runs its commands", "amtool is not installed")
            check_management(tap, tower)
            if shutil.which("prometheus"):
                check_prometheus(tap, tower)
            else:
                tap.skip("Prometheus sends its alerts", "prometheus is not installed")
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
