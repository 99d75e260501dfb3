/* SPDX-License-Identifier: Apache-2.0 */
/* client_config_priv.h — between the parts that make a configuration out of words.
 *
 *   options file ─┐                ┌─► client_option.c ─► client_value.c, client_url.c
 *                 ├─► client_walk.c┤
 *   command line ─┘                └─► client_secret.c (what ps may still see)
 *
 * When all words are read, client_check.c says whether they fit together, and client_payload.c
 * reads what is to be sent. */
#ifndef NJ_CMD_CLIENT_CONFIG_PRIV_H
#define NJ_CMD_CLIENT_CONFIG_PRIV_H

#include "cmd/client_config.h"

/* ---- client_option.c ---- */

enum nj_client_option_id {
#define NJ_OPTION(id, ...) NJ_OPTION_##id,
#define NJ_LATER(...)
#include "cmd/client_option.def"
#undef NJ_OPTION
#undef NJ_LATER
    NJ_OPTION_LATER /* of a version to come */
};

struct nj_client_option {
    enum nj_client_option_id id;
    const char *short_name, *long_name;
    unsigned tools;
    bool has_value;
    const char *missing; /* what a lone option is told to lack */
    /* `value` is copied; NULL for a flag. False: said why. */
    bool (*set)(struct nj_client_config *c, const char *value);
};

/* The option that `word` names for one of the tools; NULL: none. */
const struct nj_client_option *nj_client_option_find(unsigned tools, const char *word);

/* ---- client_value.c ---- */

/* Copies of the text. False without memory: said. */
bool nj_client_keep(char **field, const char *text);
bool nj_client_append(struct nj_strings *list, const char *text);
/* A whole number that fits; anything else is LONG_MIN, which is out of every range. */
long nj_client_number(const char *text);
/* A topic's name or filter as `option` may give it; `what` is Mosquitto's word for it. False: said
 * why. */
bool nj_client_check_name(const char *what, const char *option, const char *topic);
bool nj_client_check_filter(const char *what, const char *option, const char *filter);
/* The topic of the tool's message, one more filter of sub's. */
bool nj_client_add_topic(struct nj_client_config *c, const char *option, const char *topic);

/* ---- client_url.c ---- */

/* Of -L. */
bool nj_client_read_url(struct nj_client_config *c, const char *url);
/* The doctor's own word: HOST, HOST:PORT, [ADDRESS]:PORT, an IPv6 address as it is, or a URL. It is
 * taken apart in place. */
bool nj_client_read_host(struct nj_client_config *c, char *word);

/* ---- client_secret.c ---- */

/* What ps shows of a URL, and of a value that is nobody's business. */
void nj_client_hide_url(char *url);
void nj_client_hide_secrets(enum nj_client_option_id id, char *value);

/* ---- client_walk.c ---- */

enum nj_client_walk {
    NJ_WALK_ON,
    NJ_WALK_MISTAKE, /* said */
    NJ_WALK_HELP,
    NJ_WALK_VERSION,
};

/* All words: those of the options file, then those of the command line. */
enum nj_client_walk nj_client_walk(struct nj_client_config *c, int argc, char **argv);

/* ---- client_check.c ---- */

/* Whether the options fit together; fills in the defaults that depend on others. False: said why.
 */
bool nj_client_config_check(struct nj_client_config *c);
/* What a tool says when something it cannot do without is missing; empty: all is there. */
const char *nj_client_missing(const struct nj_client_config *c);

/* ---- client_payload.c ---- */

/* The payload that the options name, in memory. False: said why. */
bool nj_client_load_payload(struct nj_client_config *c);

#endif
