/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

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
