/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c — which format is it? and pcap: a header of 24 bytes, then frames, each behind 16 bytes
 * of its own. All numbers are in the order of the machine that wrote it, which the magic shows. */
#include "sniff/capture/capture.h"

#include "base/mem.h"
#include "sniff/capture/capture_priv.h"

#define NS_PER_S 1000000000

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define MAGIC_NG 0x0a0d0d0au /* reads the same in both orders */

#define HEADER_BYTES 24u
#define RECORD_BYTES 16u

uint32_t
nj_capture_number(const struct nj_capture *c, const uint8_t *p, size_t bytes)
{
    uint32_t number = 0;

    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | p[c->is_big_endian ? i : bytes - 1 - i];
    return number;
}

int64_t
nj_capture_time(const struct nj_capture_interface *i, uint64_t ticks)
{
    uint64_t s = ticks / i->per_second;
    uint64_t rest = ticks % i->per_second;
    int64_t ns, whole;

    if (s > INT64_MAX / NS_PER_S)
        return INT64_MAX;
    /* 2^64 ticks a second leave no room for a multiplication. */
    rest = i->per_second > UINT32_MAX ? rest / (i->per_second / NS_PER_S)
                                      : rest * NS_PER_S / i->per_second;
    ns = (int64_t)NJ_MIN(rest, (uint64_t)NS_PER_S - 1);
    if (__builtin_add_overflow((int64_t)s, i->offset_s, &whole) ||
        __builtin_mul_overflow(whole, (int64_t)NS_PER_S, &whole) ||
        __builtin_add_overflow(whole, ns, &whole))
        return INT64_MAX;
    return whole;
}

enum nj_err
nj_capture_fill(struct nj_capture *c, size_t have, size_t n, struct nj_diag *diag)
{
    if (have + n > c->buffer_bytes) {
        size_t bytes = NJ_MAX(have + n, c->buffer_bytes * 2);
        uint8_t *buffer = nj_realloc(c->buffer, bytes);

        if (buffer == NULL)
            return nj_diag_fail(diag, NJ_ENOMEM, "Out of memory.");
        c->buffer = buffer;
        c->buffer_bytes = bytes;
    }
    if (n > 0 && fread(c->buffer + have, 1, n, c->file) != n)
        return nj_diag_fail(diag, NJ_EINVAL,
                            ferror(c->file) != 0 ? "The capture cannot be read further."
                                                 : "The capture ends in the middle of a frame.");
    return NJ_OK;
}

static enum nj_err
begin_pcap(struct nj_capture *c, uint32_t magic, struct nj_diag *diag)
{
    enum nj_err err = nj_capture_fill(c, 4, HEADER_BYTES - 4, diag);

    if (err != NJ_OK)
        return err;
    c->interface = nj_alloc(sizeof(*c->interface));
    if (c->interface == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Out of memory.");
    c->interface_count = c->interface_capacity = 1;
    c->interface[0] = (struct nj_capture_interface){
        /* The upper bits say whether frames end with a checksum, and how long it is. */
        .link_type = nj_capture_number(c, c->buffer + 20, 4) & 0xffff,
        .snap_bytes = nj_capture_number(c, c->buffer + 16, 4),
        .time_digits = magic == MAGIC_NS ? 9 : 6,
        .per_second = magic == MAGIC_NS ? NS_PER_S : 1000000,
    };
    return NJ_OK;
}

static enum nj_err
begin(struct nj_capture *c, struct nj_diag *diag)
{
    uint32_t magic;

    if (nj_capture_fill(c, 0, 4, diag) != NJ_OK)
        return nj_diag_fail(diag, NJ_EINVAL, "It is too short to be a capture.");
    for (unsigned order = 0; order < 2; order++) {
        c->is_big_endian = order == 1;
        magic = nj_capture_number(c, c->buffer, 4);
        if (magic == MAGIC_NG) {
            c->is_ng = true;
            return nj_pcapng_begin(c, diag);
        }
        if (magic == MAGIC_US || magic == MAGIC_NS)
            return begin_pcap(c, magic, diag);
    }
    (void)nj_diag_fail(diag, NJ_EINVAL, "It is neither a pcap nor a pcapng capture.");
    nj_diag_hint(diag, "Captures are made by tcpdump -w, dumpcap or Wireshark.");
    return NJ_EINVAL;
}

enum nj_err
nj_capture_new(struct nj_capture **out, FILE *file, struct nj_diag *diag)
{
    struct nj_capture *c = nj_zalloc(sizeof(*c));
    enum nj_err err;

    if (c == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Out of memory.");
    c->file = file;
    err = begin(c, diag);
    if (err != NJ_OK) {
        nj_capture_free(c);
        return err;
    }
    *out = c;
    return NJ_OK;
}

void
nj_capture_free(struct nj_capture *c)
{
    if (c == NULL)
        return;
    nj_free(c->interface);
    nj_free(c->buffer);
    nj_free(c);
}

static enum nj_capture_next
next_of_pcap(struct nj_capture *c, struct nj_captured *out, struct nj_diag *diag)
{
    const struct nj_capture_interface *i = &c->interface[0];
    int first = fgetc(c->file);
    uint32_t s, fraction, bytes, wire_bytes;

    if (first == EOF && ferror(c->file) == 0)
        return NJ_CAPTURE_END;
    (void)ungetc(first, c->file);
    if (nj_capture_fill(c, 0, RECORD_BYTES, diag) != NJ_OK)
        return NJ_CAPTURE_FAULT;
    s = nj_capture_number(c, c->buffer, 4);
    fraction = nj_capture_number(c, c->buffer + 4, 4);
    bytes = nj_capture_number(c, c->buffer + 8, 4);
    wire_bytes = nj_capture_number(c, c->buffer + 12, 4);
    if (bytes > NJ_CAPTURE_FRAME_MAX) {
        (void)nj_diag_fail(diag, NJ_EINVAL, "Frame %lu claims to have %u bytes.",
                           (unsigned long)c->frames + 1, bytes);
        return NJ_CAPTURE_FAULT;
    }
    if (nj_capture_fill(c, 0, bytes, diag) != NJ_OK)
        return NJ_CAPTURE_FAULT;
    *out = (struct nj_captured){
        .number = ++c->frames,
        .time_ns = nj_capture_time(i, s * i->per_second + fraction),
        .time_digits = i->time_digits,
        .link_type = i->link_type,
        .wire_bytes = NJ_MAX(wire_bytes, bytes),
        .bytes = {(const char *)c->buffer, bytes},
    };
    return NJ_CAPTURE_FRAME;
}

enum nj_capture_next
nj_capture_next(struct nj_capture *c, struct nj_captured *out, struct nj_diag *diag)
{
    return c->is_ng ? nj_pcapng_next(c, out, diag) : next_of_pcap(c, out, diag);
}

void
nj_capture_on_secrets(struct nj_capture *c,
                      void (*told)(void *context, uint32_t kind, struct nj_str bytes),
                      void *context)
{
    c->told_secrets = told;
    c->secrets_context = context;
}
