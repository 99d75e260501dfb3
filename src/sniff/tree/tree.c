/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/tree/tree.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "sniff/wire/ip.h"

#include <inttypes.h>

#define NS_PER_S 1000000000

static const struct {
    const char *name, *label;
    enum nj_field_type type;
} fields[] = {
#define NJ_FIELD(id, field_name, field_type, field_label)                                          \
    [NJ_FIELD_##id] = {field_name, field_label, NJ_FIELD_TYPE_##field_type},
#include "sniff/tree/field.def"
#undef NJ_FIELD
};

enum nj_field_type
nj_field_type(enum nj_field field)
{
    return fields[field].type;
}

const char *
nj_field_name(enum nj_field field)
{
    return fields[field].name;
}

const char *
nj_field_label(enum nj_field field)
{
    return fields[field].label;
}

bool
nj_field_is_layer(enum nj_field field)
{
    return fields[field].type == NJ_FIELD_TYPE_LAYER;
}

bool
nj_field_is_hidden(enum nj_field field)
{
    return fields[field].label[0] == '\0';
}

bool
nj_field_is_ours(enum nj_field field)
{
    static const char prefix[] = "nightjar.";

    return strncmp(fields[field].name, prefix, sizeof(prefix) - 1) == 0;
}

bool
nj_field_find(struct nj_str name, enum nj_field *out, const char **nearest)
{
    struct nj_nearest near = nj_nearest_to(name);

    for (unsigned i = 0; i < NJ_FIELD_COUNT; i++) {
        if (nj_str_eq(name, nj_str_of(fields[i].name))) {
            *out = (enum nj_field)i;
            return true;
        }
        nj_nearest_try(&near, fields[i].name);
    }
    *nearest = near.name;
    return false;
}

struct nj_kept {
    struct nj_kept *after;
    char bytes[];
};

static void
free_kept(struct nj_tree *t)
{
    while (t->kept != NULL) {
        struct nj_kept *first = t->kept;

        t->kept = first->after;
        nj_free(first);
    }
    t->kept_bytes = 0;
}

struct nj_str
nj_tree_keep(struct nj_tree *t, struct nj_str s)
{
    struct nj_kept *k = NULL;

    if (s.n == 0)
        return s;
    if (s.n <= NJ_TREE_KEPT_MAX - t->kept_bytes)
        k = nj_alloc(sizeof(*k) + s.n);
    if (k == NULL) {
        t->is_full = true;
        return (struct nj_str){"", 0};
    }
    memcpy(k->bytes, s.p, s.n);
    k->after = t->kept;
    t->kept = k;
    t->kept_bytes += s.n;
    return (struct nj_str){k->bytes, s.n};
}

void
nj_tree_fini(struct nj_tree *t)
{
    free_kept(t);
    nj_free(t->item);
    *t = (struct nj_tree){0};
}

void
nj_tree_clear(struct nj_tree *t)
{
    free_kept(t);
    t->count = 0;
    t->is_full = false;
    t->depth = 0;
}

static void
add(struct nj_tree *t, const struct nj_item *item)
{
    if (t->count == NJ_TREE_ITEMS_MAX ||
        !nj_array_grow((void **)&t->item, &t->capacity, t->count, sizeof(*t->item))) {
        t->is_full = true;
        return;
    }
    t->item[t->count++] = *item;
}

void
nj_tree_number(struct nj_tree *t, enum nj_field field, uint64_t number, struct nj_str range)
{
    add(t, &(struct nj_item){
               .field = (uint16_t)field, .depth = t->depth, .number = number, .range = range});
}

void
nj_tree_bytes(struct nj_tree *t, enum nj_field field, struct nj_str range)
{
    nj_tree_number(t, field, 0, range);
}

void
nj_tree_bits(struct nj_tree *t, enum nj_field field, struct nj_str header, size_t at, size_t n,
             uint64_t mask)
{
    uint64_t number = 0;

    if (at > header.n || header.n - at < n)
        return;
    for (size_t i = at; i < at + n; i++)
        number = number << 8 | (uint8_t)header.p[i];
    nj_tree_number(t, field, (number & mask) / (mask & -mask), (struct nj_str){header.p + at, n});
}

void
nj_tree_read(struct nj_tree *t, enum nj_field field, struct nj_str header, size_t at, size_t n)
{
    nj_tree_bits(t, field, header, at, n, UINT64_MAX);
}

void
nj_tree_infer(struct nj_tree *t)
{
    if (t->count > 0)
        t->item[t->count - 1].is_inferred = true;
}

static void
put_seconds(struct nj_text *out, int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

    nj_text_putf(out, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "", size / NS_PER_S,
                 size % NS_PER_S);
}

static void
put_value(struct nj_text *out, const struct nj_item *item, bool is_for_people)
{
    char address[NJ_IP_TEXT_BYTES];

    switch (fields[item->field].type) {
    case NJ_FIELD_TYPE_LAYER:
        nj_text_put(out, nj_str_of(fields[item->field].label));
        if (item->range.n > 0)
            nj_text_putf(out, ", %" NJ_STR_FMT, NJ_STR_ARG(item->range));
        break;
    case NJ_FIELD_TYPE_NONE:
        nj_text_put(out, is_for_people ? NJ_STR("") : NJ_STR("1"));
        break;
    case NJ_FIELD_TYPE_NUMBER:
        nj_text_putf(out, "%" PRIu64, item->number);
        break;
    case NJ_FIELD_TYPE_HEX8:
        nj_text_putf(out, "0x%02" PRIx64, item->number);
        break;
    case NJ_FIELD_TYPE_HEX16:
        nj_text_putf(out, "0x%04" PRIx64, item->number);
        break;
    case NJ_FIELD_TYPE_HEX24:
        nj_text_putf(out, "0x%06" PRIx64, item->number);
        break;
    case NJ_FIELD_TYPE_HEX32:
        nj_text_putf(out, "0x%08" PRIx64, item->number);
        break;
    case NJ_FIELD_TYPE_SIGNED:
        nj_text_putf(out, "%" PRId64, (int64_t)item->number);
        break;
    case NJ_FIELD_TYPE_TEXT:
        nj_text_put_foreign(out, item->range);
        break;
    case NJ_FIELD_TYPE_BYTES:
        if (item->range.n == 0 && !is_for_people)
            nj_text_put(out, NJ_STR("<MISSING>")); /* tshark's word, which tells it from no field */
        nj_text_put_hex(out, item->range, is_for_people ? ':' : '\0');
        break;
    case NJ_FIELD_TYPE_ADDRESS:
        nj_ip_address_text(item->range, address);
        nj_text_put(out, nj_str_of(address));
        break;
    case NJ_FIELD_TYPE_ETHER:
        nj_text_put_hex(out, item->range, ':');
        break;
    case NJ_FIELD_TYPE_SECONDS:
        put_seconds(out, (int64_t)item->number);
        break;
    case NJ_FIELD_TYPE_TIME:
        nj_text_put_time(out, (int64_t)item->number);
        break;
    }
}

void
nj_item_put_shown(struct nj_text *out, const struct nj_item *item)
{
    put_value(out, item, true);
}

#define LINE_BYTES_MAX 36u /* as Wireshark */

void
nj_item_put_line(struct nj_text *out, const struct nj_item *item)
{
    struct nj_str bytes = item->range;

    switch (fields[item->field].type) {
    case NJ_FIELD_TYPE_BYTES:
        if (bytes.n == 0)
            nj_text_put(out, NJ_STR("<MISSING>"));
        bytes.n = NJ_MIN(bytes.n, LINE_BYTES_MAX);
        nj_text_put_hex(out, bytes, '\0');
        if (bytes.n < item->range.n)
            nj_text_put(out, NJ_STR("\xe2\x80\xa6"));
        break;
    case NJ_FIELD_TYPE_SECONDS:
        put_seconds(out, (int64_t)item->number);
        nj_text_put(out, NJ_STR(" seconds"));
        break;
    case NJ_FIELD_TYPE_TEXT:
        nj_text_put_shown(out, item->range);
        break;
    default:
        put_value(out, item, true);
        break;
    }
}

void
nj_item_put_plain(struct nj_text *out, const struct nj_item *item)
{
    put_value(out, item, false);
}
