/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the log, as its speaker writes it: a stamp, then what is said, cut to what a line may
 * have, with nothing in it that a terminal would obey. */
#include "base/log_priv.h"

#include "base/mutex.h"

#include <stdio.h>
#include <time.h>

struct stamp_style {
    bool is_on;
    char format[NJ_LOG_STAMP_MAX]; /* empty: epoch seconds */
};

static struct nj_mutex style_mutex = {PTHREAD_MUTEX_INITIALIZER};
static struct stamp_style style = {.is_on = true};
/* Counts the styles there have been, so that each thread knows when its copy is old. */
static _Atomic uint32_t style_version = 1;

/* --- The stamp --- */

static size_t
write_stamp(char out[NJ_LOG_STAMP_MAX], const struct stamp_style *s, time_t at)
{
    struct tm tm;
    size_t n;

    if (!s->is_on)
        return 0;
    if (s->format[0] == '\0')
        return (size_t)snprintf(out, NJ_LOG_STAMP_MAX, "%lld: ", (long long)at);
    n = strftime(out, NJ_LOG_STAMP_MAX - 2, s->format, localtime_r(&at, &tm));
    if (n == 0) {
        n = sizeof("Time error") - 1;
        memcpy(out, "Time error", n);
    }
    out[n++] = ':';
    out[n++] = ' ';
    return n;
}

void
nj_log_stamp_set(bool is_on, const char *format)
{
    nj_mutex_lock(&style_mutex);
    style.is_on = is_on;
    (void)snprintf(style.format, sizeof(style.format), "%s", format != NULL ? format : "");
    nj_mutex_unlock(&style_mutex);
    /* Release: see nj_log_stamp(). */
    atomic_fetch_add_explicit(&style_version, 1, memory_order_release);
}

size_t
nj_log_stamp(char stamp[NJ_LOG_STAMP_MAX])
{
    static _Thread_local struct {
        uint32_t version;
        struct stamp_style style;
        time_t at;
        size_t n;
        char text[NJ_LOG_STAMP_MAX];
    } mine;
    /* Acquire: whoever sees the new version takes the lock after its writer. */
    uint32_t version = atomic_load_explicit(&style_version, memory_order_acquire);
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (mine.version != version) {
        nj_mutex_lock(&style_mutex);
        mine.style = style;
        nj_mutex_unlock(&style_mutex);
        mine.version = version;
    } else if (now.tv_sec == mine.at) {
        memcpy(stamp, mine.text, mine.n);
        return mine.n;
    }

    mine.at = now.tv_sec;
    mine.n = write_stamp(mine.text, &mine.style, now.tv_sec);
    memcpy(stamp, mine.text, mine.n);
    return mine.n;
}

/* --- What is said --- */

/* Where `line` ends if a code point that was cut in two is left out. */
static size_t
whole_code_points(const char *line, size_t n)
{
    size_t start = n;
    uint8_t lead;

    while (start > 0 && n - start < 3 && ((uint8_t)line[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return n;
    lead = (uint8_t)line[--start];
    return n - start < (lead >= 0xf0 ? 4u : lead >= 0xe0 ? 3u : lead >= 0xc0 ? 2u : 1u) ? start : n;
}

/* The bytes of the control character that `s` begins with: ASCII's, or C1's in UTF-8, which some
 * terminals obey as well. 0: none. The tab is ours, and harmless. */
static size_t
control_bytes(const char *s, size_t n)
{
    uint8_t c = (uint8_t)s[0];

    if (c == 0x7f || (c < 0x20 && c != '\t'))
        return 1;
    return c == 0xc2 && n >= 2 && (uint8_t)s[1] >= 0x80 && (uint8_t)s[1] < 0xa0 ? 2 : 0;
}

/* Nothing in it that may have to be shown as \xNN; found without a branch for each byte. */
static bool
is_harmless(const char *line, size_t n)
{
    uint8_t found = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)line[i];

        found |= (uint8_t)((c < 0x20) & (c != '\t'));
        found |= (uint8_t)((c == 0x7f) | (c == 0xc2));
    }
    return found == 0;
}

/* Copy the line with its control characters shown as \xNN, as far as it fits. */
static size_t
make_harmless(char out[NJ_LOG_LINE_MAX + 1], const char *line, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    size_t to = 0;

    for (size_t i = 0; i < n && to < NJ_LOG_LINE_MAX;) {
        size_t control = control_bytes(line + i, n - i);
        uint8_t c = (uint8_t)line[i + (control > 0 ? control - 1 : 0)];

        if (control == 0) {
            out[to++] = line[i++];
            continue;
        }
        if (to + 4 > NJ_LOG_LINE_MAX)
            break;
        out[to++] = '\\';
        out[to++] = 'x';
        out[to++] = hex[c >> 4];
        out[to++] = hex[c & 15];
        i += control;
    }
    return to;
}

/* The line in `out`, with nothing in it that a terminal would obey: the bytes of it. */
static size_t
finish(char out[NJ_LOG_LINE_MAX + 1], size_t n)
{
    NJ_UNSET char raw[NJ_LOG_LINE_MAX + 1];

    if (NJ_LIKELY(is_harmless(out, n)))
        return n;
    memcpy(raw, out, n);
    return make_harmless(out, raw, n);
}

size_t
nj_log_line_write(char out[NJ_LOG_LINE_MAX + 1], const char *stamp, size_t stamp_n, const char *fmt,
                  va_list ap)
{
    size_t n = stamp_n, room = NJ_LOG_LINE_MAX + 1 - stamp_n;
    int said;

    memcpy(out, stamp, stamp_n);
    said = vsnprintf(out + stamp_n, room, fmt, ap);
    if (said >= (int)room)
        n = whole_code_points(out, NJ_LOG_LINE_MAX);
    else if (said > 0)
        n += (size_t)said;
    return finish(out, n);
}

size_t
nj_log_line_copy(char out[NJ_LOG_LINE_MAX + 1], const char *stamp, size_t stamp_n,
                 struct nj_str said)
{
    size_t room = NJ_LOG_LINE_MAX - stamp_n, n = said.n < room ? said.n : room;

    memcpy(out, stamp, stamp_n);
    memcpy(out + stamp_n, said.p, n);
    n += stamp_n;
    return finish(out, said.n <= room ? n : whole_code_points(out, n));
}
