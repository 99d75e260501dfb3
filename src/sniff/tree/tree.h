/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h — the fields of one frame, in the order in which they stand there, each with its depth and
 * the bytes it was read from.
 *
 * An item borrows: its bytes lie in the frame, in a flow's buffer or in static memory, and live
 * until the next frame. Bounded: NJ_TREE_ITEMS_MAX items; beyond that `is_full` is set and nothing
 * is added. */
#ifndef NJ_SNIFF_TREE_H
#define NJ_SNIFF_TREE_H

#include "sniff/tree/text.h"

#define NJ_TREE_ITEMS_MAX (1u << 20)
#define NJ_TREE_KEPT_MAX  (16u << 20)

enum nj_field {
#define NJ_FIELD(id, name, type, label) NJ_FIELD_##id,
#include "sniff/tree/field.def"
#undef NJ_FIELD
    NJ_FIELD_COUNT
};

/* What field.def says of its values. */
enum nj_field_type {
    NJ_FIELD_TYPE_LAYER,
    NJ_FIELD_TYPE_NONE,
    NJ_FIELD_TYPE_NUMBER,
    NJ_FIELD_TYPE_HEX8,
    NJ_FIELD_TYPE_HEX16,
    NJ_FIELD_TYPE_HEX24,
    NJ_FIELD_TYPE_HEX32,
    NJ_FIELD_TYPE_SIGNED,
    NJ_FIELD_TYPE_TEXT,
    NJ_FIELD_TYPE_BYTES,
    NJ_FIELD_TYPE_ADDRESS,
    NJ_FIELD_TYPE_ETHER,
    NJ_FIELD_TYPE_SECONDS,
    NJ_FIELD_TYPE_TIME,
};

enum nj_field_type nj_field_type(enum nj_field field);
const char *nj_field_name(enum nj_field field);
const char *nj_field_label(enum nj_field field);
/* False: there is none of that name; *nearest is then the best guess, or NULL. */
bool nj_field_find(struct nj_str name, enum nj_field *out, const char **nearest);
/* Whether it is a protocol, such as "mqtt". */
bool nj_field_is_layer(enum nj_field field);
/* Whether it repeats another one and is not shown to people, such as "ip.addr". */
bool nj_field_is_hidden(enum nj_field field);
/* Whether Wireshark has none like it, such as "nightjar.mqtt.inferred_version". */
bool nj_field_is_ours(enum nj_field field);

struct nj_item {
    uint16_t field; /* an enum nj_field */
    uint16_t depth;
    bool is_inferred;    /* it does not stand among the bytes, but follows from them */
    uint64_t number;     /* of numeric types; SECONDS: nanoseconds */
    struct nj_str range; /* its bytes; the value of TEXT, BYTES and addresses; words on a LAYER */
};

struct nj_tree {
    struct nj_item *item;
    size_t count;
    bool is_full;
    uint16_t depth; /* of what is added next */
    /* private */
    size_t capacity;
    struct nj_kept *kept;
    size_t kept_bytes;
};

void nj_tree_fini(struct nj_tree *t);
void nj_tree_clear(struct nj_tree *t);
void nj_tree_number(struct nj_tree *t, enum nj_field field, uint64_t number, struct nj_str range);
void nj_tree_bytes(struct nj_tree *t, enum nj_field field, struct nj_str range);
/* A big-endian number of n bytes, at most 8, `at` in a header; nothing where the header has fewer.
 */
void nj_tree_read(struct nj_tree *t, enum nj_field field, struct nj_str header, size_t at,
                  size_t n);
/* The bits of it that `mask` has. */
void nj_tree_bits(struct nj_tree *t, enum nj_field field, struct nj_str header, size_t at, size_t n,
                  uint64_t mask);
/* What was added last is inferred. */
void nj_tree_infer(struct nj_tree *t);
/* A copy that lives as long as the items, for what does not. Bounded by NJ_TREE_KEPT_MAX; beyond it
 * `is_full` is set and the copy is empty. */
struct nj_str nj_tree_keep(struct nj_tree *t, struct nj_str s);

/* Its value for people and for machines. They differ where Wireshark's differ: bytes have colons
 * for people, and what is only there or not is empty for people and 1 for machines. */
void nj_item_put_shown(struct nj_text *out, const struct nj_item *item);
/* For people as a part of a line: with its unit, and bytes without colons, the first of them only.
 */
void nj_item_put_line(struct nj_text *out, const struct nj_item *item);
void nj_item_put_plain(struct nj_text *out, const struct nj_item *item);

#endif
