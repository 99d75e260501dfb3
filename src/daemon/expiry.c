/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/expiry.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/tls.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_S 86400

struct nj_expiry_said {
    uint64_t key; /* of what is about to end; a new file with other dates has another */
    size_t step;  /* the last that was said */
    bool is_here; /* in this look */
};

/* ---- steps ---- */

static const int64_t steps_days[] = {0, 1, 7, 30};
#define NO_STEP NJ_COUNT_OF(steps_days)

static bool
is_made_often(enum nj_tls_dated what)
{
    return what == NJ_TLS_DATED_LIST || what == NJ_TLS_DATED_RESPONSE;
}

static size_t
step_of(const struct nj_tls_date *d, int64_t left_s)
{
    size_t step = 0;

    while (step < NO_STEP && left_s > steps_days[step] * DAY_S)
        step++;
    if (is_made_often(d->what) && step < NO_STEP &&
        d->until_s - d->from_s < 2 * steps_days[step] * DAY_S)
        return NO_STEP;
    return step;
}

static uint64_t
key_of(const struct nj_tls_date *d)
{
    const struct nj_str until = {(const char *)&d->until_s, sizeof(d->until_s)};

    return nj_hash_under(nj_hash_under(nj_hash(nj_str_of(d->file)), nj_str_of(d->name)), until);
}

/* Whether it is news that `d` has come to this step. */
static bool
is_news(struct nj_expiry *e, const struct nj_tls_date *d, size_t step)
{
    uint64_t key = key_of(d);
    struct nj_expiry_said *grown;

    for (size_t i = 0; i < e->said_count; i++) {
        struct nj_expiry_said *s = &e->said[i];
        bool is_nearer = step < s->step;

        if (s->key != key)
            continue;
        s->is_here = true;
        s->step = NJ_MIN(s->step, step);
        return is_nearer;
    }
    grown = nj_realloc(e->said, (e->said_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return false;
    e->said = grown;
    e->said[e->said_count++] = (struct nj_expiry_said){key, step, true};
    return true;
}

/* What is no longer about to end: it was made anew. */
static void
forget(struct nj_expiry *e)
{
    size_t kept = 0;

    for (size_t i = 0; i < e->said_count; i++)
        if (e->said[i].is_here)
            e->said[kept++] = e->said[i];
    e->said_count = kept;
}

/* ---- words ---- */

static const char *
duration(int64_t left_s, char *out, size_t room)
{
    bool is_short = left_s < 2 * DAY_S;

    (void)snprintf(out, room, "%" PRId64 " %s", left_s / (is_short ? 3600 : DAY_S),
                   is_short ? "hours" : "days");
    return out;
}

static void
say_over(const struct nj_tls_date *d, unsigned port)
{
    switch (d->what) {
    case NJ_TLS_DATED_CERTIFICATE:
        nj_log(NJ_LOG_ERROR,
               "Error: The certificate \"%s\" of port %u has expired: clients refuse it. Renew it.",
               d->file, port);
        break;
    case NJ_TLS_DATED_AUTHORITY:
        nj_log(NJ_LOG_ERROR,
               "Error: The CA \"%s\" in \"%s\" of port %u has expired: every client with a "
               "certificate of it is refused. Renew it.",
               d->name, d->file, port);
        break;
    case NJ_TLS_DATED_LIST:
        nj_log(NJ_LOG_ERROR,
               "Error: The CRL of \"%s\" in \"%s\" of port %u is out of date: every client of that "
               "CA is refused. Make a new one: nightjar pki crl",
               d->name, d->file, port);
        break;
    case NJ_TLS_DATED_RESPONSE:
        nj_log(NJ_LOG_ERROR,
               "Error: The OCSP response \"%s\" of port %u is out of date: clients that look at it "
               "refuse the broker. Fetch a new one, or remove ocspfile.",
               d->file, port);
        break;
    }
}

static void
say_soon(const struct nj_tls_date *d, unsigned port, int64_t left_s)
{
    char in[32];

    (void)duration(left_s, in, sizeof(in));
    switch (d->what) {
    case NJ_TLS_DATED_CERTIFICATE:
        nj_log(NJ_LOG_WARNING,
               "Warning: The certificate \"%s\" of port %u expires in %s. Renew it; a new file is "
               "taken up by itself.",
               d->file, port, in);
        break;
    case NJ_TLS_DATED_AUTHORITY:
        nj_log(NJ_LOG_WARNING,
               "Warning: The CA \"%s\" in \"%s\" of port %u expires in %s: from then on every "
               "client with a certificate of it is refused. Renew it; a new file is taken up by "
               "itself.",
               d->name, d->file, port, in);
        break;
    case NJ_TLS_DATED_LIST:
        nj_log(NJ_LOG_WARNING,
               "Warning: The CRL of \"%s\" in \"%s\" of port %u ends in %s: from then on every "
               "client of that CA is refused. Make a new one (nightjar pki crl); it is taken up by "
               "itself.",
               d->name, d->file, port, in);
        break;
    case NJ_TLS_DATED_RESPONSE:
        nj_log(NJ_LOG_WARNING,
               "Warning: The OCSP response \"%s\" of port %u ends in %s: from then on clients that "
               "look at it refuse the broker. Fetch a new one; it is taken up by itself.",
               d->file, port, in);
        break;
    }
}

/* ---- looking ---- */

static void
look_at(struct nj_expiry *e, const struct nj_tls_date *d, unsigned port, int64_t now_s)
{
    int64_t left_s = d->until_s - now_s;
    size_t step = step_of(d, left_s);

    e->soonest_s[d->what] = NJ_MIN(e->soonest_s[d->what], d->until_s);
    if (step == NO_STEP || !is_news(e, d, step))
        return;
    e->warnings++;
    if (step == 0)
        say_over(d, port);
    else
        say_soon(d, port, left_s);
}

void
nj_expiry_look(struct nj_expiry *e, const struct nj_listener_opts *listeners, size_t count,
               int64_t now_s)
{
    for (size_t i = 0; i < NJ_EXPIRY_KINDS; i++)
        e->soonest_s[i] = INT64_MAX;
    for (size_t i = 0; i < e->said_count; i++)
        e->said[i].is_here = false;
    for (size_t i = 0; i < count; i++) {
        const struct nj_tls_date *dates = NULL;
        size_t n = 0;

        if (listeners[i].tls != NULL)
            dates = nj_tls_context_dates(listeners[i].tls, &n);
        for (size_t k = 0; k < n; k++)
            look_at(e, &dates[k], listeners[i].port, now_s);
    }
    forget(e);
}

void
nj_expiry_fini(struct nj_expiry *e)
{
    nj_free(e->said);
    *e = (struct nj_expiry){0};
}
