#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Workflows on the command line: check says what there is and tells the faults of all files in one
# pass, run does not start with any of them. TAP.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tillwatch=${TW_BUILD_DIR:-$root/build}/tillwatch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset TILLWATCH_WEB TILLWATCH_TAP_PULL TILLWATCH_TAP_ROUTER TILLWATCH_TAP_SUB TILLWATCH_AGENTS
export TILLWATCH_STATE=$work/state
cd "$work" || exit 1

count=0
failed=0
# is NAME GOT WANTED
is() {
    count=$((count + 1))
    if [ "$2" = "$3" ]; then
        printf 'ok %d - %s\n' "$count" "$1"
    else
        failed=1
        printf 'not ok %d - %s\n' "$count" "$1"
        printf 'got    %s\nwanted %s\n' "$2" "$3" | sed 's/^/# /'
    fi
}

"$tillwatch" check >out 2>err
is "check of the built-in configuration" "$? $(wc -c <err) $(grep -c '^workflow ' out)" "0 0 13"
is "a workflow has its version, object and steps" \
    "$(grep -A1 '^workflow promotion-rollout' out | sed 's/[0-9a-f]\{16\}/HASH/')" \
    "workflow promotion-rollout, version HASH, from (built in) promotion-rollout.yaml, a run for \
each promotion
  steps published, activated within 30 min of every store"
is "an objective has its kind, time, target and window" "$(grep sale-posted-in-time out)" \
    "  objective sale-posted-in-time: latency of posted within 1 min, 99.5 % over 30 d"

mkdir flows
cat >tower.yaml <<END
workflows: {dirs: flows}
END
cat >flows/mine.yaml <<END
name: sale-posting
owner: me
timing: queued
object: transaction
steps:
  - {name: sold, system: pos, event: x.sold}
  - {name: posted, system: erp, event: x.posted, after: sold, within: 5min}
objectives:
  - {name: loose, kind: latency, step: posted, within: 1min, target: 90%, window: 30d}
  - {name: short, kind: completion, target: 99%, window: 2d}
  - {name: exact, kind: completion, target: 99.9999%, window: 28d}
  - {name: half, kind: completion, target: 50%, window: 30d}
  - {name: tight, kind: freshness, step: posted, within: 1min, target: 99.99%, window: 1d}
END
cat >flows/slo.yaml <<END
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec:
  severity: page
  condition: {kind: burnrate, op: lte, threshold: 14.4, lookbackWindow: 1h}
END
"$tillwatch" check -c tower.yaml >out 2>err
is "a workflow of a directory takes the place of the pack's" \
    "$? $(wc -c <err) $(grep -c '^workflow ' out) $(grep '^workflow sale' out | cut -d, -f3)" \
    "0 0 13  from $work/flows/mine.yaml"
is "burn-rate rules without use are told" \
    "$(sed -n '/objective loose/,/^workflow/p' out | sed '$d')" \
    "  objective loose: latency of posted within 1 min, 90 % over 30 d
    page rule 14.4x (1h) can never fire at 90 %
  objective short: completion, 99 % over 2 d
    ticket rule 0.4x (1d) would fire while the objective is met
    ticket rule of 3d needs a longer window
  objective exact: completion, 99.9999 % over 28 d
  objective half: completion, 50 % over 30 d
    page rule 14.4x (1h) can never fire at 50 %
    page rule 6x (6h) can never fire at 50 %
    ticket rule 3x (1d) can never fire at 50 %
  objective tight: freshness of posted within 1 min, 99.99 % over 1 d
    page rule 0.5x (6h) would fire while the objective is met
    ticket rule of 1d needs a longer window
    ticket rule of 3d needs a longer window"
is "what no guard of burn rates can mend is noted, with its line" \
    "$(grep '^note: .*objective' out)" \
    "note: $work/flows/mine.yaml:12: objective half: no burn-rate rule can page at 50 % over this \
window
note: $work/flows/mine.yaml:13: objective tight: one bad minute spends more than the budget of \
its window, 0.14 minutes"
is "what is no fault is noted" "$(grep '^note: .*slo.yaml' out)" \
    "note: $work/flows/slo.yaml:6: AlertCondition.spec.condition.op: lte alerts while the budget \
burns slowly; gte is usually meant"

printf 'name: broken\nowner: me\ntiming: queued\nobject: receipt\nsteps: []\n' >flows/broken.yaml
printf 'workflows: {dirs: flows}\nstore: {commit-ms: 0}\n' >tower.yaml
faults="tower.yaml:2: store.commit-ms: 0 is out of range, allowed are 1 to 1000 ms
$work/flows/broken.yaml:4: workflow.object: there is no object type \"receipt\"
$work/flows/broken.yaml:5: steps: at least one is needed"
"$tillwatch" check -c tower.yaml >out 2>err
is "faults of the configuration and of workflow files come together" "$? $(wc -c <out) $(cat err)" \
    "1 0 $faults"
printf 'workflows: {dirs: flows}\n' >tower.yaml
"$tillwatch" run -c tower.yaml >out 2>err
is "run refuses to start" "$? $(cat out err)" "1 $(tail -n 2 <<<"$faults")"
is "and makes no store" "$(ls -d state 2>/dev/null)" ""
"$tillwatch" print-config -c tower.yaml >p.yaml && mkdir elsewhere && cp p.yaml elsewhere/ &&
    "$tillwatch" print-config -c elsewhere/p.yaml >q.yaml
is "print-config keeps the directory wherever it is read" \
    "$? $(tail -n +2 p.yaml | cksum)" "0 $(tail -n +2 q.yaml | cksum)"
"$tillwatch" print-config --workflow-keys >keys.md
is "the reference page has the keys of the program" \
    "$? $(sed -n '/^<!-- keys/,/^<!-- end/p' "$root/docs/reference/workflows.md" | sed '1d;$d' |
        cksum)" \
    "0 $(cksum <keys.md)"

printf '1..%d\n' "$count"
exit "$failed"
