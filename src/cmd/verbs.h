/* SPDX-License-Identifier: Apache-2.0 */
/* verbs.h — the command line of a command whose first word is a verb: `nightjar pki revoke`,
 * `nightjar bench fanout`. Its verbs and its options are tables; parser, help, manual page and
 * completion come from them. */
#ifndef NJ_CMD_VERBS_H
#define NJ_CMD_VERBS_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct nj_verb {
    const char *name, *operand; /* NULL: takes none; in brackets: it may be left out */
    unsigned bit;
    const char *help;
};

/* What an option makes of the field at its offset. A command adds kinds of its own. */
enum {
    NJ_OPTION_FLAG,   /* bool */
    NJ_OPTION_TEXT,   /* const char *, lent from argv */
    NJ_OPTION_NUMBER, /* uint32_t, from least to most */
    NJ_OPTION_OWN,    /* the first of the command's own */
};

struct nj_option {
    const char *other, *name, *argument; /* "-h", "--host", "host"; NULL: no letter; a flag */
    size_t offset;
    unsigned kind;
    uint32_t least, most;
    unsigned verbs; /* who takes it: a sum of bits */
    const char *help;
};

enum nj_parsed {
    NJ_PARSED_RUN,
    NJ_PARSED_HELPED,  /* the help was asked for, and printed */
    NJ_PARSED_MISTAKE, /* it has been said which */
};

struct nj_verbs {
    const char *command, *kind; /* "pki"; what its verbs are called */
    const char *does, *end;     /* the help's first sentence, and what follows the options */
    const struct nj_verb *verb;
    const struct nj_option *option;
    size_t verb_count, option_count;
    /* The options of its own kinds; `value` may be overwritten. */
    enum nj_parsed (*take)(void *config, const struct nj_option *o, char *value);
};

/* Fill in `config`, and *operand (lent) where there is one. *verb is set once the verb is known. */
enum nj_parsed nj_verbs_parse(const struct nj_verbs *v, void *config, const struct nj_verb **verb,
                              const char **operand, int argc, char **argv);
/* Say it, and where the help is. */
enum nj_parsed nj_verbs_mistake(const struct nj_verbs *v, const char *fmt, ...) NJ_PRINTF(2, 3);

/* All words, one a line, for completion. */
void nj_verbs_print_words(FILE *out, const struct nj_verbs *v);
/* The items of two lists of mdoc. */
void nj_verbs_print_manual_verbs(FILE *out, const struct nj_verbs *v);
void nj_verbs_print_manual_options(FILE *out, const struct nj_verbs *v);

#endif
