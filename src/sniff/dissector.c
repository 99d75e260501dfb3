/* SPDX-License-Identifier: Apache-2.0 */
/* dissector.c — from layer to layer. Each puts its fields into the tree and its words into the row;
 * the last one that understands something has the last word. */
#include "sniff/dissector.h"

#include "base/mem.h"
#include "sniff/dissector_priv.h"
#include "sniff/wire/link.h"

enum nj_err
nj_dissector_new(struct nj_dissector **out)
{
    struct nj_dissector *d = nj_zalloc(sizeof(*d));
    enum nj_err err;

    if (d == NULL)
        return NJ_ENOMEM;
    err = nj_fragments_new(&d->fragments);
    if (err == NJ_OK)
        err = nj_streams_new(&d->streams);
    if (err == NJ_OK)
        err = nj_tls_reader_new(&d->tls, NULL);
    if (err != NJ_OK) {
        nj_dissector_free(d);
        return err;
    }
    *out = d;
    return NJ_OK;
}

void
nj_dissector_free(struct nj_dissector *d)
{
    if (d == NULL)
        return;
    nj_tree_fini(&d->out.tree);
    nj_text_fini(&d->out.info);
    nj_text_fini(&d->protocols);
    nj_text_fini(&d->said);
    nj_text_fini(&d->said_by_tls);
    nj_text_fini(&d->said_by_websocket);
    nj_streams_free(d->streams);
    nj_tls_reader_free(d->tls);
    nj_fragments_free(d->fragments);
    nj_free(d);
}

enum nj_err
nj_dissector_use_keys(struct nj_dissector *d, struct nj_keylog *keys)
{
    struct nj_tls_reader *with_keys;
    enum nj_err err = nj_tls_reader_new(&with_keys, keys);

    if (err != NJ_OK)
        return err;
    nj_tls_reader_free(d->tls);
    d->tls = with_keys;
    return NJ_OK;
}

bool
nj_dissector_use_port(struct nj_dissector *d, uint16_t port)
{
    if (d->port_count == NJ_DISSECTOR_PORTS_MAX)
        return false;
    d->port[d->port_count++] = port;
    return true;
}

void
nj_dissector_show_text(struct nj_dissector *d)
{
    d->shows_text = true;
}

void
nj_dissector_losses(const struct nj_dissector *d, struct nj_sniff_losses *out)
{
    struct nj_streams_losses of_streams;

    nj_streams_losses(d->streams, &of_streams);
    *out = (struct nj_sniff_losses){
        .datagrams = nj_fragments_lost(d->fragments),
        .streams = of_streams.forgotten,
        .gaps = of_streams.gaps,
        .bytes = of_streams.bytes,
        .closed_records = nj_tls_reader_closed(d->tls),
        .compressed_messages = d->compressed_messages,
    };
}

/* Wireshark's numbers of what files have others for. */
static unsigned
encapsulation_of(uint32_t link_type)
{
    switch (link_type) {
    case NJ_LINK_ETHERNET:
        return 1;
    case NJ_LINK_NULL:
    case NJ_LINK_LOOP:
        return 15;
    case NJ_LINK_LINUX_SLL:
        return 25;
    case NJ_LINK_LINUX_SLL2:
        return 210;
    default:
        return nj_link_is_known(link_type) ? 7 : 0;
    }
}

int64_t
nj_dissector_between(int64_t later, int64_t earlier)
{
    int64_t ns;

    return __builtin_sub_overflow(later, earlier, &ns) ? 0 : ns;
}

void
nj_dissector_put_data(struct nj_dissector *d, struct nj_str bytes)
{
    struct nj_tree *tree = &d->out.tree;

    if (bytes.n == 0)
        return;
    nj_tree_bytes(tree, NJ_FIELD_DATA, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_bytes(tree, NJ_FIELD_DATA_DATA, bytes);
    nj_tree_number(tree, NJ_FIELD_DATA_LEN, bytes.n, (struct nj_str){NULL, 0});
    tree->depth--;
}

/* The protocols stand there when the frame has been read. */
static size_t
put_frame_fields(const struct nj_dissector *d, struct nj_tree *tree)
{
    const struct nj_str nowhere = {NULL, 0};
    const struct nj_captured *frame = &d->out.frame;
    size_t protocols;

    nj_tree_bytes(tree, NJ_FIELD_FRAME, nowhere);
    tree->depth++;
    nj_tree_number(tree, NJ_FIELD_FRAME_ENCAP, encapsulation_of(frame->link_type), nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_TIME, (uint64_t)frame->time_ns, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_OFFSET_SHIFT, 0, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_TIME_EPOCH, (uint64_t)frame->time_ns, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_TIME_DELTA,
                   (uint64_t)nj_dissector_between(frame->time_ns, d->last_ns), nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_TIME_DELTA_SHOWN, (uint64_t)d->out.shown_ns, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_TIME_RELATIVE, (uint64_t)d->out.relative_ns, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_NUMBER, frame->number, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_LEN, frame->wire_bytes, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_CAP_LEN, frame->bytes.n, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_MARKED, 0, nowhere);
    nj_tree_number(tree, NJ_FIELD_FRAME_IGNORED, 0, nowhere);
    protocols = tree->count;
    nj_tree_bytes(tree, NJ_FIELD_FRAME_PROTOCOLS, nowhere);
    if (frame->comment.n > 0)
        nj_tree_bytes(tree, NJ_FIELD_FRAME_COMMENT, frame->comment);
    tree->depth--;
    return protocols;
}

static bool
names_its_payload(enum nj_field layer)
{
    return layer == NJ_FIELD_ETH || layer == NJ_FIELD_VLAN || layer == NJ_FIELD_SLL;
}

/* The names of the layers, in their order; of several packets in one frame once. */
static void
name_protocols(struct nj_dissector *d, size_t at)
{
    struct nj_tree *tree = &d->out.tree;
    enum nj_field last = NJ_FIELD_FRAME;

    nj_text_clear(&d->protocols);
    for (size_t i = at; i < tree->count; i++) {
        enum nj_field field = (enum nj_field)tree->item[i].field;

        if (tree->item[i].depth > 0 || !nj_field_is_layer(field) || field == NJ_FIELD_MALFORMED ||
            field == NJ_FIELD_SHORT || (field == last && field != NJ_FIELD_VLAN))
            continue;
        if (d->protocols.n > 0)
            nj_text_put(&d->protocols, NJ_STR(":"));
        nj_text_put(&d->protocols, nj_str_of(nj_field_name(field)));
        if (names_its_payload(field))
            nj_text_put(&d->protocols, NJ_STR(":ethertype"));
        last = field;
    }
    if (at < tree->count)
        tree->item[at].range = nj_text_str(&d->protocols);
}

void
nj_dissector_mark_shown(struct nj_dissector *d)
{
    d->shown_ns = d->out.frame.time_ns;
    d->has_shown = true;
}

const struct nj_dissected *
nj_dissector_read(struct nj_dissector *d, const struct nj_captured *frame)
{
    size_t protocols;

    if (frame->number == 1)
        d->first_ns = d->last_ns = frame->time_ns;
    d->out.frame = *frame;
    d->out.relative_ns = nj_dissector_between(frame->time_ns, d->first_ns);
    d->out.delta_ns = nj_dissector_between(frame->time_ns, d->last_ns);
    d->out.shown_ns = d->has_shown ? nj_dissector_between(frame->time_ns, d->shown_ns) : 0;
    d->out.source[0] = d->out.destination[0] = d->community_id[0] = '\0';
    d->out.protocol = "";
    d->out.is_malformed = false;
    nj_text_clear(&d->out.info);
    nj_tree_clear(&d->out.tree);
    protocols = put_frame_fields(d, &d->out.tree);
    nj_dissector_read_link(d);
    name_protocols(d, protocols);
    if (d->community_id[0] != '\0')
        nj_tree_bytes(&d->out.tree, NJ_FIELD_COMMUNITY_ID, nj_str_of(d->community_id));
    d->last_ns = frame->time_ns;
    return &d->out;
}
