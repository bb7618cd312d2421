/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: a disk that says it has synced and has not. With it a tower acknowledges what a
 * power cut takes away again, and the power-cut test must notice.
 */
#include "config.h"

#include <unistd.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int fsync(int fd)
{
    (void)fd; /* that is the lie */
    return 0;
}

int fdatasync(int fd)
{
    (void)fd; /* that is the lie */
    return 0;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
