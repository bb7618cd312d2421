#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes the tower: the target is up, and what it stored of workflows, of
objectives and the tracker is what happened. promtool has nothing to say about it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import Tower, free_ports, wait_until  # noqa: E402

try:
    from publish import Acked, body, event
except ImportError:
    Acked = None

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: tower
    static_configs: [{targets: ['%s']}]
"""


class Prometheus:
    """The server of the Debian package on a port of its own, with an empty store."""

    def __init__(self, target):
        self.base = tempfile.mkdtemp(prefix="tw-prometheus-")
        self.url = "http://127.0.0.1:%d" % free_ports(1)[0]
        path = os.path.join(self.base, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG % target)
        self.log_path = os.path.join(self.base, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=" + path, "--storage.tsdb.path=" + self.base,
                 "--web.listen-address=" + self.url[len("http://"):]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.base, ignore_errors=True)

    def get(self, path):
        """`data` of an answer; None while it is not up."""
        try:
            with urllib.request.urlopen(self.url + "/api/v1" + path, timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def target(self):
        """The tower as the server sees it, once it has been scraped."""
        data = self.get("/targets")
        active = data["activeTargets"] if data else []
        return active[0] if active and active[0]["health"] != "unknown" else None

    def value(self, query):
        """The only sample of a query as a number; None while there is none."""
        data = self.get("/query?" + urllib.parse.urlencode({"query": query}))
        result = data["result"] if data else []
        return float(result[0]["value"][1]) if len(result) == 1 else None


def send_sales(tower):
    """One sale that got everywhere it should but into stock, and one that ERP refuses."""
    sender = Acked(tower.router)
    sale = {"storeid": "0042", "transactionid": "1"}
    refused = {"storeid": "0042", "transactionid": "2"}
    for number, (source, kind, more) in enumerate([
            ("/pos/store-0042", "pos.sale.completed", sale),
            ("/middleware/main", "middleware.sale.received", sale),
            ("/erp/core", "erp.sale.posted", sale),
            ("/pos/store-0042", "pos.sale.completed", refused),
            ("/middleware/main", "middleware.sale.received", refused),
            ("/erp/core", "erp.sale.rejected", {**refused, "outcome": "failed",
                                                "errorclass": "master-data"})]):
        sender.send(body(event(source, number + 1, type="com.tillwatch." + kind, **more)))
    sender.flush()
    sender.close()


def check_renderings(tap, tower):
    """Both pass promtool, each in its own way."""
    for accept, name in (("text/plain", "the text format"),
                         ("application/openmetrics-text;version=1.0.0", "OpenMetrics")):
        request = urllib.request.Request(tower.url + "/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        tap.ok(b'tillwatch_step_waiting{workflow="sale-posting",step="stocked"}' in text,
               name + " has the steps")
        if name == "the text format":
            done = subprocess.run(["promtool", "check", "metrics"], input=text, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            tap.ok(done.returncode == 0, "promtool check metrics", done.stdout.decode())


def check_scrape(tap, tower):
    """What the server stored."""
    with Prometheus(tower.url[len("http://"):]) as prometheus:
        target = wait_until(prometheus.target, "the first scrape")
        tap.equal((target["health"], target["lastError"]), ("up", ""), "the target is up")
        queries = [
            ('tillwatch_workflow_open{workflow="sale-posting"}', 2),
            ('tillwatch_workflow_runs{workflow="sale-posting",state="failed"}', 1),
            ('tillwatch_step_failed{workflow="sale-posting",step="posted"}', 1),
            ('tillwatch_step_waiting{workflow="sale-posting",step="stocked"}', 2),
            ('tillwatch_step_lag_recent_seconds{workflow="sale-posting",step="posted",'
             'percentile="50"} < bool 3600', 1),
            ('tillwatch_step_lag_seconds_count{workflow="sale-posting",step="posted"}', 1),
            ('tillwatch_step_lag_seconds_bucket{workflow="sale-posting",step="posted",le="+Inf"}',
             1),
            ('count(tillwatch_step_lag_seconds_bucket{workflow="sale-posting",step="posted"})', 16),
            ('histogram_quantile(0.5, tillwatch_step_lag_seconds_bucket{workflow="sale-posting",'
             'step="posted"}) <= bool 86400', 1),
            ('tillwatch_system_waiting{system="inventory"}', 2),
            ('tillwatch_stores_known', 1),
            ('tillwatch_stores_late', 1),
            ('tillwatch_track_open_runs', 2),
            ('tillwatch_objective_target_ratio{objective="sale-posted-in-time"} > bool 0.9', 1),
            ('tillwatch_events_accepted_total', 6),
            ('count(tillwatch_system_watermark_lag_seconds{system="erp"})', 1),
            ('count({__name__=~"tillwatch_.*",store=~".+"}) or vector(0)', 0),
        ]
        for query, wanted in queries:
            wait_until(lambda q=query: prometheus.value(q) is not None, query)
            tap.equal(prometheus.value(query), float(wanted), query)
        tap.equal(prometheus.target()["health"], "up", "and it stays up")


def main():
    """Everything on one tower."""
    with Tap() as tap:
        missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
        if missing or Acked is None:
            tap.skip("a Prometheus scrapes the tower",
                     "not installed: " + " ".join(missing or ["python3-zmq"]))
            return
        with Tower() as tower:
            send_sales(tower)

            def is_tracked():
                items = tower.get("/api/v1/runs?state=failed")["items"]
                live = tower.get("/api/v1/workflows/sale-posting")["runs"]
                return items and live and live["open"] == 2
            wait_until(is_tracked, "both sales to be tracked")
            check_renderings(tap, tower)
            check_scrape(tap, tower)


if __name__ == "__main__":
    main()
