/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tw_err_text(int code)
{
    switch (code) {
#define TW_ERR_CASE(name, value, text) \
    case value:                        \
        return text;
        TW_ERRORS(TW_ERR_CASE)
#undef TW_ERR_CASE
    default:
        return "unknown error";
    }
}

int tw_diag_set(struct tw_diag *diag, int code, const char *format, ...)
{
    if (diag != NULL) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(diag->text, sizeof diag->text, format, args); /* cut is allowed */
        va_end(args);
        for (unsigned char *p = (unsigned char *)diag->text; *p != '\0'; p++) {
            if (*p < 0x20 || *p == 0x7f) {
                *p = '?';
            }
        }
    }
    return code;
}

const char *tw_errno_text(int errno_value, char *buf, size_t size)
{
    const char *text = strerror_r(errno_value, buf, size); /* the GNU one */
    if (text != buf) {
        (void)snprintf(buf, size, "%s", text);
    }
    return buf;
}

_Noreturn void tw_assert_failed(const char *cond, const char *file, int line, const char *func)
{
    (void)fprintf(stderr, "assertion failed: %s (%s:%d, %s)\n", cond, file, line, func);
    abort();
}
