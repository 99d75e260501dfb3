/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/client_format.h"

#include "base/json.h"
#include "mqtt/property.h"

#include <ctype.h>
#include <string.h>

/* ---- the format, piece by piece ---- */

enum piece_kind {
    PIECE_END,
    PIECE_TEXT,    /* letter as it is */
    PIECE_PERCENT, /* %…letter */
    PIECE_AT,      /* @letter */
    PIECE_ESCAPE,  /* \letter */
    PIECE_CUT,     /* the format ends inside one; letter says which */
};

struct piece {
    enum piece_kind kind;
    char letter;
    bool is_left;
    bool has_zeros;
    int width;      /* 0: none */
    int precision;  /* -1: none */
    char separator; /* between the groups of %x */
};

#define DIGITS_MAX 10000

static int
read_digits(const char **p)
{
    int n = 0;

    for (; isdigit((unsigned char)**p); (*p)++) {
        if (n < DIGITS_MAX)
            n = n * 10 + (**p - '0');
    }
    return n;
}

/* %[-][0][width][.precision][separator]letter */
static struct piece
read_percent(const char **p)
{
    struct piece piece = {.kind = PIECE_PERCENT, .precision = -1, .separator = ' '};

    if (**p == '-') {
        piece.is_left = true;
        (*p)++;
    }
    if (**p == '0') {
        piece.has_zeros = true;
        (*p)++;
    }
    piece.width = read_digits(p);
    if (**p == '.') {
        (*p)++;
        piece.precision = read_digits(p);
        if (**p != '\0' && strchr("!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~", **p) != NULL) {
            piece.separator = **p;
            (*p)++;
        }
    }
    piece.letter = **p;
    if (**p == '\0')
        return (struct piece){.kind = PIECE_CUT, .letter = '%'};
    (*p)++;
    return piece;
}

static struct piece
next_piece(const char **p)
{
    struct piece piece = {.kind = PIECE_TEXT, .letter = **p};

    if (**p == '\0')
        return (struct piece){.kind = PIECE_END};
    (*p)++;
    if (piece.letter == '%')
        return read_percent(p);
    if (piece.letter != '@' && piece.letter != '\\')
        return piece;
    if (**p == '\0')
        return (struct piece){.kind = PIECE_CUT, .letter = piece.letter};
    piece.kind = piece.letter == '@' ? PIECE_AT : PIECE_ESCAPE;
    piece.letter = *(*p)++;
    return piece;
}

#define PERCENT_LETTERS "%ACDEFIJPRSUXdfjlmpqrtx"
#define ESCAPE_LETTERS  "\\0aenrtv"
#define ESCAPED         "\\\0\a\033\n\r\t\v"

bool
nj_client_format_check(const struct nj_client_config *c, const char *format)
{
    (void)c;
    for (;;) {
        struct piece piece = next_piece(&format);

        switch (piece.kind) {
        case PIECE_END:
            return true;
        case PIECE_TEXT:
        case PIECE_AT:
            break;
        case PIECE_PERCENT:
            if (strchr(PERCENT_LETTERS, piece.letter) == NULL)
                return nj_client_mistake("Error: Invalid format specifier '%c'.\n", piece.letter);
            break;
        case PIECE_ESCAPE:
            if (strchr(ESCAPE_LETTERS, piece.letter) == NULL)
                return nj_client_mistake("Error: Invalid escape specifier '%c'.\n", piece.letter);
            break;
        case PIECE_CUT:
            return nj_client_mistake("Error: Incomplete %s specifier.\n",
                                     piece.letter == '\\' ? "escape" : "format");
        }
    }
}

/* ---- one value ---- */

struct printing {
    const struct nj_client_config *config;
    const struct nj_client_message *message;
    const struct timespec *now;
    struct tm local;
    bool has_local;
    FILE *out;
};

static void
pad(FILE *out, char with, long n)
{
    for (; n > 0; n--)
        (void)putc(with, out);
}

static void
put_number(FILE *out, const struct piece *f, long value)
{
    if (f->is_left)
        (void)fprintf(out, "%-*ld", f->width, value);
    else if (f->has_zeros)
        (void)fprintf(out, "%0*ld", f->width, value);
    else
        (void)fprintf(out, "%*ld", f->width, value);
}

static void
put_text(FILE *out, const struct piece *f, const char *text, size_t n)
{
    if (f->precision >= 0 && n > (size_t)f->precision)
        n = (size_t)f->precision;
    if (!f->is_left)
        pad(out, ' ', f->width - (long)n);
    (void)fwrite(text, 1, n, out);
    if (f->is_left)
        pad(out, ' ', f->width - (long)n);
}

static void
put_payload(FILE *out, const struct piece *f, const struct nj_client_message *m)
{
    size_t n = m->payload_n;
    long gap;

    if (f->width > 0 && n > (size_t)f->width)
        n = (size_t)f->width;
    gap = f->width - (long)n;
    if (!f->is_left)
        pad(out, f->has_zeros ? '0' : ' ', gap);
    (void)fwrite(m->payload, 1, n, out);
    if (f->is_left)
        pad(out, ' ', gap);
}

/* Two digits a byte, as many whole bytes as the width has room for, in groups of `precision`
 * digits. */
static void
put_hex(FILE *out, const struct piece *f, const struct nj_client_message *m)
{
    static const char digits[2][17] = {"0123456789abcdef", "0123456789ABCDEF"};
    const unsigned char *bytes = m->payload;
    const char *digit = digits[f->letter == 'X'];
    size_t n = m->payload_n * 2;
    size_t group = f->precision > 0 ? (size_t)f->precision : 0;
    long gap;

    if (f->width > 0 && n > (size_t)f->width)
        n = (size_t)f->width / 2 * 2;
    gap = f->width - (long)n;
    if (!f->is_left)
        pad(out, f->has_zeros ? '0' : ' ', gap);
    for (size_t i = 0; i < n; i++) {
        if (group > 0 && i > 0 && i % group == 0)
            (void)putc(f->separator, out);
        (void)putc(digit[i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15], out);
    }
    if (f->is_left)
        pad(out, ' ', gap);
}

/* The payload as a number of the machine's: four bytes are a float, eight a double. */
static void
put_float(const struct printing *p, const struct piece *f)
{
    const struct nj_client_message *m = p->message;
    size_t bytes = f->letter == 'f' ? sizeof(float) : sizeof(double);
    int precision = f->precision >= 0 ? f->precision : 6;
    float single;
    double value;

    if (m->payload_n != bytes) {
        nj_client_say(p->config, "Error: Message payload on topic %s is not %zu bytes long.\n",
                      m->topic, bytes);
        return;
    }
    if (f->letter == 'f') {
        memcpy(&single, m->payload, sizeof(single));
        value = (double)single;
    } else {
        memcpy(&value, m->payload, sizeof(value));
    }
    if (f->is_left)
        (void)fprintf(p->out, "%-*.*f", f->width, precision, value);
    else if (f->has_zeros)
        (void)fprintf(p->out, "%0*.*f", f->width, precision, value);
    else
        (void)fprintf(p->out, "%*.*f", f->width, precision, value);
}

/* ---- properties ---- */

static bool
find_property(const struct nj_client_message *m, unsigned id, struct nj_client_property *out)
{
    struct nj_client_properties rest = m->properties;

    while (nj_client_property_next(&rest, out)) {
        if (out->id == id)
            return true;
    }
    return false;
}

static void
put_property(const struct printing *p, const struct piece *f)
{
    struct nj_client_property found;
    unsigned id = f->letter == 'A'   ? NJ_PROPERTY_TOPIC_ALIAS
                  : f->letter == 'C' ? NJ_PROPERTY_CONTENT_TYPE
                  : f->letter == 'D' ? NJ_PROPERTY_CORRELATION_DATA
                  : f->letter == 'E' ? NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL
                  : f->letter == 'F' ? NJ_PROPERTY_PAYLOAD_FORMAT_INDICATOR
                  : f->letter == 'R' ? NJ_PROPERTY_RESPONSE_TOPIC
                                     : NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER;
    bool is_there = find_property(p->message, id, &found);

    if (f->letter == 'D') {
        if (is_there)
            (void)fwrite(found.value, 1, found.value_n, p->out);
    } else if (f->letter == 'C' || f->letter == 'R') {
        if (is_there)
            put_text(p->out, f, found.value, found.value_n);
        else if (f->letter == 'C')
            pad(p->out, ' ', f->width);
    } else if (is_there) {
        put_number(p->out, f, found.number);
    } else {
        pad(p->out, f->has_zeros ? '0' : ' ', f->width);
    }
}

static void
put_user_properties(const struct printing *p)
{
    struct nj_client_properties rest = p->message->properties;
    struct nj_client_property found;
    bool is_first = true;

    while (nj_client_property_next(&rest, &found)) {
        if (found.id != NJ_PROPERTY_USER_PROPERTY)
            continue;
        if (!is_first)
            (void)putc(' ', p->out);
        is_first = false;
        (void)fwrite(found.key, 1, found.key_n, p->out);
        (void)putc(':', p->out);
        (void)fwrite(found.value, 1, found.value_n, p->out);
    }
}

/* ---- time ---- */

static const struct tm *
local_time(struct printing *p)
{
    if (!p->has_local && localtime_r(&p->now->tv_sec, &p->local) == NULL)
        memset(&p->local, 0, sizeof(p->local));
    p->has_local = true;
    return &p->local;
}

static void
put_time(struct printing *p, const struct piece *f, const char *format)
{
    char text[128];
    size_t n = strftime(text, sizeof(text), format, local_time(p));

    put_text(p->out, f, text, n);
}

/* ---- JSON ---- */

static void
json_properties(struct nj_json *object, struct nj_client_properties rest)
{
    struct nj_json *users = NULL;
    struct nj_client_property found;

    while (nj_client_property_next(&rest, &found)) {
        const char *name = nj_property_name(found.id);

        if (found.id == NJ_PROPERTY_USER_PROPERTY) {
            if (users == NULL)
                users = nj_json_put_array(object, "user-properties");
            nj_json_put_text_under(nj_json_put_object(users, NULL),
                                   (struct nj_str){found.key, found.key_n},
                                   (struct nj_str){found.value, found.value_n});
        } else if (found.value != NULL) {
            nj_json_put_text(object, name, (struct nj_str){found.value, found.value_n});
        } else {
            nj_json_put_number(object, name, found.number);
        }
    }
}

static void
put_json(struct printing *p, bool is_parsed)
{
    const struct nj_client_message *m = p->message;
    struct nj_str payload = {m->payload, m->payload_n};
    struct nj_json *root = nj_json_new();
    char moment[64], zone[16];
    char *text = NULL;
    bool is_good = true;

    (void)strftime(moment, sizeof(moment), "%Y-%m-%dT%H:%M:%S", local_time(p));
    (void)strftime(zone, sizeof(zone), "%z", local_time(p));
    size_t n = strlen(moment);
    (void)snprintf(moment + n, sizeof(moment) - n, ".%06ld%s", p->now->tv_nsec / 1000, zone);
    nj_json_put_text(root, "tst", nj_str_of(moment));
    nj_json_put_text(root, "topic", (struct nj_str){m->topic, m->topic_n});
    nj_json_put_number(root, "qos", m->qos);
    nj_json_put_bool(root, "retain", m->retain);
    nj_json_put_number(root, "payloadlen", (double)m->payload_n);
    if (m->qos > 0)
        nj_json_put_number(root, "mid", m->packet_id);
    if (m->properties.n > 0)
        json_properties(nj_json_put_object(root, "properties"), m->properties);
    if (payload.n == 0)
        nj_json_put_null(root, "payload");
    else if (is_parsed)
        is_good = nj_json_put_parsed(root, "payload", payload);
    else
        nj_json_put_text(root, "payload", payload);
    if (is_good)
        text = nj_json_print(root, p->config->pretty);
    if (text != NULL)
        (void)fputs(text, p->out);
    else if (!is_good)
        nj_client_say(p->config, "Error: Message payload is not valid JSON on topic %s.\n",
                      m->topic);
    else
        nj_client_say(p->config, "Error: Out of memory.\n");
    nj_json_text_free(text);
    nj_json_free(root);
}

/* ---- a message by its format ---- */

static void
put_percent(struct printing *p, const struct piece *f)
{
    const struct nj_client_message *m = p->message;

    switch (f->letter) {
    case '%':
        (void)putc('%', p->out);
        break;
    case 'I':
        put_time(p, f, "%FT%T%z");
        break;
    case 'U':
        (void)fprintf(p->out, "%lld.%09ld", (long long)p->now->tv_sec, p->now->tv_nsec);
        break;
    case 'J':
    case 'j':
        put_json(p, f->letter == 'J');
        break;
    case 'P':
        put_user_properties(p);
        break;
    case 'X':
    case 'x':
        put_hex(p->out, f, m);
        break;
    case 'd':
    case 'f':
        put_float(p, f);
        break;
    case 'l':
        put_number(p->out, f, (long)m->payload_n);
        break;
    case 'm':
        put_number(p->out, f, m->packet_id);
        break;
    case 'p':
        put_payload(p->out, f, m);
        break;
    case 'q':
        (void)putc('0' + m->qos, p->out);
        break;
    case 'r':
        (void)putc(m->retain ? '1' : '0', p->out);
        break;
    case 't':
        put_text(p->out, f, m->topic, m->topic_n);
        break;
    default:
        put_property(p, f);
        break;
    }
}

static void
put_at(struct printing *p, const struct piece *f)
{
    static const struct piece plain = {.precision = -1};
    const char format[3] = {'%', f->letter, '\0'};

    if (f->letter == '@')
        (void)putc('@', p->out);
    else if (f->letter == 'N')
        (void)fprintf(p->out, "%09ld", p->now->tv_nsec);
    else
        put_time(p, &plain, format);
}

static void
print_by_format(struct printing *p, const char *format)
{
    for (;;) {
        struct piece piece = next_piece(&format);

        switch (piece.kind) {
        case PIECE_END:
        case PIECE_CUT:
            return;
        case PIECE_TEXT:
            (void)putc(piece.letter, p->out);
            break;
        case PIECE_PERCENT:
            put_percent(p, &piece);
            break;
        case PIECE_AT:
            put_at(p, &piece);
            break;
        case PIECE_ESCAPE:
            (void)putc(ESCAPED[strchr(ESCAPE_LETTERS, piece.letter) - ESCAPE_LETTERS], p->out);
            break;
        }
    }
}

void
nj_client_print_message(const struct nj_client_config *c, const struct nj_client_message *m,
                        const struct timespec *now, FILE *out)
{
    struct printing p = {.config = c, .message = m, .now = now, .out = out};

    if (c->format != NULL) {
        print_by_format(&p, c->format);
    } else if (c->verbose) {
        if (m->payload_n == 0 && c->no_eol)
            return;
        (void)fwrite(m->topic, 1, m->topic_n, out);
        (void)putc(' ', out);
        if (m->payload_n > 0)
            (void)fwrite(m->payload, 1, m->payload_n, out);
        else
            (void)fputs("(null)", out);
    } else {
        if (m->payload_n == 0)
            return;
        (void)fwrite(m->payload, 1, m->payload_n, out);
    }
    if (!c->no_eol)
        (void)putc('\n', out);
}
