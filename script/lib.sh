# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the programs of script/ share. Sourced; defines functions and two variables only.

tw_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tw_jobs=$(nproc 2>/dev/null || echo 2)

tw_die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Run the rest of this program alone: wait for another one that holds the same lock.
# Arguments: file descriptor, name of the lock, what to say while waiting.
tw_lock() {
    mkdir -p "$tw_root/build"
    eval "exec $1>\"\$tw_root/build/.lock-$2\""
    if ! flock -n "$1"; then
        printf '%s: waiting for another %s in this directory\n' "$(basename "$0")" "$3" >&2
        flock "$1"
    fi
}

# Make configure when it is missing or older than what it is made from.
tw_autogen() {
    local input
    for input in configure.ac Makefile.am VERSION m4/*.m4 collector/local.mk client/local.mk \
        web/local.mk tests/local.mk; do
        if [ ! -e "$tw_root/configure" ] || [ ! -e "$tw_root/Makefile.in" ] ||
            [ "$tw_root/$input" -nt "$tw_root/configure" ]; then
            (cd "$tw_root" && ./autogen.sh && touch configure Makefile.in config.h.in)
            return
        fi
    done
}

# Configure a build directory, unless it stands configured with the same arguments.
# Arguments: directory, then those of configure (NAME=VALUE too).
tw_configure() {
    local dir=$1
    shift
    mkdir -p "$dir"
    if [ ! -e "$dir/config.status" ] || [ "$dir/config.status" -ot "$tw_root/configure" ] ||
        [ "$(cat "$dir/.configured-with" 2>/dev/null)" != "$*" ]; then
        rm -f "$dir/.configured-with"
        # A change of compiler or flags makes the objects of the old ones worthless.
        if [ -e "$dir/Makefile" ] && [ -e "$dir/.was-configured-with" ] &&
            [ "$(cat "$dir/.was-configured-with")" != "$*" ]; then
            make -C "$dir" -s clean >/dev/null 2>&1 || true
        fi
        (cd "$dir" && "$tw_root/configure" --quiet "$@") || return 1
        printf '%s\n' "$*" >"$dir/.configured-with"
        printf '%s\n' "$*" >"$dir/.was-configured-with"
    fi
}

# Configure and make a directory, one at a time over the whole source tree (the build rules may
# write configure and Makefile.in there). Arguments: directory, targets as one word, configure's.
tw_build() {
    local dir=$1 targets=$2 target
    shift 2
    (
        tw_lock 8 build "build"
        tw_autogen || exit 1
        tw_configure "$dir" "$@" || exit 1
        # One after the other: "all" is made by a make of its own, which would race with the rest.
        for target in $targets; do
            make -C "$dir" -s --no-print-directory -j"$tw_jobs" "$target" || exit 1
        done
    )
}

# The release build: what script/build leaves and script/demo, bench and the system tests use.
tw_build_release() {
    tw_build "$tw_root/build" "${1:-all}" --enable-werror CC=gcc CFLAGS="-O2 -g"
}
