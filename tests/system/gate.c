/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: the thread that names itself TW_GATE_THREAD waits before anything else until the
 * FIFO TW_GATE is opened for writing. Until then strace can be attached to it.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int pthread_setname_np(pthread_t thread, const char *name)
{
    (void)thread; /* every thread names itself */
    const char *held = getenv("TW_GATE_THREAD");
    const char *gate = getenv("TW_GATE");
    (void)prctl(PR_SET_NAME, name, 0, 0, 0); /* without it nobody finds the thread: a failed test */
    if (held != NULL && gate != NULL && strcmp(name, held) == 0) {
        (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0,
                    0); /* where only a parent may trace */
        int fd = open(gate, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            (void)close(fd); /* nothing is read */
        }
    }
    return 0;
}
