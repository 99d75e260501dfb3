/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

_Atomic uint32_t nj_log_types = NJ_LOG_DEFAULT;

void
nj_log_line(enum nj_log_type type, const char *fmt, ...)
{
    char line[1000];
    va_list ap;

    (void)type;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "%s\n", line);
}
