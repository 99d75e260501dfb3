/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "base/nearest.h"
#include "config/draft.h"

#include <limits.h>
#include <stddef.h>

/* The words that the rows of options.def are written in. */
#define GLOBAL           .scope = NJ_SCOPE_GLOBAL
#define LISTENER         .scope = NJ_SCOPE_LISTENER
#define DEFAULT_LISTENER .scope = NJ_SCOPE_DEFAULT_LISTENER
#define SECURITY         .scope = NJ_SCOPE_SECURITY
#define BRIDGE           .scope = NJ_SCOPE_BRIDGE
#define PLUGIN           .scope = NJ_SCOPE_PLUGIN

#define ANY              .type = NJ_TYPE_ANY, .form = "..."
#define BOOL             .type = NJ_TYPE_BOOL, .form = "true | false"
#define INT(from, to, f) .type = NJ_TYPE_INT, .min = (from), .max = (to), .form = (f)
#define WIDE(f)          .type = NJ_TYPE_WIDE, .max = LLONG_MAX / 2, .form = (f)
#define STRING(f)        .type = NJ_TYPE_STRING, .form = (f)
#define WORDS(f)         .type = NJ_TYPE_WORDS, .form = (f)
#define LENGTH(n)        .max = (n)

#define OPENS(section)      .opens = (section)
#define ALIAS(a)            .alias = (a)
#define PREFIX              .is_prefix = true
#define DEFAULT(value)      .initial = (value)
#define SHOWN(what)         .shown = (what)
#define FIXED               .is_fixed = true
#define UNLIMITED_FROM_ZERO .is_unlimited_from_zero = true
#define ZERO_FROM_NEGATIVE  .is_zero_from_negative = true
#define LAST_WINS           .is_last_wins = true
#define WRONG(what)         .wrong = (what)
#define LATER               .status = NJ_STATUS_LATER
#define ACCEPTS(value)      .accepts = (value)
#define IGNORED(why)        .status = NJ_STATUS_IGNORED, .notice = (why)
#define NOTICE(what)        .notice = (what)
#define DEPRECATED(hint)    .deprecated = (hint)
#define SET(function)       .set = (function)
#define TEXT(what)          .text = (what)
#define INTO(field)                                                                                \
    .offset = offsetof(struct nj_config, field), .bytes = sizeof(((struct nj_config *)0)->field)
#define LISTENER_INTO(field)                                                                       \
    .offset = offsetof(struct nj_listener_opts, field),                                            \
    .bytes = sizeof(((struct nj_listener_opts *)0)->field)

const struct nj_option nj_options[] = {
#define OPTION(n, ...) {.name = (n), __VA_ARGS__},
#include "config/options.def"
#undef OPTION
};
const size_t nj_option_count = NJ_COUNT_OF(nj_options);

static bool
is_called(const struct nj_option *o, const char *known, struct nj_str name)
{
    if (known == NULL)
        return false;
    return o->is_prefix ? nj_str_starts(name, nj_str_of(known)) : nj_str_eq(name, nj_str_of(known));
}

const struct nj_option *
nj_option_find(struct nj_str name)
{
    for (size_t i = 0; i < nj_option_count; i++)
        if (is_called(&nj_options[i], nj_options[i].name, name) ||
            is_called(&nj_options[i], nj_options[i].alias, name))
            return &nj_options[i];
    return NULL;
}

const char *
nj_option_nearest(struct nj_str name)
{
    struct nj_nearest near = nj_nearest_to(name);

    for (size_t i = 0; i < nj_option_count; i++) {
        if (nj_options[i].is_prefix)
            continue;
        nj_nearest_try(&near, nj_options[i].name);
        if (nj_options[i].alias != NULL)
            nj_nearest_try(&near, nj_options[i].alias);
    }
    return near.name;
}
