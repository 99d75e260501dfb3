/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
nj_regular_open(const char *path, int flags, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
    int why = 0;

    if (fd < 0)
        return -1;
    if (fstat(fd, st) != 0)
        why = errno;
    else if (S_ISREG(st->st_mode))
        return fd;
    (void)close(fd);
    errno = why;
    return -1;
}

bool
nj_regular_read(int fd, void *to, size_t *n)
{
    size_t room = *n, at = 0;

    while (at < room) {
        ssize_t got = read(fd, (char *)to + at, room - at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    *n = at;
    return true;
}
