/* SPDX-License-Identifier: Apache-2.0 */
/* form.h — how a field stands in the tree for people: `label: value`, where neither says otherwise.
 *
 *     ...1 .... = Don't fragment: Set            mask, and Set / Not set
 *     Version: MQTT v5.0 (5)                     words for a number
 *     [Stream index: 0]                          inferred: it does not stand among the bytes
 *     Flags: 0x018 (PSH, ACK)                    a line of its own making (put) */
#ifndef NJ_SNIFF_FORM_H
#define NJ_SNIFF_FORM_H

#include "sniff/tree/tree.h"

/* A line in the making: of item `at` of the tree. */
struct nj_line {
    struct nj_text *out;
    const struct nj_tree *tree;
    size_t at;
    const struct nj_item *item;
    bool has_vendors; /* addresses of Ethernet begin with who made the card, where that is known */
};

struct nj_form {
    bool is_inferred;
    bool is_set; /* a bit: its value is Set or Not set */
    unsigned width;
    uint32_t mask; /* of the `width` bits that its range ends with; 0: none */
    const char *(*words)(uint64_t value); /* NULL for what has none; the value follows them */
    /* Everything behind the bits, with the label; NULL: as above. */
    void (*put)(struct nj_line *l);
};

/* Of some layers, never NULL; empty where it is another layer's, or has none: `label: value`. */
const struct nj_form *nj_form_of_link(enum nj_field field);
const struct nj_form *nj_form_of_ip(enum nj_field field);
const struct nj_form *nj_form_of_tcp(enum nj_field field);
const struct nj_form *nj_form_of_tls(enum nj_field field);
const struct nj_form *nj_form_of_certificate(enum nj_field field);
const struct nj_form *nj_form_of_mqtt(enum nj_field field);
const struct nj_form *nj_form_of_websocket(enum nj_field field);

/* The whole of it, instead of what stood in `out`; without the spaces of its depth. */
void nj_line_put(struct nj_line *l);

/* For those that make a line. */
/* The next item of that field within the same layer; NULL: there is none. */
const struct nj_item *nj_line_find(const struct nj_line *l, enum nj_field field);
/* Its number; 0 where there is none. */
uint64_t nj_line_number(const struct nj_line *l, enum nj_field field);
void nj_line_put_label(struct nj_line *l);
/* "Label: True", "Label: False". */
void nj_line_put_truth(struct nj_line *l);
/* "Label: 0x3": a few bits, for which Wireshark writes no more digits than they need. */
void nj_line_put_hex(struct nj_line *l);
/* "...1 .... = ": the bits of `mask` among the last `width` of its range. */
void nj_line_put_bits(struct nj_line *l, unsigned width, uint32_t mask);
/* "1 byte", "2 bytes". */
void nj_line_put_count(struct nj_line *l, uint64_t count, const char *what);
/* The label, the value and what is set in the bits below it: "Flags: 0x82, This, That: three". */
void nj_line_put_summary(struct nj_line *l);

#endif
