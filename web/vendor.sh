#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copy what the pages stand on from its npm package into the tree of files that is served and
# distributed. Run by make where it is missing or older than web/package-lock.json; a released
# archive has it already.
# Usage: web/vendor.sh SOURCE_DIRECTORY
set -eu
cd "$1/web"
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed
fi
mkdir -p ui/vendor/directives
for file in lit-html.js directive.js directive-helpers.js directives/live.js \
    directives/repeat.js; do
    # Without the names of source maps, which are not served.
    sed '/^\/\/# sourceMappingURL=/d' "node_modules/lit-html/$file" >"ui/vendor/$file.new"
    mv "ui/vendor/$file.new" "ui/vendor/$file"
done
