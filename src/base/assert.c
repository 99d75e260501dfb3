/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void
nj_assert_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "nightjar: internal error: %s does not hold at %s:%d\n", what, file,
                  line);
    abort();
}
