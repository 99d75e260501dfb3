/* SPDX-License-Identifier: Apache-2.0 */
/* client_value.c — what stands behind an option, taken over or refused.
 *
 * Every text is copied: argv is wiped where it holds secrets, and a line of an options file is gone
 * with the next. Numbers are whole or no numbers at all. Names and filters are held to the
 * standard here, where the option can still be named, and not first at the broker. */
#include "cmd/client_config_priv.h"

#include "base/mem.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool
nj_client_keep(char **field, const char *text)
{
    char *copy = nj_str_dup(nj_str_of(text));

    if (copy == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    nj_free(*field);
    *field = copy;
    return true;
}

bool
nj_client_append(struct nj_strings *list, const char *text)
{
    char **more = nj_realloc(list->at, (list->count + 1) * sizeof(*more));

    if (more == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    list->at = more;
    list->at[list->count] = nj_str_dup(nj_str_of(text));
    if (list->at[list->count] == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    list->count++;
    return true;
}

/* A whole number that fits; anything else reads as a number out of every range. */
long
nj_client_number(const char *text)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    return end == text || *end != '\0' || errno != 0 ? LONG_MIN : n;
}

static bool
is_text(const char *text)
{
    return nj_utf8_is_valid(nj_str_of(text));
}

bool
nj_client_check_name(const char *what, const char *option, const char *topic)
{
    if (!is_text(topic))
        return nj_client_mistake("Error: Malformed UTF-8 in %s argument.\n\n", option);
    if (strlen(topic) > UINT16_MAX || !nj_topic_name_is_valid(nj_str_of(topic)))
        return nj_client_mistake("Error: Invalid %s topic '%s', does it contain '+' or '#'?\n",
                                 what, topic);
    return true;
}

bool
nj_client_check_filter(const char *what, const char *option, const char *filter)
{
    struct nj_filter parts;

    if (!is_text(filter))
        return nj_client_mistake("Error: Malformed UTF-8 in %s argument.\n\n", option);
    if (strlen(filter) > UINT16_MAX || !nj_filter_parse(nj_str_of(filter), &parts))
        return nj_client_mistake(
            "Error: Invalid %s topic '%s', are all '+' and '#' wildcards correct?\n", what, filter);
    return true;
}

bool
nj_client_add_topic(struct nj_client_config *c, const char *option, const char *topic)
{
    bool is_good = (c->tool & (NJ_TOOL_SUB | NJ_TOOL_DOCTOR)) != 0
                       ? nj_client_check_filter("subscription", option, topic)
                       : nj_client_check_name("publish", option, topic);

    if (!is_good)
        return false;
    if (c->tool == NJ_TOOL_SUB || c->topics.count == 0)
        return nj_client_append(&c->topics, topic);
    return nj_client_keep(&c->topics.at[0], topic);
}
