/* SPDX-License-Identifier: Apache-2.0
 * Error codes of the whole program and what they say.
 * Every function that can fail returns TW_OK (0) or one of these negative codes; tw_err_text()
 * gives the sentence. A struct tw_diag carries what, where and which value to the person who can
 * mend it. Thread: all; nothing here has state.
 */
#ifndef TW_CORE_ERR_H
#define TW_CORE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* X(name, value, text) */
#define TW_ERRORS(X)                                \
    X(OK, 0, "no error")                            \
    X(ENOMEM, -1, "out of memory")                  \
    X(EINVAL, -2, "not a valid value")              \
    X(ELIMIT, -3, "a limit is reached")             \
    X(ENOTFOUND, -4, "not found")                   \
    X(EEXISTS, -5, "exists already")                \
    X(EAGAIN, -6, "not now, try again")             \
    X(ECLOSED, -7, "closed")                        \
    X(ETIMEOUT, -8, "the deadline has passed")      \
    X(EIO, -9, "input or output failed")            \
    X(ENOSPACE, -10, "no space left on the disk")   \
    X(EPERM, -11, "not permitted")                  \
    X(EBUSY, -12, "in use by somebody else")        \
    X(EDAMAGED, -13, "damaged data")                \
    X(EFOREIGN, -14, "not a Tillwatch file")        \
    X(ENEWER, -15, "written by a newer version")    \
    X(ESYNTAX, -16, "not well formed")              \
    X(ECONFIG, -17, "the configuration has faults") \
    X(ESYSTEM, -18, "a system call failed")         \
    X(EOLDER, -19, "not yet brought to this version")

enum tw_err {
#define TW_ERR_ENUM(name, value, text) TW_##name = (value),
    TW_ERRORS(TW_ERR_ENUM)
#undef TW_ERR_ENUM
};

/* The sentence of a code; never NULL. Returns borrowed for ever. */
const char *tw_err_text(int code);

/* What is wrong, for a person. Embedded and reused; no destructor. */
struct tw_diag {
    char text[512]; /* one line, no newline, control bytes escaped */
};

/* Set `diag` (may be NULL: nothing happens) from a format; cut at its size; bytes below 0x20 and
 * 0x7f become '?'. Returns `code`, so that a caller can write: return tw_diag_set(d, TW_EIO, ...).
 */
int tw_diag_set(struct tw_diag *diag, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The text of an errno value, thread-safe (strerror_r). Writes into `buf`, returns `buf`. */
const char *tw_errno_text(int errno_value, char *buf, size_t size);

/* Programmer errors only; stays in release builds. Input, disk, network and memory are none. */
#define TW_ASSERT(cond)                                            \
    do {                                                           \
        if (!(cond)) {                                             \
            tw_assert_failed(#cond, __FILE__, __LINE__, __func__); \
        }                                                          \
    } while (0)
_Noreturn void tw_assert_failed(const char *cond, const char *file, int line, const char *func);

#endif
