/* SPDX-License-Identifier: Apache-2.0 */
#include "client/props.h"

#include "base/mem.h"
#include "mqtt/packet.h"

/* What is on its way to a packet: the encoded block grows at its end. */
struct nj_client_property_list {
    uint8_t *p;
    size_t n, cap;
};

enum nj_cause
nj_props_check(struct nj_client_properties block, uint32_t packets, struct nj_properties *numbers)
{
    uint8_t small[512];
    uint8_t *whole = small;
    enum nj_cause cause;

    *numbers = (struct nj_properties){0};
    if (block.n == 0)
        return NJ_CAUSE_NONE;
    if (block.n > NJ_VARINT_MAX_VALUE)
        return NJ_CAUSE_PACKET_TOO_LARGE;
    /* The decoder wants the length in front. */
    if (block.n + 4 > sizeof(small)) {
        whole = nj_alloc(block.n + 4);
        if (whole == NULL)
            return NJ_CAUSE_OUT_OF_MEMORY;
    }
    struct nj_writer w = nj_writer_of(whole, block.n + 4);
    nj_varint_write(&w, (uint32_t)block.n);
    nj_write_bytes(&w, nj_props_str(block));
    struct nj_reader r = nj_reader_of((struct nj_str){(char *)whole, (size_t)(w.p - whole)});
    struct nj_properties parsed = {0};
    cause = nj_properties_decode(&r, packets, &parsed);
    if (whole != small)
        nj_free(whole);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    *numbers = parsed;
    numbers->block = numbers->content_type = numbers->response_topic = numbers->correlation_data =
        numbers->assigned_client_identifier = numbers->authentication_method =
            numbers->authentication_data = numbers->response_information =
                numbers->server_reference = numbers->reason_string = (struct nj_str){NULL, 0};
    return NJ_CAUSE_NONE;
}

bool
nj_client_property_next(struct nj_client_properties *rest, struct nj_client_property *out)
{
    struct nj_reader r = nj_reader_of(nj_props_str(*rest));
    struct nj_property_view view;

    if (rest->n == 0 || !nj_property_next(&r, &view)) {
        rest->n = 0;
        return false;
    }
    *out = (struct nj_client_property){
        .id = view.id,
        .number = view.number,
        .key = view.key.p,
        .key_n = view.key.n,
        .value = view.value.p,
        .value_n = view.value.n,
    };
    *rest = (struct nj_client_properties){r.p, nj_reader_left(&r)};
    return true;
}

/* ---- lists ---- */

static bool
has_bytes(unsigned id)
{
    return nj_property_name(id) != NULL && nj_property_maximum(id) == 0 &&
           id != NJ_PROPERTY_USER_PROPERTY;
}

struct nj_client_property_list *
nj_client_property_list_new(void)
{
    return nj_zalloc(sizeof(struct nj_client_property_list));
}

void
nj_client_property_list_free(struct nj_client_property_list *list)
{
    if (list == NULL)
        return;
    nj_free(list->p);
    nj_free(list);
}

/* A writer over n more bytes; `is_full` without memory. */
static struct nj_writer
extend(struct nj_client_property_list *list, size_t n)
{
    size_t cap = list->cap > 0 ? list->cap : 64;
    uint8_t *p;

    while (cap - list->n < n)
        cap *= 2;
    if (cap > list->cap) {
        p = nj_realloc(list->p, cap);
        if (p == NULL)
            return (struct nj_writer){NULL, NULL, true};
        list->p = p;
        list->cap = cap;
    }
    return nj_writer_of(list->p + list->n, n);
}

static enum nj_client_err
extended(struct nj_client_property_list *list, const struct nj_writer *w)
{
    if (w->is_full)
        return w->p == NULL ? NJ_CLIENT_ENOMEM : NJ_CLIENT_EINVAL;
    list->n = (size_t)(w->p - list->p);
    return NJ_CLIENT_OK;
}

enum nj_client_err
nj_client_property_add_number(struct nj_client_property_list *list, unsigned id, uint32_t value)
{
    if (nj_property_maximum(id) == 0)
        return NJ_CLIENT_EINVAL;
    struct nj_writer w = extend(list, 5);
    if (!w.is_full)
        nj_property_put_number(&w, (enum nj_property)id, value);
    return extended(list, &w);
}

enum nj_client_err
nj_client_property_add_bytes(struct nj_client_property_list *list, unsigned id, const void *value,
                             size_t value_n)
{
    if (!has_bytes(id) || value_n > UINT16_MAX)
        return NJ_CLIENT_EINVAL;
    struct nj_writer w = extend(list, value_n + 3);
    if (!w.is_full)
        nj_property_put_string(&w, (enum nj_property)id, (struct nj_str){value, value_n});
    return extended(list, &w);
}

enum nj_client_err
nj_client_property_add_pair(struct nj_client_property_list *list, const char *key, size_t key_n,
                            const char *value, size_t value_n)
{
    if (key_n > UINT16_MAX || value_n > UINT16_MAX)
        return NJ_CLIENT_EINVAL;
    struct nj_writer w = extend(list, key_n + value_n + 5);
    if (!w.is_full)
        nj_property_put_pair(&w, (struct nj_str){key, key_n}, (struct nj_str){value, value_n});
    return extended(list, &w);
}

struct nj_client_properties
nj_client_property_list_view(const struct nj_client_property_list *list)
{
    return list != NULL ? (struct nj_client_properties){list->p, list->n}
                        : (struct nj_client_properties){NULL, 0};
}
