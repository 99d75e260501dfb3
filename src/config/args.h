/* SPDX-License-Identifier: Apache-2.0 */
/* args.h — the table of the command line's options, for parser and manual. Private to this room. */
#ifndef NJ_CONFIG_ARGS_H
#define NJ_CONFIG_ARGS_H

#include <stddef.h>

struct nj_flag {
    const char *letter; /* "-c"; NULL: there is none */
    const char *name;   /* "--config-file" */
    const char *takes;  /* what follows; NULL: nothing */
    const char *text;
};

extern const struct nj_flag nj_flags[];
extern const size_t nj_flag_count;

#endif
