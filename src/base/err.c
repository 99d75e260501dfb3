/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *
nj_err_text(enum nj_err err)
{
    switch (err) {
    case NJ_OK:
        return "success";
    case NJ_ENOMEM:
        return "out of memory";
    case NJ_EQUOTA:
        return "a limit is reached";
    case NJ_ENOFD:
        return "no file descriptor left";
    case NJ_ESYS:
        return "a system call failed";
    case NJ_ECONFIG:
        return "a mistake in the configuration";
    case NJ_EINVAL:
        return "an invalid argument";
    case NJ_ENOENT:
        return "not found";
    case NJ_EEXIST:
        return "already exists";
    case NJ_EUNSUPPORTED:
        return "not supported";
    case NJ_ECLOSED:
        return "connection closed";
    case NJ_ETIMEOUT:
        return "timed out";
    }
    return "unknown";
}

enum nj_err
nj_diag_fail(struct nj_diag *diag, enum nj_err err, const char *fmt, ...)
{
    va_list ap;

    if (diag != NULL) {
        va_start(ap, fmt);
        (void)vsnprintf(diag->text, sizeof(diag->text), fmt, ap);
        va_end(ap);
    }
    return err;
}

void
nj_diag_hint(struct nj_diag *diag, const char *fmt, ...)
{
    va_list ap;

    if (diag == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(diag->hint, sizeof(diag->hint), fmt, ap);
    va_end(ap);
}
