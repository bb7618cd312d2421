# SPDX-License-Identifier: Apache-2.0
"""TAP for the tests in Python: one line a case, the plan at the end, diagnostics as comments."""

import sys
import traceback


class Tap:
    """with Tap() as tap: tap.ok(...); tap.equal(...). Leaving it writes the plan; an exception
    is a failed case. The process exits 1 when a case failed."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def _line(self, good, name, suffix=""):
        self.count += 1
        if not good:
            self.failed += 1
        print("%s %d - %s%s" % ("ok" if good else "not ok", self.count,
                                name.replace("#", ""), suffix), flush=True)

    def note(self, text):
        """A comment for the person who reads the log."""
        for line in str(text).splitlines():
            print("# " + line, flush=True)

    def ok(self, good, name, detail=None):
        """One case. `detail` is shown when it failed."""
        self._line(bool(good), name)
        if not good and detail is not None:
            self.note(detail)
        return bool(good)

    def equal(self, got, wanted, name):
        """One case: both are equal."""
        return self.ok(got == wanted, name, "got    %r\nwanted %r" % (got, wanted))

    def skip(self, name, why):
        """A case that cannot run here; never counts as passed."""
        self._line(True, name, " # SKIP " + why)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and issubclass(kind, Exception):
            self._line(False, "ended by an exception: " + kind.__name__)
            self.note("".join(traceback.format_exception(kind, error, trace)))
        elif kind is not None:
            return False
        print("1..%d" % self.count, flush=True)
        sys.exit(1 if self.failed else 0)
