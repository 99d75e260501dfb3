/* SPDX-License-Identifier: Apache-2.0 */
/* regular.h — a regular file, opened and read without waiting for anybody but the disk: where a
 * pipe stands in its place, one would wait for whoever writes to it. Thread: any. */
#ifndef NJ_BASE_REGULAR_H
#define NJ_BASE_REGULAR_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/**
 * flags  O_NOFOLLOW, or 0.
 * st     what stands there, wherever it could be opened.
 *
 * A descriptor to be closed, or -1: errno says why, and is 0 where it is something else.
 */
int nj_regular_open(const char *path, int flags, struct stat *st);
/* As much of it as there is room for; *n is the room, then what came. False: errno says why. */
NJ_NODISCARD bool nj_regular_read(int fd, void *to, size_t *n);

#endif
