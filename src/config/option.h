/* SPDX-License-Identifier: Apache-2.0 */
/* option.h — the table of directives (options.def) as the parser, the checker, the manual and the
 * tests read it. Private to this room. */
#ifndef NJ_CONFIG_OPTION_H
#define NJ_CONFIG_OPTION_H

#include "base/err.h"
#include "base/str.h"

struct nj_draft;
struct nj_option;

enum nj_option_scope {
    NJ_SCOPE_GLOBAL,
    NJ_SCOPE_LISTENER,         /* the current listener, which must have been begun */
    NJ_SCOPE_DEFAULT_LISTENER, /* the current listener, or else one that is made for it */
    NJ_SCOPE_SECURITY,         /* global; with Mosquitto's per_listener_settings, of a listener */
    NJ_SCOPE_BRIDGE,
    NJ_SCOPE_PLUGIN,
};

enum nj_option_type {
    NJ_TYPE_ANY,    /* whatever stands there is not looked at */
    NJ_TYPE_BOOL,   /* true, false, 1, 0 */
    NJ_TYPE_INT,    /* decimal, 0x…, 0…; fits an int */
    NJ_TYPE_WIDE,   /* the same, 64 bits wide */
    NJ_TYPE_STRING, /* the rest of the line */
    NJ_TYPE_WORDS,  /* words whose meaning `set` knows */
};

enum nj_option_status {
    NJ_STATUS_NOW,
    NJ_STATUS_LATER,   /* refused, unless its value is `accepts` */
    NJ_STATUS_IGNORED, /* checked, and then said to have no effect, in the words of `notice` */
};

/* A setter has read nothing yet: `value` is the line behind the name and one space. */
typedef enum nj_err nj_option_set(struct nj_draft *draft, const struct nj_option *option,
                                  const char *as, struct nj_str value, struct nj_diag *diag);

struct nj_option {
    const char *name;
    const char *alias; /* means the same; NULL: there is none */
    bool is_prefix;    /* name and alias are the beginnings of names */
    const char *opens; /* the section of the manual that begins here; NULL: none does */
    enum nj_option_scope scope;

    enum nj_option_type type;
    const char *form; /* how the value is written, for people: "seconds", "PATH", "a | b" */
    long long min, max;
    const char *wrong; /* instead of "Error: Invalid '…' value (…)." for a number out of range */
    bool is_unlimited_from_zero; /* a number below 1 means "no limit", and is stored as all ones */
    bool is_zero_from_negative;
    bool is_last_wins; /* text may be given again; else that is an error */

    const char *initial; /* the default, as it would be written; NULL: there is none, */
    const char *shown;   /* or this is said of it */
    bool is_fixed;       /* while the broker runs */

    enum nj_option_status status;
    const char *accepts;    /* the value that asks for what already is; NULL: there is none */
    const char *notice;     /* said when it occurs; NULL: nothing */
    const char *deprecated; /* what to do instead, for Mosquitto's notice; NULL: it is not */

    /* Where it goes: in struct nj_config, or for a listener's in struct nj_listener_opts. 0 bytes:
     * nowhere, or only `set` knows. */
    size_t offset, bytes;
    nj_option_set *set; /* NULL: by type */

    const char *text; /* for the manual: what it does, in a sentence or two */
};

extern const struct nj_option nj_options[];
extern const size_t nj_option_count;

/* By name, alias or prefix; NULL: there is none. */
const struct nj_option *nj_option_find(struct nj_str name);
/* The known name that was probably meant; NULL: nothing is near. Static. */
const char *nj_option_nearest(struct nj_str name);

/* Is it one of those that stand behind a `listener` line? */
static inline bool
nj_option_is_of_listener(const struct nj_option *o)
{
    return o->scope == NJ_SCOPE_LISTENER || o->scope == NJ_SCOPE_DEFAULT_LISTENER;
}

#endif
