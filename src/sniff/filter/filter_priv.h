/* SPDX-License-Identifier: Apache-2.0 */
/* filter_priv.h — the parts of a display filter.
 *
 *     text → filter_lex.c → tokens → filter_parse.c → nodes → filter.c asks them of a frame
 *                                      filter_value.c: what a field is compared with
 *                                      filter_regex.c: `matches` */
#ifndef NJ_SNIFF_FILTER_PRIV_H
#define NJ_SNIFF_FILTER_PRIV_H

#include "sniff/filter/filter.h"

/* ---- filter_lex.c ---- */

enum nj_dfilter_kind {
    NJ_DFILTER_END,
    NJ_DFILTER_WORD,   /* a field, or a value without quotes */
    NJ_DFILTER_STRING, /* between quotes */
    NJ_DFILTER_OPEN,
    NJ_DFILTER_CLOSE,
    NJ_DFILTER_SET_OPEN,
    NJ_DFILTER_SET_CLOSE,
    NJ_DFILTER_COMMA,
    NJ_DFILTER_TO,
    NJ_DFILTER_RELATION,
    NJ_DFILTER_AND,
    NJ_DFILTER_OR,
    NJ_DFILTER_NOT,
};

enum nj_dfilter_relation {
    NJ_DFILTER_IS_THERE, /* no token */
    NJ_DFILTER_EQ,
    NJ_DFILTER_NE,
    NJ_DFILTER_GT,
    NJ_DFILTER_GE,
    NJ_DFILTER_LT,
    NJ_DFILTER_LE,
    NJ_DFILTER_CONTAINS,
    NJ_DFILTER_MATCHES,
    NJ_DFILTER_IN,
};

struct nj_dfilter_token {
    enum nj_dfilter_kind kind;
    enum nj_dfilter_relation relation; /* of RELATION */
    bool is_of_all;                    /* of RELATION: every value has to fit */
    struct nj_str raw;                 /* as it stands in the text */
    struct nj_str bytes;               /* of STRING: without its quotes and escapes */
};

struct nj_dfilter_lexer {
    struct nj_str text;
    size_t at;
    char *room; /* text.n bytes, for strings; the next one goes to `room` */
    struct nj_diag *diag;
    bool is_out_of_memory;
};

/* False: it is no token, and the diag says why. */
bool nj_dfilter_lex(struct nj_dfilter_lexer *l, struct nj_dfilter_token *out);
/* Fills the diag, and shows `where`, a part of the text, in it. Returns false. */
bool nj_dfilter_mistake(const struct nj_dfilter_lexer *l, struct nj_str where, const char *fmt, ...)
    NJ_PRINTF(3, 4);

/* ---- filter_value.c ---- */

/* What the values of a field are. */
enum nj_dfilter_type {
    NJ_DFILTER_LAYER,
    NJ_DFILTER_NOTHING,
    NJ_DFILTER_NUMBER,
    NJ_DFILTER_TEXT,
    NJ_DFILTER_BYTES,
    NJ_DFILTER_IPV4,
    NJ_DFILTER_IPV6,
    NJ_DFILTER_ETHER,
    NJ_DFILTER_SECONDS,
};

enum nj_dfilter_type nj_dfilter_type_of(enum nj_field field);

struct nj_dfilter_value {
    uint64_t number;     /* SECONDS: nanoseconds, an int64_t */
    struct nj_str bytes; /* of what is no number; NULL: they are `own` */
    uint8_t own[16];
    uint8_t own_bytes;
    uint8_t prefix; /* bits of an address that count; 0xff: all */
};

/* What a token says for a field of this type; false: nothing, and the diag says so. */
bool nj_dfilter_value_read(struct nj_dfilter_lexer *l, const struct nj_dfilter_token *t,
                           enum nj_dfilter_type type, struct nj_dfilter_value *out);
/* An item's value; `scratch` keeps text. */
struct nj_dfilter_value nj_dfilter_value_of(const struct nj_item *item, enum nj_dfilter_type type,
                                            struct nj_text *scratch);
struct nj_str nj_dfilter_value_bytes(const struct nj_dfilter_value *v);
/* -1, 0, 1. */
int nj_dfilter_value_compare(const struct nj_dfilter_value *a, const struct nj_dfilter_value *b,
                             enum nj_dfilter_type type);

/* ---- filter_regex.c ---- */

struct nj_dfilter_regex;

enum nj_dfilter_found {
    NJ_DFILTER_NOT_FOUND,
    NJ_DFILTER_FOUND,
    NJ_DFILTER_GIVEN_UP,
};

/* NJ_EINVAL: the diag says why. */
NJ_NODISCARD enum nj_err nj_dfilter_regex_new(struct nj_dfilter_regex **out, struct nj_str pattern,
                                              struct nj_diag *diag);
void nj_dfilter_regex_free(struct nj_dfilter_regex *r);
enum nj_dfilter_found nj_dfilter_regex_search(struct nj_dfilter_regex *r, struct nj_str subject);

/* ---- filter_parse.c ---- */

enum nj_dfilter_node_kind {
    NJ_DFILTER_NODE_AND, /* of its parts */
    NJ_DFILTER_NODE_OR,
    NJ_DFILTER_NODE_NOT,
    NJ_DFILTER_NODE_TEST,
};

struct nj_dfilter_field {
    enum nj_field field;
    enum nj_dfilter_type type;
};

struct nj_dfilter_node {
    enum nj_dfilter_node_kind kind;
    uint32_t first, next; /* its first part and its next sibling, from 1; 0: none */
    /* of TEST */
    enum nj_dfilter_relation relation;
    bool is_of_all;
    bool is_between_fields;
    struct nj_dfilter_field left, right;
    uint32_t value, values; /* the first and how many; of IN they are pairs */
    struct nj_dfilter_regex *regex;
};

struct nj_dfilter {
    struct nj_dfilter_node *node;
    size_t nodes, node_capacity;
    struct nj_dfilter_value *value;
    size_t values, value_capacity;
    uint32_t root;                    /* 0: all pass */
    char *room;                       /* of strings */
    struct nj_text of_left, of_right; /* text of items; of all on the right */
    struct nj_dfilter_value *right;   /* of a test of field against field */
    size_t rights, right_capacity;
    uint64_t given_up;
};

/* Its nodes from the text; false: the diag says why not. */
bool nj_dfilter_parse(struct nj_dfilter *f, struct nj_dfilter_lexer *l);

#endif
