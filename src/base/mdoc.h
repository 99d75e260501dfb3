/* SPDX-License-Identifier: Apache-2.0 */
/* mdoc.h — how every page of the manual begins, in mdoc(7). */
#ifndef NJ_BASE_MDOC_H
#define NJ_BASE_MDOC_H

#include <ctype.h>
#include <stdio.h>

/* The page `name`(`section`), up to the heading NAME, under which the names and the one line come.
 */
static inline void
nj_mdoc_begin(FILE *out, const char *name, int section)
{
    (void)fputs(".Dd November 22, 2026\n.Dt ", out);
    for (const char *p = name; *p != '\0'; p++)
        (void)fputc(toupper((unsigned char)*p), out);
    (void)fprintf(out, " %d\n.Os nightjar\n.Sh NAME\n", section);
}

#endif
