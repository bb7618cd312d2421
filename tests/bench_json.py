#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Put figures ("bench name value unit" lines on stdin) into a JSON file, with the machine and the
commit they were measured on. Figures of benchmarks that did not run stay as they were."""

import json
import os
import platform
import subprocess
import sys
import time


def machine():
    """What figures depend on."""
    model, memory = "", 0
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(f.readline().split()[1]) * 1024
    return {"cpu": model, "cores": os.cpu_count(), "memory_bytes": memory,
            "kernel": platform.release()}


def main():
    path = sys.argv[1]
    kept = {"figures": []}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            kept = json.load(f)
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=False).stdout.decode().strip()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    new = []
    for line in sys.stdin:
        bench, name, value, unit = line.split()
        new.append({"bench": bench, "name": name, "value": float(value), "unit": unit,
                    "commit": commit, "measured": now})
    ran = {figure["bench"] for figure in new}
    kept["figures"] = [f for f in kept["figures"] if f["bench"] not in ran] + new
    kept["machine"] = machine()
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(kept, f, indent=1)
        f.write("\n")
    os.rename(path + ".new", path)


if __name__ == "__main__":
    main()
