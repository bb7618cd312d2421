#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line: every misuse is answered with its exit status and one clear line that says what
# to do; import, export and quarantine against a real tower. TAP.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tillwatch=${TW_BUILD_DIR:-$root/build}/tillwatch
work=$(mktemp -d)
tower=
# shellcheck disable=SC2317 # the trap calls it
cleanup() {
    [ -z "$tower" ] || kill -TERM "$tower" 2>/dev/null
    [ -z "$tower" ] || wait "$tower"
    rm -rf "$work"
}
trap cleanup EXIT
unset TILLWATCH_STATE TILLWATCH_WEB TILLWATCH_TAP_PULL TILLWATCH_TAP_ROUTER TILLWATCH_TAP_SUB
unset TILLWATCH_AGENTS TILLWATCH_ALERTS_PUB
cd "$work" || exit 1

count=0
failed=0
ok() {
    count=$((count + 1))
    printf 'ok %d - %s\n' "$count" "$1"
}
not_ok() {
    count=$((count + 1))
    failed=1
    printf 'not ok %d - %s\n' "$count" "$1"
    shift
    printf '%s\n' "$@" | sed 's/^/# /'
}
# is NAME GOT WANTED
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got    $2" "wanted $3"; fi
}
# misuse NAME STATUS LINE COMMAND...: exactly this line on stderr, nothing on stdout.
misuse() {
    local name=$1 wanted_status=$2 wanted=$3 status
    shift 3
    "$@" >out 2>err </dev/null
    status=$?
    if [ "$status" = "$wanted_status" ] && [ "$(cat err)" = "$wanted" ] && [ ! -s out ]; then
        ok "$name"
    else
        not_ok "$name" "status $status, wanted $wanted_status" "said   $(cat err out)" \
            "wanted $wanted"
    fi
}

# ---- wrong arguments: status 2

t=$tillwatch
p=tillwatch
misuse "no command" 2 \
    "tillwatch: a command is missing; start with: tillwatch run, or see tillwatch --help" \
    "$t"
misuse "unknown command" 2 \
    "tillwatch: unknown command \"rnu\"; tillwatch --help lists them" \
    "$t" rnu
misuse "unknown option" 2 \
    "tillwatch run: unknown option --frob; see tillwatch run --help" \
    "$t" run --frob
misuse "value missing" 2 \
    "tillwatch check: -c needs a value: FILE; see tillwatch check --help" \
    "$t" check -c
misuse "value for a switch" 2 \
    "$p print-config: no value is expected by --reference; see $p print-config --help" \
    "$t" print-config --reference=yes
misuse "argument too many" 2 \
    "tillwatch run: unexpected argument now; see tillwatch run --help" \
    "$t" run now
misuse "argument missing" 2 \
    "tillwatch backup: missing argument: DIRECTORY; see tillwatch backup --help" \
    "$t" backup
misuse "wrong half" 2 "tillwatch run: --only is collector or web, not \"both\"" "$t" run --only both
misuse "wrong log format" 2 \
    "tillwatch run: --log-format is text or json, not \"xml\"" \
    "$t" run --log-format=xml
misuse "wrong log level" 2 "tillwatch run: --log-level is error, warn, info or debug, not \"all\"" \
    "$t" run --log-level all
misuse "wrong time" 2 \
    "tillwatch export: times are like 2026-11-21T18:00:00Z, or -15m (s, m, h, d) before now" \
    "$t" export --since yesterday
misuse "quarantine without a verb" 2 \
    "tillwatch quarantine: say list, show or retry; see tillwatch quarantine --help" "$t" quarantine
misuse "quarantine with a wrong id" 2 "tillwatch quarantine show: an id is a number, not \"x\"" \
    "$t" quarantine show x
misuse "retry of nothing" 2 \
    "tillwatch quarantine retry: say what to try again: ids, or --all, or --reason REASON" \
    "$t" quarantine retry
misuse "unknown reason" 2 \
    "$p quarantine list: there is no reason \"bad\"; docs/reference/quarantine.md lists them" \
    "$t" quarantine list --reason bad
misuse "progress file for two files" 2 "tillwatch import: --progress-file is for a single FILE" \
    "$t" import --progress-file p a b
misuse "control bytes are not repeated" 2 \
    "tillwatch run: unknown option --a?[31m?; see tillwatch run --help" "$t" run $'--a\e[31m\n'

# ---- what cannot be done: status 1

misuse "configuration that is missing" 1 \
    "/nonexistent/t.yaml: cannot be read: No such file or directory" \
    "$t" run -c /nonexistent/t.yaml
misuse "file to import that is missing" 1 \
    "tillwatch import: none.ndjson: No such file or directory" \
    "$t" import none.ndjson
misuse "directory to import" 1 "tillwatch import: $work is a directory; name its files" \
    "$t" import "$work"
printf 'store:\n  commit-ms: 0\n  retain-dyas: 3\nwbe: {}\n' >t.yaml
misuse "all faults at once" 1 "\
t.yaml:2: store.commit-ms: 0 is out of range, allowed are 1 to 1000 ms
t.yaml:3: store: unknown key \"retain-dyas\", did you mean \"retain-days\"?
t.yaml:4: unknown section \"wbe\", did you mean \"web\"?" "$t" check -c t.yaml
misuse "environment that is wrong" 1 \
    "environment: TILLWATCH_WEB: \"nonsense\" is not HOST:PORT with a port from 0 to 65535" \
    env TILLWATCH_WEB=nonsense "$t" check

# ---- help, version, configuration

"$t" --help >out 2>err
is "--help" "$? $(wc -c <err) $(head -n 1 out)" "0 0 Usage: tillwatch COMMAND [ARGUMENT...]"
for command in run check print-config import export quarantine "quarantine list" "quarantine show" \
    "quarantine retry" user "user add" "user passwd" "user role" "user grant" "user disable" \
    "user enable" "user list" "user remove" token "token add" "token list" "token revoke" \
    backup keygen; do
    # shellcheck disable=SC2086 # two words are two arguments
    "$t" $command --help >out 2>err
    is "$command --help" "$? $(wc -c <err) $(head -n 1 out | cut -d' ' -f1-3)" \
        "0 0 Usage: tillwatch ${command%% *}"
done
is "--version" "$("$t" --version)" "tillwatch $(cat "$root/VERSION")"
"$t" print-config >p.yaml && "$t" print-config -c p.yaml >q.yaml
is "print-config reads back the same" \
    "$? $(tail -n +2 p.yaml | cksum)" \
    "0 $(tail -n +2 q.yaml | cksum)"
"$t" print-config >/dev/full 2>err
is "output that cannot be written" "$? $(cat err)" \
    "1 tillwatch print-config: the output could not be written (disk full, or its reader has gone)"
"$t" keygen --dir "$work" till >out 2>err
is "keygen" "$? $(stat -c %a till.pub till.key | tr '\n' ' ')" "0 644 600 "
"$t" keygen --dir "$work" till >out 2>err
is "keygen never overwrites" "$? $(wc -l <err)" "1 1"

# ---- a real tower

# Ports that nobody has just now.
mapfile -t ports < <(python3 -c '
import socket
held = [socket.socket() for _ in range(6)]
for s in held:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])')
export TILLWATCH_STATE=$work/state TILLWATCH_WEB=127.0.0.1:${ports[0]}
export TILLWATCH_TAP_PULL=tcp://127.0.0.1:${ports[1]}
export TILLWATCH_TAP_ROUTER=tcp://127.0.0.1:${ports[2]}
export TILLWATCH_TAP_SUB=tcp://127.0.0.1:${ports[3]} TILLWATCH_AGENTS=tcp://127.0.0.1:${ports[4]}
export TILLWATCH_ALERTS_PUB=tcp://127.0.0.1:${ports[5]}
misuse "export without a store" 1 "$("$t" export 2>&1 >/dev/null)" "$t" export
is "export without a store says which" "$("$t" export 2>&1 | grep -c "$work/state")" 1

"$t" run 2>tower.log &
tower=$!
# wait_for TEXT: until the tower's log has it, or the tower is gone.
wait_for() {
    local tries=0
    until grep -q "$1" tower.log; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$tower" 2>/dev/null; then
            sed 's/^/# /' tower.log
            printf 'Bail out! waited in vain for %s\n' "$1"
            exit 1
        fi
        read -r -t 0.1 <> <(:)
    done
}
wait_for ' started '

"$t" run >out 2>err
is "second instance" "$? $(grep -c 'in use by process' err)" "1 1"
TILLWATCH_STATE=$work/other "$t" run >out 2>err
is "port that is taken" "$? $(grep -c "start_failed.*${TILLWATCH_TAP_PULL}" err)" "1 1"
TILLWATCH_STATE=$work/t.yaml "$t" run >out 2>err
is "store that is no directory" "$? $(wc -l <err) $(grep -c "t.yaml is no directory" err)" "1 1 1"

# A thousand events, blank lines, one broken line, one that no mapping knows.
awk 'BEGIN {
    for (i = 0; i < 1000; i++) {
        printf "{\"specversion\":\"1.0\",\"id\":\"%d\",\"source\":\"/pos/store-1/till-1\"," \
            "\"type\":\"t\",\"time\":\"2026-11-20T10:%02d:00Z\",\"orderid\":\"%d\"}\n", \
            i, i / 100, i / 2
        if (i % 100 == 0) print ""
        if (i == 500) print "{\"specversion\":\"1.0\",\"id\":\"broken\""
        if (i == 600) print "{\"foreign\":true}"
    }
}' >h.ndjson
"$t" import h.ndjson 2>err
is "import" "$? $(grep -c 'done, 1012 lines acknowledged (100 %).* 2 messages' err)" "0 1"
"$t" import h.ndjson 2>err
is "import again sends nothing" "$? $(grep -c 'everything was acknowledged before' err)" "0 1"
printf '{"specversion":"1.0","id":"late","source":"/pos/store-1/till-1","type":"t"}' >>h.ndjson
"$t" import h.ndjson 2>err
is "import of a file that has grown" \
    "$? $(grep -c 'continues behind' err) $(grep -c ' 1013 lines' err)" \
    "0 1 1"
echo rubbish >h.ndjson.tillwatch-import
"$t" import h.ndjson 2>err
is "import with a damaged progress file" "$? $(grep -c 'starting from the beginning' err)" "0 1"
"$t" import --from-start - <h.ndjson 2>err
is "import of standard input" "$? $(grep -c '(standard input): done, 1013 lines' err)" "0 1"
"$t" export >all.ndjson 2>err
is "export has every event once" \
    "$? $(wc -l <all.ndjson) $(sort -u all.ndjson | wc -l)" \
    "0 1001 1001"
is "what is exported is what came" \
    "$(grep -c . all.ndjson) $(grep specversion h.ndjson | grep -v broken | sort | cksum)" \
    "1001 $(sort all.ndjson | cksum)"
is "export of an object" "$("$t" export --object order:7 | wc -l)" 2
is "export of a time" \
    "$("$t" export --since 2026-11-20T10:02:00Z --until 2026-11-20T10:03:00Z | wc -l)" \
    100
"$t" export --out e.ndjson 2>err
is "export to a file" "$? $(cksum <e.ndjson) $(ls e.ndjson*)" "0 $(cksum <all.ndjson) e.ndjson"
type="object type of this store"
misuse "export of an unknown type" 2 \
    "$p export: --object is like order:4711 or transaction:0042/88; \"car:1\" names no $type" \
    "$t" export --object car:1
# A kill in the middle: the next start continues, nothing is missing, nothing is there twice.
awk 'BEGIN {
    for (i = 0; i < 300000; i++)
        printf "{\"specversion\":\"1.0\",\"id\":\"k%d\",\"source\":\"/pos/store-2/till-1\"," \
            "\"type\":\"t\",\"time\":\"2020-01-01T10:00:00Z\",\"data\":{\"text\":\"%040d\"}}\n", \
            i, i
}' >k.ndjson
"$t" import k.ndjson 2>err &
import=$!
progress=k.ndjson.tillwatch-import
while kill -0 "$import" 2>/dev/null && ! grep -q '^offset [1-9]' "$progress" 2>/dev/null; do
    read -r -t 0.02 <> <(:)
done
kill -KILL "$import" 2>/dev/null
wait "$import" 2>/dev/null
offset=$(sed -n 's/^offset //p' "$progress")
is "killed in the middle" "$((offset > 0)) $((offset < $(stat -c %s k.ndjson)))" "1 1"
"$t" import k.ndjson 2>err
is "continued after the kill" \
    "$? $(grep -c 'continues behind' err) $(grep -c 'done, 300000 lines' err)" "0 1 1"
is "nothing is missing, nothing twice" \
    "$("$t" export --until 2020-06-01T00:00:00Z | sort -u | wc -l)" 300000
"$t" quarantine list >out 2>err
is "quarantine list" "$? $(tail -n +2 out | grep -c acked)" "0 6"
id=$(tail -n 1 out | cut -d' ' -f1)
"$t" quarantine show "$id" >out 2>err
is "quarantine show" "$? $(grep -c '"broken"' out)" "0 1"
is "quarantine show --raw" \
    "$("$t" quarantine show --raw "$id")" \
    '{"specversion":"1.0","id":"broken"'
misuse "quarantine show of nothing" 1 \
    "$p quarantine show: there is no entry 1; see $p quarantine list" "$t" quarantine show 1
"$t" quarantine retry "$id" >out 2>err
is "quarantine retry" "$? $(grep -c '"tried":1,"solved":0,"failed":1' out)" "0 1"
"$t" backup copy >out 2>err
is "backup" \
    "$? $(TILLWATCH_STATE=$work/copy "$t" export --since 2020-06-01T00:00:00Z | cksum)" \
    "0 $(cksum <all.ndjson)"
"$t" backup copy >out 2>err
is "backup onto something" "$? $(wc -l <err)" "1 1"

kill -HUP "$tower"
wait_for ' reloaded '
ok "SIGHUP"
kill -TERM "$tower"
wait "$tower"
status=$?
tower=
is "SIGTERM" "$status $(tail -n 1 tower.log | cut -d' ' -f2,3)" "0 info stopped"
is "nothing but the expected warnings in the log" \
    "$(grep -v ' info ' tower.log | grep -vcE ' warn (quarantined|ack_undeliverable) ')" 0
is "files are for their owner only" \
    "$(find state -type f ! -perm 600 ! -perm 400 | wc -l) $(stat -c %a state)" "0 700"

# ---- another tower: CURVE, JSON log, the collector alone

mkdir clients && "$t" keygen tower >out && mv till.pub clients/till.pub
cat >curve.yaml <<END
store: {dir: $work/curve}
taps:
  - name: acked
    kind: router
    bind: $TILLWATCH_TAP_ROUTER
    curve: {server-key-file: $work/tower.key, clients: $work/clients}
END
unset TILLWATCH_STATE TILLWATCH_TAP_ROUTER
"$t" run -c curve.yaml --only collector --log-format json 2>tower.log &
tower=$!
wait_for '"started"'
is "JSON log" "$(python3 -c '
import json, sys
print(all(isinstance(json.loads(line), dict) for line in sys.stdin))' <tower.log)" True
head -n 10 k.ndjson >c.ndjson
misuse "import without keys" 2 \
    "$p import: tap acked speaks CURVE: give --server-key FILE.pub and --client-key NAME" \
    "$t" import -c curve.yaml c.ndjson
cp clients/till.pub till.pub
"$t" import -c curve.yaml --server-key tower.pub --client-key till c.ndjson 2>err
is "import with keys" "$? $(grep -c 'done, 10 lines' err)" "0 1"
is "export of a named configuration" "$("$t" export -c curve.yaml | cksum)" "$(cksum <c.ndjson)"
chmod 640 tower.key
misuse "secret that others may read" 1 "\
curve.yaml:3: taps.curve.server-key-file: $work/tower.key may be read by others (mode 0640); \
chmod 600 $work/tower.key" "$t" check -c curve.yaml
kill -HUP "$tower"
wait_for '"reload_refused"'
ok "SIGHUP with a fault is refused"
kill -INT "$tower"
wait "$tower"
is "SIGINT" "$? $(grep -c '"stopped"' tower.log)" "0 1"
tower=

printf '1..%d\n' "$count"
exit "$failed"
