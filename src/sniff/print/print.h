/* SPDX-License-Identifier: Apache-2.0 */
/* print.h — a dissected frame as a line: of the list, of chosen fields, or as JSON with all of
 * them. */
#ifndef NJ_SNIFF_PRINT_H
#define NJ_SNIFF_PRINT_H

#include "base/err.h"
#include "sniff/dissector.h"

#include <stdio.h>

/* What the list's times count from, or which clock they are of. */
enum nj_time_form {
    NJ_TIME_RELATIVE,    /* since the first frame */
    NJ_TIME_DELTA,       /* since the frame before */
    NJ_TIME_DELTA_SHOWN, /* since the one that was printed before */
    NJ_TIME_LOCAL,
    NJ_TIME_LOCAL_DATE,
    NJ_TIME_UTC,
    NJ_TIME_UTC_DATE,
    NJ_TIME_EPOCH, /* seconds since 1970 */
};

/* By tshark's letters or in a word: r relative, d delta, dd, a absolute, ad, u utc, ud, e epoch. */
bool nj_time_form_find(const char *name, enum nj_time_form *out);

/* No., time, source, destination, protocol, length, info, as tshark prints them; in color by what
 * it is: MQTT, what carries it, what is encrypted, what is wrong. Behind that, in brackets, what
 * tshark does not tell: the nightjar.* fields. `line` is the caller's, to be used again. */
void nj_print_row(FILE *out, const struct nj_dissected *d, enum nj_time_form form, bool is_colored,
                  struct nj_text *line);

/* All fields, a line each, and a blank line at the end. `line` is the caller's, to be used again;
 * `has_vendors`: addresses of Ethernet begin with who made the card (vendor.h). */
void nj_print_tree(FILE *out, const struct nj_dissected *d, bool has_vendors, struct nj_text *line);
/* The bytes of the frame, 16 a line, in hexadecimal and as ASCII, and a blank line. */
void nj_print_hex(FILE *out, struct nj_str bytes);

/* Which of several values of a field are printed. */
enum nj_occurrence {
    NJ_OCCURRENCE_ALL,
    NJ_OCCURRENCE_FIRST,
    NJ_OCCURRENCE_LAST,
};

struct nj_fields_opts {
    bool has_header;
    char separator;  /* between fields; a tab where it is '\0' */
    char aggregator; /* between values of one; a comma where it is '\0' */
    char quote;      /* '\0': none */
    enum nj_occurrence occurrence;
};

/* A printer of chosen fields. */
struct nj_fields;

NJ_NODISCARD enum nj_err nj_fields_new(struct nj_fields **out, const struct nj_fields_opts *opts);
void nj_fields_free(struct nj_fields *f);
/* One more column, by the field's name; NJ_EINVAL and a diag when there is no such field. */
NJ_NODISCARD enum nj_err nj_fields_add(struct nj_fields *f, struct nj_str name,
                                       struct nj_diag *diag);
void nj_fields_print_header(const struct nj_fields *f, FILE *out);
void nj_fields_print(struct nj_fields *f, FILE *out, const struct nj_dissected *d);

/* One object on one line: the row, and the layers with their fields as [name, shown value]. False
 * without memory. */
bool nj_print_json(FILE *out, const struct nj_dissected *d);

#endif
