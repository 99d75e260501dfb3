/* SPDX-License-Identifier: Apache-2.0 */
/* topic.h — topic names, topic filters, share names: their grammar, and whether one matches
 * another.
 *
 * All input is well-formed UTF-8 already. Thread: any, no state. Cost: linear, no recursion. */
#ifndef NJ_MQTT_TOPIC_H
#define NJ_MQTT_TOPIC_H

#include "base/str.h"

/* At least one character, no wildcard. [MQTT5-3.3.2-2] [MQTT5-4.7.3-1] [MQTT311-3.3.2-2] */
bool nj_topic_name_is_valid(struct nj_str name);
/* `#` only as the last level, `+` only as a whole level. [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] */
bool nj_topic_filter_is_valid(struct nj_str filter);
bool nj_topic_has_wildcard(struct nj_str filter);
/* Separators plus one. */
size_t nj_topic_levels(struct nj_str topic);

/* Whether a valid filter (share prefix removed) matches a valid name; a leading wildcard matches no
 * name that begins with `$`. The plain twin of the index. [MQTT5-4.7.2-1] [MQTT311-4.7.2-1] */
bool nj_topic_matches(struct nj_str filter, struct nj_str name);

/* `$share/NAME/FILTER` taken apart; not shared: `share` is empty and `filter` the whole. */
struct nj_filter {
    struct nj_str share;
    struct nj_str filter;
};
/* False where the grammar does not hold (no filter after the name, wildcard in the name, empty
 * name, bad filter). [MQTT5-4.8.2-1] [MQTT5-4.8.2-2] */
bool nj_filter_parse(struct nj_str text, struct nj_filter *out);

/* Level by level: begin with *rest = the topic and *done = false; *done is set with the last. */
struct nj_str nj_topic_level(struct nj_str *rest, bool *done);

#endif
