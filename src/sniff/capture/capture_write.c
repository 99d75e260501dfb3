/* SPDX-License-Identifier: Apache-2.0 */
/* capture_write.c — both formats are written in the machine's byte order, which the magic shows. */
#include "sniff/capture/capture_write.h"

#include "base/mem.h"

#define NS_PER_S  1000000000
#define NS_PER_US 1000

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du

enum {
    SECTION = 0x0a0d0d0a,
    INTERFACE = 1,
    ENHANCED_PACKET = 6,
    SECRETS = 10,
    ORDER = 0x1a2b3c4d,

    OPTION_COMMENT = 1,
    OPTION_NAME = 2,
    OPTION_TSRESOL = 9,
};

/* One that is described in the file. Of a pcap the only one. */
struct interface {
    uint32_t link_type;
    uint32_t number; /* of the capture that the frames are from */
    bool is_ns;
};

struct nj_capture_writer {
    FILE *file;
    enum nj_capture_format format;
    struct interface *interface;
    size_t count, capacity;
    size_t last; /* the one that was used last */
};

static void
put(const struct nj_capture_writer *w, const void *p, size_t n)
{
    if (n > 0)
        (void)fwrite(p, 1, n, w->file);
}

static void
put_u32(const struct nj_capture_writer *w, uint32_t number)
{
    put(w, &number, sizeof(number));
}

static void
put_u16(const struct nj_capture_writer *w, uint16_t number)
{
    put(w, &number, sizeof(number));
}

static size_t
padded(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

static void
put_padded(const struct nj_capture_writer *w, struct nj_str s)
{
    put(w, s.p, s.n);
    put(w, "\0\0\0", padded(s.n) - s.n);
}

static size_t
option_bytes(struct nj_str value)
{
    return value.n > 0 ? 4 + padded(value.n) : 0;
}

/* Of at most 65535 bytes. An empty one is left out. */
static void
put_option(const struct nj_capture_writer *w, uint16_t code, struct nj_str value)
{
    if (value.n == 0)
        return;
    put_u16(w, code);
    put_u16(w, (uint16_t)value.n);
    put_padded(w, value);
}

/* A block whose contents have `n` bytes; its length once more is due behind them. */
static uint32_t
begin_block(const struct nj_capture_writer *w, uint32_t type, size_t n)
{
    uint32_t length = (uint32_t)(12 + n);

    put_u32(w, type);
    put_u32(w, length);
    return length;
}

static void
put_section(const struct nj_capture_writer *w)
{
    uint32_t length = begin_block(w, SECTION, 16);

    put_u32(w, ORDER);
    put_u16(w, 1); /* version 1.0 */
    put_u16(w, 0);
    put_u32(w, UINT32_MAX); /* how long the section is: not known */
    put_u32(w, UINT32_MAX);
    put_u32(w, length);
}

static void
put_interface(const struct nj_capture_writer *w, const struct interface *i, struct nj_str name,
              uint32_t snap_bytes)
{
    char resolution = (char)(i->is_ns ? 9 : 6);
    struct nj_str of_time = {&resolution, 1};
    uint32_t length = begin_block(w, INTERFACE, 8 + option_bytes(name) + option_bytes(of_time) + 4);

    put_u16(w, (uint16_t)i->link_type);
    put_u16(w, 0);
    put_u32(w, snap_bytes);
    put_option(w, OPTION_NAME, name);
    put_option(w, OPTION_TSRESOL, of_time);
    put_u32(w, 0); /* no more options */
    put_u32(w, length);
}

static void
put_header(const struct nj_capture_writer *w, const struct interface *i, uint32_t snap_bytes)
{
    put_u32(w, i->is_ns ? MAGIC_NS : MAGIC_US);
    put_u16(w, 2); /* version 2.4 */
    put_u16(w, 4);
    put_u32(w, 0); /* UTC */
    put_u32(w, 0);
    put_u32(w, snap_bytes);
    put_u32(w, i->link_type);
}

enum nj_err
nj_capture_writer_new(struct nj_capture_writer **out, FILE *file, enum nj_capture_format format)
{
    struct nj_capture_writer *w = nj_zalloc(sizeof(*w));

    if (w == NULL)
        return NJ_ENOMEM;
    w->file = file;
    w->format = format;
    if (format == NJ_CAPTURE_PCAPNG)
        put_section(w);
    *out = w;
    return NJ_OK;
}

void
nj_capture_writer_free(struct nj_capture_writer *w)
{
    static const struct interface ethernet = {.link_type = 1};

    if (w == NULL)
        return;
    if (w->format == NJ_CAPTURE_PCAP && w->count == 0)
        put_header(w, &ethernet, NJ_CAPTURE_FRAME_MAX);
    nj_free(w->interface);
    nj_free(w);
}

static enum nj_err
add_interface(struct nj_capture_writer *w, struct interface i, struct nj_str name,
              uint32_t snap_bytes)
{
    if (w->count == NJ_CAPTURE_INTERFACES_MAX ||
        !nj_array_grow((void **)&w->interface, &w->capacity, w->count, sizeof(*w->interface)))
        return NJ_ENOMEM;
    w->last = w->count;
    w->interface[w->count++] = i;
    if (w->format == NJ_CAPTURE_PCAP)
        put_header(w, &i, snap_bytes);
    else
        put_interface(w, &i, name, snap_bytes);
    return NJ_OK;
}

enum nj_err
nj_capture_writer_interface(struct nj_capture_writer *w, const char *name, uint32_t link_type,
                            unsigned time_digits, uint32_t snap_bytes)
{
    return add_interface(w, (struct interface){.link_type = link_type, .is_ns = time_digits > 6},
                         nj_str_of(name), snap_bytes);
}

/* The sections of a pcapng count their interfaces from 0 each: the number alone does not name it.
 */
static bool
is_of(const struct interface *i, const struct nj_captured *frame)
{
    return i->number == frame->interface && i->link_type == frame->link_type &&
           i->is_ns == (frame->time_digits > 6);
}

/* Makes `last` the interface of this frame. */
static enum nj_err
find_interface(struct nj_capture_writer *w, const struct nj_captured *frame, struct nj_diag *diag)
{
    struct interface i = {
        .link_type = frame->link_type, .number = frame->interface, .is_ns = frame->time_digits > 6};
    enum nj_err err;

    if (w->count > 0 && is_of(&w->interface[w->last], frame))
        return NJ_OK;
    if (w->format == NJ_CAPTURE_PCAP && w->count > 0) {
        if (w->interface[0].link_type == frame->link_type)
            return NJ_OK;
        nj_diag_hint(diag, "A file whose name ends in .pcapng has room for several.");
        return nj_diag_fail(diag, NJ_EINVAL,
                            "Frame %lu is of another link type than those before, and a pcap "
                            "holds frames of one only.",
                            (unsigned long)frame->number);
    }
    for (size_t at = 0; at < w->count; at++) {
        if (is_of(&w->interface[at], frame)) {
            w->last = at;
            return NJ_OK;
        }
    }
    err = add_interface(w, i, (struct nj_str){0}, NJ_CAPTURE_FRAME_MAX);
    return err == NJ_OK ? NJ_OK
                        : nj_diag_fail(diag, err, "No more than %u interfaces can be written.",
                                       NJ_CAPTURE_INTERFACES_MAX);
}

static void
put_record(const struct nj_capture_writer *w, const struct nj_captured *frame, uint64_t time_ns)
{
    uint64_t fraction = time_ns % NS_PER_S;

    put_u32(w, (uint32_t)(time_ns / NS_PER_S));
    put_u32(w, (uint32_t)(w->interface[0].is_ns ? fraction : fraction / NS_PER_US));
    put_u32(w, (uint32_t)frame->bytes.n);
    put_u32(w, frame->wire_bytes);
    put(w, frame->bytes.p, frame->bytes.n);
}

static void
put_packet(const struct nj_capture_writer *w, const struct nj_captured *frame, uint64_t time_ns)
{
    uint64_t ticks = w->interface[w->last].is_ns ? time_ns : time_ns / NS_PER_US;
    struct nj_str comment = {frame->comment.p, NJ_MIN(frame->comment.n, (size_t)UINT16_MAX)};
    size_t options = option_bytes(comment) + (comment.n > 0 ? 4 : 0);
    uint32_t length = begin_block(w, ENHANCED_PACKET, 20 + padded(frame->bytes.n) + options);

    put_u32(w, (uint32_t)w->last);
    put_u32(w, (uint32_t)(ticks >> 32));
    put_u32(w, (uint32_t)ticks);
    put_u32(w, (uint32_t)frame->bytes.n);
    put_u32(w, frame->wire_bytes);
    put_padded(w, frame->bytes);
    put_option(w, OPTION_COMMENT, comment);
    if (options > 0)
        put_u32(w, 0);
    put_u32(w, length);
}

enum nj_err
nj_capture_writer_frame(struct nj_capture_writer *w, const struct nj_captured *frame,
                        struct nj_diag *diag)
{
    uint64_t time_ns = frame->time_ns > 0 ? (uint64_t)frame->time_ns : 0; /* not before 1970 */
    enum nj_err err = find_interface(w, frame, diag);

    if (err != NJ_OK)
        return err;
    if (w->format == NJ_CAPTURE_PCAP)
        put_record(w, frame, time_ns);
    else
        put_packet(w, frame, time_ns);
    return NJ_OK;
}

void
nj_capture_writer_secrets(struct nj_capture_writer *w, uint32_t kind, struct nj_str bytes)
{
    uint32_t length;

    if (w->format == NJ_CAPTURE_PCAP)
        return;
    length = begin_block(w, SECRETS, 8 + padded(bytes.n));
    put_u32(w, kind);
    put_u32(w, (uint32_t)bytes.n);
    put_padded(w, bytes);
    put_u32(w, length);
}
