/* SPDX-License-Identifier: Apache-2.0 */
/* capture_pcapng.c — pcapng: blocks, each with its type, its length, its contents and its length
 * again. A section begins with a header that fixes the byte order; interfaces are described before
 * their frames; options follow a block's fixed part.
 *
 *     type | length | contents … padding to 4 | length
 *
 * Blocks of other kinds are passed over, so are interfaces beyond what is expected of a capture. */
#include "base/mem.h"
#include "sniff/capture/capture_priv.h"

enum {
    SECTION = 0x0a0d0d0a,
    INTERFACE = 1,
    PACKET = 2, /* obsolete, but files last */
    SIMPLE_PACKET = 3,
    ENHANCED_PACKET = 6,
    SECRETS = 10,

    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_TSRESOL = 9,
    OPTION_TSOFFSET = 14,

    ORDER = 0x1a2b3c4d,
};

/* A frame, what stands before it, and its options. */
#define BLOCK_MAX (NJ_CAPTURE_FRAME_MAX + 65536u)

struct block {
    uint32_t type;
    const uint8_t *p; /* its contents, without the lengths */
    size_t n;
};

static enum nj_err
bad_block(const struct nj_capture *c, uint32_t type, struct nj_diag *diag)
{
    return nj_diag_fail(diag, NJ_EINVAL, "The block of type %u behind frame %lu is malformed.",
                        type, (unsigned long)c->frames);
}

/* What is passed over is read all the same: a pipe has no other way. */
static enum nj_err
skip(struct nj_capture *c, size_t n, struct nj_diag *diag)
{
    while (n > 0) {
        size_t part = NJ_MIN(n, (size_t)65536);
        enum nj_err err = nj_capture_fill(c, 0, part, diag);

        if (err != NJ_OK)
            return err;
        n -= part;
    }
    return NJ_OK;
}

/* The section header whose type is read: its order decides how its length reads. */
static enum nj_err
read_section(struct nj_capture *c, struct nj_diag *diag)
{
    enum nj_err err = nj_capture_fill(c, 0, 8, diag);
    uint32_t length;

    if (err != NJ_OK)
        return err;
    c->is_big_endian = true;
    if (nj_capture_number(c, c->buffer + 4, 4) != ORDER) {
        c->is_big_endian = false;
        if (nj_capture_number(c, c->buffer + 4, 4) != ORDER)
            return bad_block(c, SECTION, diag);
    }
    length = nj_capture_number(c, c->buffer, 4);
    if (length < 28 || length % 4 != 0)
        return bad_block(c, SECTION, diag);
    c->interface_count = 0;
    return skip(c, length - 12, diag);
}

enum nj_err
nj_pcapng_begin(struct nj_capture *c, struct nj_diag *diag)
{
    return read_section(c, diag);
}

/* The options from `p` on, one at a time; false at their end. */
static bool
next_option(const struct nj_capture *c, const uint8_t **p, const uint8_t *end, unsigned *code,
            struct nj_str *value)
{
    size_t length, padded;

    if (end - *p < 4)
        return false;
    *code = nj_capture_number(c, *p, 2);
    length = nj_capture_number(c, *p + 2, 2);
    padded = (length + 3) & ~(size_t)3;
    if (*code == OPTION_END || padded > (size_t)(end - *p - 4))
        return false;
    *value = (struct nj_str){(const char *)*p + 4, length};
    *p += 4 + padded;
    return true;
}

static void
set_resolution(struct nj_capture_interface *i, uint8_t resolution)
{
    uint64_t per_second = 1;
    unsigned power = resolution & 0x7f;

    if ((resolution & 0x80) != 0) {
        i->per_second = (uint64_t)1 << NJ_MIN(power, 63u);
        i->time_digits = 9;
        return;
    }
    i->time_digits = NJ_MIN(power, 9u);
    for (; power > 0 && per_second <= UINT64_MAX / 10; power--)
        per_second *= 10;
    i->per_second = per_second;
}

static enum nj_err
read_interface(struct nj_capture *c, const struct block *b, struct nj_diag *diag)
{
    struct nj_capture_interface i = {.time_digits = 6, .per_second = 1000000};
    const uint8_t *p = b->p + 8;
    struct nj_str value;
    unsigned code;

    if (b->n < 8)
        return bad_block(c, b->type, diag);
    if (c->interface_count == NJ_CAPTURE_INTERFACES_MAX)
        return nj_diag_fail(diag, NJ_EINVAL, "The capture has more than %u interfaces.",
                            NJ_CAPTURE_INTERFACES_MAX);
    i.link_type = nj_capture_number(c, b->p, 2);
    i.snap_bytes = nj_capture_number(c, b->p + 4, 4);
    while (next_option(c, &p, b->p + b->n, &code, &value)) {
        const uint8_t *at = (const uint8_t *)value.p;

        if (code == OPTION_TSRESOL && value.n == 1)
            set_resolution(&i, at[0]);
        if (code == OPTION_TSOFFSET && value.n == 8) {
            uint64_t first = nj_capture_number(c, at, 4);
            uint64_t second = nj_capture_number(c, at + 4, 4);

            i.offset_s = (int64_t)(c->is_big_endian ? first << 32 | second : second << 32 | first);
        }
    }
    if (!nj_array_grow((void **)&c->interface, &c->interface_capacity, c->interface_count,
                       sizeof(*c->interface)))
        return nj_diag_fail(diag, NJ_ENOMEM, "Out of memory.");
    c->interface[c->interface_count++] = i;
    return NJ_OK;
}

/* A frame of either kind that has a time: they differ in how the interface is written. */
static enum nj_err
read_packet(struct nj_capture *c, const struct block *b, struct nj_captured *out,
            struct nj_diag *diag)
{
    const struct nj_capture_interface *i;
    const uint8_t *p = b->p;
    struct nj_str value;
    uint32_t which, bytes;
    uint64_t ticks;
    unsigned code;

    if (b->n < 20)
        return bad_block(c, b->type, diag);
    which = nj_capture_number(c, p, b->type == PACKET ? 2 : 4);
    ticks = (uint64_t)nj_capture_number(c, p + 4, 4) << 32 | nj_capture_number(c, p + 8, 4);
    bytes = nj_capture_number(c, p + 12, 4);
    if (which >= c->interface_count || bytes > b->n - 20 || bytes > NJ_CAPTURE_FRAME_MAX)
        return bad_block(c, b->type, diag);
    i = &c->interface[which];
    *out = (struct nj_captured){
        .number = ++c->frames,
        .time_ns = nj_capture_time(i, ticks),
        .time_digits = i->time_digits,
        .link_type = i->link_type,
        .interface = which,
        .wire_bytes = NJ_MAX(nj_capture_number(c, p + 16, 4), bytes),
        .bytes = {(const char *)p + 20, bytes},
    };
    p += 20 + NJ_MIN(((size_t)bytes + 3) & ~(size_t)3, b->n - 20);
    while (next_option(c, &p, b->p + b->n, &code, &value))
        if (code == OPTION_COMMENT && out->comment.n == 0)
            out->comment = value;
    return NJ_OK;
}

/* Without a time, an interface or a length: what the first interface would have kept of it. */
static enum nj_err
read_simple(struct nj_capture *c, const struct block *b, struct nj_captured *out,
            struct nj_diag *diag)
{
    uint32_t wire_bytes;
    size_t bytes = b->n - 4;

    if (b->n < 4 || c->interface_count == 0)
        return bad_block(c, b->type, diag);
    wire_bytes = nj_capture_number(c, b->p, 4);
    bytes = NJ_MIN(bytes, (size_t)wire_bytes);
    if (c->interface[0].snap_bytes != 0)
        bytes = NJ_MIN(bytes, (size_t)c->interface[0].snap_bytes);
    if (bytes > NJ_CAPTURE_FRAME_MAX)
        return bad_block(c, b->type, diag);
    *out = (struct nj_captured){
        .number = ++c->frames,
        .time_digits = c->interface[0].time_digits,
        .link_type = c->interface[0].link_type,
        .wire_bytes = wire_bytes,
        .bytes = {(const char *)b->p + 4, bytes},
    };
    return NJ_OK;
}

static enum nj_err
tell_secrets(const struct nj_capture *c, const struct block *b, struct nj_diag *diag)
{
    uint32_t bytes;

    if (b->n < 8)
        return bad_block(c, b->type, diag);
    bytes = nj_capture_number(c, b->p + 4, 4);
    if (bytes > b->n - 8)
        return bad_block(c, b->type, diag);
    c->told_secrets(c->secrets_context, nj_capture_number(c, b->p, 4),
                    (struct nj_str){(const char *)b->p + 8, bytes});
    return NJ_OK;
}

/* The block whose type is read, when it is one of interest; its contents are in the buffer. */
static enum nj_err
read_block(struct nj_capture *c, uint32_t type, struct block *out, struct nj_diag *diag)
{
    enum nj_err err = nj_capture_fill(c, 0, 4, diag);
    uint32_t length;

    if (err != NJ_OK)
        return err;
    length = nj_capture_number(c, c->buffer, 4);
    if (length < 12 || length % 4 != 0)
        return bad_block(c, type, diag);
    *out = (struct block){.type = type};
    if (type != INTERFACE && type != PACKET && type != SIMPLE_PACKET && type != ENHANCED_PACKET &&
        (type != SECRETS || c->told_secrets == NULL))
        return skip(c, length - 8, diag);
    if (length > BLOCK_MAX)
        return bad_block(c, type, diag);
    err = nj_capture_fill(c, 0, length - 8, diag);
    if (err != NJ_OK)
        return err;
    if (nj_capture_number(c, c->buffer + length - 12, 4) != length)
        return bad_block(c, type, diag);
    out->p = c->buffer;
    out->n = length - 12;
    return NJ_OK;
}

enum nj_capture_next
nj_pcapng_next(struct nj_capture *c, struct nj_captured *out, struct nj_diag *diag)
{
    for (;;) {
        struct block b = {0};
        uint32_t type;
        enum nj_err err;
        int first = fgetc(c->file);

        if (first == EOF && ferror(c->file) == 0)
            return NJ_CAPTURE_END;
        (void)ungetc(first, c->file);
        if (nj_capture_fill(c, 0, 4, diag) != NJ_OK)
            return NJ_CAPTURE_FAULT;
        type = nj_capture_number(c, c->buffer, 4);
        if (type == SECTION) {
            if (read_section(c, diag) != NJ_OK)
                return NJ_CAPTURE_FAULT;
            continue;
        }
        if (read_block(c, type, &b, diag) != NJ_OK)
            return NJ_CAPTURE_FAULT;
        if (b.type == INTERFACE) {
            if (read_interface(c, &b, diag) != NJ_OK)
                return NJ_CAPTURE_FAULT;
            continue;
        }
        if (b.p == NULL)
            continue;
        if (b.type == SECRETS) {
            if (tell_secrets(c, &b, diag) != NJ_OK)
                return NJ_CAPTURE_FAULT;
            continue;
        }
        err =
            b.type == SIMPLE_PACKET ? read_simple(c, &b, out, diag) : read_packet(c, &b, out, diag);
        return err == NJ_OK ? NJ_CAPTURE_FRAME : NJ_CAPTURE_FAULT;
    }
}
