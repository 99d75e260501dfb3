/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/capture/capture_hex.h"

#include "base/mem.h"
#include "sniff/wire/link.h"

#include <inttypes.h>

#define ROW_BYTES     16u
#define OFFSET_DIGITS 3u /* at least */
#define BLANKS_OF_GAP 3u /* which end the bytes of a row */

/* What one line says. */
struct row {
    uint64_t offset;
    size_t count;
    uint8_t byte[ROW_BYTES];
};

struct nj_hex {
    FILE *file;
    uint64_t line, frames;
    bool is_other;    /* a dump of something else than a frame */
    bool is_text;     /* an empty line was behind the last row: what is not due is no row */
    bool is_faulty;   /* `row` is not the one that was due behind the last frame */
    bool is_repeated; /* `*`: the last row goes on up to the next offset */
    bool has_row;     /* `row` is the first one of the next frame */
    struct row row;
    size_t n;
    uint8_t byte[NJ_CAPTURE_FRAME_MAX];
    char text[NJ_HEX_LINE_MAX + 1];
};

enum nj_err
nj_hex_new(struct nj_hex **out, FILE *file)
{
    struct nj_hex *h = nj_zalloc(sizeof(*h));

    if (h == NULL)
        return NJ_ENOMEM;
    h->file = file;
    *out = h;
    return NJ_OK;
}

void
nj_hex_free(struct nj_hex *h)
{
    nj_free(h);
}

/* Without its end; false: there is none any more. */
static bool
read_line(struct nj_hex *h)
{
    size_t n = 0;
    int c;

    while ((c = getc(h->file)) != EOF && c != '\n')
        if (n < NJ_HEX_LINE_MAX)
            h->text[n++] = (char)c;
    if (n > 0 && h->text[n - 1] == '\r')
        n--;
    h->text[n] = '\0';
    h->line++;
    return c != EOF || n > 0;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The number that a line begins with, and what stands behind it; NULL: it begins with none. */
static const char *
read_offset(const char *p, uint64_t *out)
{
    const char *from;
    uint64_t number = 0;

    while (is_blank(*p))
        p++;
    from = p;
    for (; nj_hex_digit(*p) >= 0 && p - from < 8; p++)
        number = number << 4 | (uint64_t)nj_hex_digit(*p);
    if ((size_t)(p - from) < OFFSET_DIGITS)
        return NULL;
    if (*p == ':')
        p++;
    if (*p != '\0' && !is_blank(*p))
        return NULL;
    *out = number;
    return p;
}

/* False: the line is no row. A row without bytes is the end of a dump by `hexdump`. */
static bool
read_row(const char *p, struct row *out)
{
    out->count = 0;
    p = read_offset(p, &out->offset);
    if (p == NULL)
        return false;
    while (out->count < ROW_BYTES) {
        unsigned blanks = 0;

        for (; is_blank(*p); p++)
            blanks++;
        if (out->count > 0 && blanks >= BLANKS_OF_GAP)
            break;
        if (nj_hex_digit(p[0]) < 0 || nj_hex_digit(p[1]) < 0 || (p[2] != '\0' && !is_blank(p[2])))
            break;
        out->byte[out->count++] = (uint8_t)(nj_hex_digit(p[0]) << 4 | nj_hex_digit(p[1]));
        p += 2;
    }
    while (is_blank(*p))
        p++;
    return out->count > 0 || *p == '\0';
}

static bool
is_begun_by(const char *text, const char *words)
{
    return strncmp(text, words, strlen(words)) == 0;
}

static bool
is_ended_by(const char *text, const char *words)
{
    size_t n = strlen(text), of_words = strlen(words);

    return n >= of_words && strcmp(text + n - of_words, words) == 0;
}

/* Behind the frame tshark prints what was put together, decrypted, unmasked, and so on, up to an
 * empty line. A frame has a heading only where such things are. */
static void
look_at_heading(struct nj_hex *h)
{
    bool is_empty = h->text[strspn(h->text, " \t")] == '\0';

    if (is_empty)
        h->is_text = true;
    if (is_empty || is_begun_by(h->text, "Frame "))
        h->is_other = false;
    else if (is_ended_by(h->text, " bytes):") || is_ended_by(h->text, " byte):"))
        h->is_other = true;
}

static bool
append(struct nj_hex *h, const uint8_t *bytes, size_t n)
{
    if (n > sizeof(h->byte) - h->n)
        return false;
    memcpy(h->byte + h->n, bytes, n);
    h->n += n;
    return true;
}

/* Rows that `*` stands for: the one before them, up to the offset. */
static bool
repeat(struct nj_hex *h, uint64_t offset)
{
    h->is_repeated = false;
    if (offset > sizeof(h->byte) || h->n < ROW_BYTES)
        return false;
    while (h->n < offset)
        if (!append(h, h->byte + h->n - ROW_BYTES, ROW_BYTES))
            return false;
    return true;
}

/* Whether the row goes on with the frame. */
static bool
take_row(struct nj_hex *h, const struct row *row)
{
    if (h->is_repeated && !repeat(h, row->offset))
        return false;
    return row->offset == h->n && append(h, row->byte, row->count);
}

static uint32_t
link_of(const struct nj_hex *h)
{
    unsigned type = h->n >= 14 ? (unsigned)h->byte[12] << 8 | h->byte[13] : 0;
    bool is_ethernet = type == NJ_ETHERTYPE_IPV4 || type == NJ_ETHERTYPE_ARP ||
                       type == NJ_ETHERTYPE_IPV6 || type == 0x8100 || type == 0x88a8;
    unsigned version = h->n > 0 ? h->byte[0] >> 4 : 0;

    return !is_ethernet && (version == 6 || (version == 4 && (h->byte[0] & 0xf) >= 5))
               ? NJ_LINK_RAW
               : NJ_LINK_ETHERNET;
}

static enum nj_capture_next
hand_out(struct nj_hex *h, struct nj_captured *out)
{
    h->frames++;
    *out = (struct nj_captured){
        .number = h->frames,
        .time_digits = 6,
        .link_type = link_of(h),
        .wire_bytes = (uint32_t)h->n,
        .bytes = {(const char *)h->byte, h->n},
    };
    return NJ_CAPTURE_FRAME;
}

/* The next row of a frame; false: there is none any more. */
static bool
next_row(struct nj_hex *h, struct row *out)
{
    while (read_line(h)) {
        look_at_heading(h);
        if (h->text[0] == '*' && h->text[1] == '\0' && h->n >= ROW_BYTES)
            h->is_repeated = true;
        else if (!h->is_other && read_row(h->text, out) && (out->count > 0 || h->is_repeated))
            return true;
    }
    return false;
}

enum nj_capture_next
nj_hex_next(struct nj_hex *h, struct nj_captured *out, struct nj_diag *diag)
{
    struct row row;

    if (h->is_faulty) {
        (void)nj_diag_fail(diag, NJ_EINVAL,
                           "Line %" PRIu64 " of the hex dump: offset %" PRIx64
                           " stands there, and %zx is due.",
                           h->line, h->row.offset, h->n);
        return NJ_CAPTURE_FAULT;
    }
    h->n = 0;
    h->is_repeated = h->is_text = false;
    if (h->has_row)
        (void)append(h, h->row.byte, h->row.count);
    h->has_row = false;
    while (next_row(h, &row)) {
        if (row.offset == 0 && h->n > 0) {
            h->row = row;
            h->has_row = true;
            return hand_out(h, out);
        }
        if ((h->n == 0 || (h->is_text && !h->is_repeated)) && row.offset != h->n)
            continue; /* a line of the text around it */
        if (!take_row(h, &row)) {
            h->row = row;
            h->is_faulty = true;
            return hand_out(h, out);
        }
        h->is_text = false;
    }
    return h->n > 0 ? hand_out(h, out) : NJ_CAPTURE_END;
}
