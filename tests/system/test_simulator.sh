#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulator against itself: its ledger against the events it writes. Speaks TAP.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
exec python3 "$here/tests/simulator/check_ledger.py" "${TW_BUILD_DIR:-$here/build}/retail-sim"
