/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of topics. Levels are what lies between slashes; they may be empty. */
#include "mqtt/topic.h"

#include "mqtt/packet_priv.h"
#include "mqtt/swar_priv.h"

static inline bool
has(struct nj_str s, int byte)
{
    return s.n > 0 && memchr(s.p, byte, s.n) != NULL;
}

bool
nj_topic_has_wildcard(struct nj_str filter)
{
    return has(filter, '+') || has(filter, '#');
}

bool
nj_topic_name_is_valid(struct nj_str name)
{
    return name.n > 0 && !nj_topic_has_wildcard(name);
}

struct nj_str
nj_topic_level(struct nj_str *rest, bool *done)
{
    const char *slash = rest->n > 0 ? memchr(rest->p, '/', rest->n) : NULL;
    struct nj_str level = *rest;

    if (slash == NULL) {
        *rest = nj_str_from(*rest, rest->n);
        *done = true;
        return level;
    }
    level.n = (size_t)(slash - level.p);
    *rest = nj_str_from(*rest, level.n + 1);
    return level;
}

size_t
nj_topic_levels(struct nj_str topic)
{
    size_t levels = 0;

    for (bool done = false; !done; levels++)
        (void)nj_topic_level(&topic, &done);
    return levels;
}

static inline bool
is_wildcard(struct nj_str level, char which)
{
    return level.n == 1 && level.p[0] == which;
}

bool
nj_topic_filter_is_valid(struct nj_str filter)
{
    bool done = false;

    if (!nj_topic_has_wildcard(filter))
        return filter.n > 0;
    while (!done) {
        struct nj_str level = nj_topic_level(&filter, &done);

        if (is_wildcard(level, '#') && done)
            return true;
        if (!is_wildcard(level, '+') && nj_topic_has_wildcard(level))
            return false;
    }
    return true;
}

bool
nj_topic_matches(struct nj_str filter, struct nj_str name)
{
    bool filter_done = false, name_done = false;

    if (name.n > 0 && name.p[0] == '$' && filter.n > 0 &&
        (filter.p[0] == '+' || filter.p[0] == '#'))
        return false;
    while (!filter_done) {
        struct nj_str wanted = nj_topic_level(&filter, &filter_done);

        /* `a/#` matches `a` too: the levels of the name may have ended just before. */
        if (is_wildcard(wanted, '#'))
            return true;
        if (name_done)
            return false;
        if (!nj_str_eq(wanted, nj_topic_level(&name, &name_done)) && !is_wildcard(wanted, '+'))
            return false;
    }
    return name_done;
}

bool
nj_filter_parse(struct nj_str text, struct nj_filter *out)
{
    const struct nj_str prefix = NJ_STR("$share/");
    struct nj_filter f = {{text.p, 0}, text};
    bool ended = false;

    if (nj_str_starts(text, prefix)) {
        f.filter = nj_str_from(text, prefix.n);
        f.share = nj_topic_level(&f.filter, &ended);
        if (ended || !nj_topic_name_is_valid(f.share))
            return false;
    }
    if (!nj_topic_filter_is_valid(f.filter))
        return false;
    *out = f;
    return true;
}

enum nj_cause
nj_topic_check_plainly(struct nj_str name)
{
    if (!nj_utf8_is_valid(name))
        return NJ_CAUSE_UTF8;
    return nj_topic_has_wildcard(name) ? NJ_CAUSE_TOPIC_NAME_WILDCARD : NJ_CAUSE_NONE;
}

/* Nearly every topic is ASCII: then one pass tells, its last step reading again some bytes of the
 * one before. Everything else, faults included, is the plain twin's. */
enum nj_cause
nj_topic_check(struct nj_str name)
{
    uint64_t odd = 0;

    if (name.n >= 16) {
        for (size_t at = 0; at + 16 < name.n; at += 16)
            odd |= nj_swar_odd_in_16(name.p + at);
        odd |= nj_swar_odd_in_16(name.p + name.n - 16);
    } else if (name.n >= 8) {
        odd = nj_swar_odd_in_8(name.p) | nj_swar_odd_in_8(name.p + name.n - 8);
    } else {
        return nj_topic_check_plainly(name);
    }
    return NJ_LIKELY(odd == 0) ? NJ_CAUSE_NONE : nj_topic_check_plainly(name);
}
