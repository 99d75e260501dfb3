/* SPDX-License-Identifier: Apache-2.0 */
/* The twin of slab.c that keeps nothing: for the sanitizers, which watch the heap. */
#include "base/slab.h"

#include "base/mem.h"

void *
nj_slab_alloc(size_t bytes)
{
    return nj_alloc(bytes);
}

void
nj_slab_free(void *p, size_t bytes)
{
    (void)bytes;
    nj_free(p);
}

void
nj_slab_leave(void)
{
}
