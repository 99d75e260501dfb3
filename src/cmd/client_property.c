/* SPDX-License-Identifier: Apache-2.0 */
/* client_property.c — -D packet name value: properties of MQTT 5 by their names. */
#include "base/mem.h"
#include "cmd/client_config.h"
#include "mqtt/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    const char *text; /* in messages */
    uint32_t packets; /* 0: cannot be given here */
} targets[] = {
    [NJ_FOR_CONNECT] = {"connect", "CONNECT", NJ_PROPERTIES_OF(NJ_CONNECT)},
    [NJ_FOR_PUBLISH] = {"publish", "PUBLISH", NJ_PROPERTIES_OF(NJ_PUBLISH)},
    [NJ_FOR_SUBSCRIBE] = {"subscribe", "SUBSCRIBE", NJ_PROPERTIES_OF(NJ_SUBSCRIBE)},
    [NJ_FOR_UNSUBSCRIBE] = {"unsubscribe", "UNSUBSCRIBE", NJ_PROPERTIES_OF(NJ_UNSUBSCRIBE)},
    [NJ_FOR_DISCONNECT] = {"disconnect", "DISCONNECT", NJ_PROPERTIES_OF(NJ_DISCONNECT)},
    [NJ_FOR_WILL] = {"will", "Will", NJ_PROPERTIES_OF_WILL},
};

/* Packets of MQTT 5 whose properties these programs do not send. */
static const struct {
    const char *word;
    uint32_t packets;
} others[] = {
    {"auth", NJ_PROPERTIES_OF(NJ_AUTH)},     {"connack", NJ_PROPERTIES_OF(NJ_CONNACK)},
    {"puback", NJ_PROPERTIES_OF(NJ_PUBACK)}, {"pubrec", NJ_PROPERTIES_OF(NJ_PUBREC)},
    {"pubrel", NJ_PROPERTIES_OF(NJ_PUBREL)}, {"pubcomp", NJ_PROPERTIES_OF(NJ_PUBCOMP)},
    {"suback", NJ_PROPERTIES_OF(NJ_SUBACK)}, {"unsuback", NJ_PROPERTIES_OF(NJ_UNSUBACK)},
};

/* A PUBLISH of a client never has one, only one of the broker. */
static bool
is_from_the_broker(size_t target, unsigned id)
{
    return target == NJ_FOR_PUBLISH && id == NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER;
}

/* Which of `targets`; -1 and said why where there is none. */
static int
find_target(const char *word, unsigned id, const char *name)
{
    for (size_t i = 0; i < NJ_COUNT_OF(targets); i++) {
        if (strcasecmp(targets[i].word, word) != 0)
            continue;
        if (nj_property_is_allowed(id, targets[i].packets) && !is_from_the_broker(i, id))
            return (int)i;
        (void)nj_client_mistake("Error: %s property not %s for %s in --property argument.\n\n",
                                name, is_from_the_broker(i, id) ? "supported" : "allowed", word);
        return -1;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(others); i++) {
        if (strcasecmp(others[i].word, word) == 0) {
            (void)nj_client_mistake(
                "Error: %s property not supported for %s in --property argument.\n\n", name, word);
            return -1;
        }
    }
    return -1;
}

static bool
is_packet(const char *word)
{
    for (size_t i = 0; i < NJ_COUNT_OF(targets); i++) {
        if (strcasecmp(targets[i].word, word) == 0)
            return true;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(others); i++) {
        if (strcasecmp(others[i].word, word) == 0)
            return true;
    }
    return false;
}

static bool
add_number(struct nj_client_property_list *list, unsigned id, const char *name, const char *value,
           enum nj_client_err *err)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(value, &end, 10);
    if (end == value || *end != '\0')
        return nj_client_mistake("Error: Value '%s' of property %s is not a number.\n\n", value,
                                 name);
    if (errno != 0 || number < 0 || number > (long)nj_property_maximum(id))
        return nj_client_mistake("Error: Property value (%s) out of range for property %s.\n\n",
                                 value, name);
    *err = nj_client_property_add_number(list, id, (uint32_t)number);
    return true;
}

bool
nj_client_config_property(struct nj_client_config *c, const char *target, char **values,
                          int value_count, int *used)
{
    const char *name = values[0];
    unsigned id = nj_property_by_name(nj_str_of(name));
    bool is_pair = id == NJ_PROPERTY_USER_PROPERTY;
    enum nj_client_err err = NJ_CLIENT_OK;
    int at;

    if (!is_packet(target))
        return nj_client_mistake("Error: Invalid command %s given in --property argument.\n\n",
                                 target);
    if (id == 0)
        return nj_client_mistake(
            "Error: Invalid property name %s given in --property argument.\n\n", name);
    if (value_count < (is_pair ? 3 : 2))
        return nj_client_mistake("Error: --property argument given but not enough arguments "
                                 "specified.\n\n");
    at = find_target(target, id, name);
    if (at < 0)
        return false;
    if (c->properties[at] == NULL)
        c->properties[at] = nj_client_property_list_new();
    if (c->properties[at] == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    if (strlen(values[1]) > UINT16_MAX || (is_pair && strlen(values[2]) > UINT16_MAX))
        return nj_client_mistake("Error: Property value too long for property %s.\n\n", name);
    if (is_pair)
        err = nj_client_property_add_pair(c->properties[at], values[1], strlen(values[1]),
                                          values[2], strlen(values[2]));
    else if (nj_property_maximum(id) == 0)
        err = nj_client_property_add_bytes(c->properties[at], id, values[1], strlen(values[1]));
    else if (!add_number(c->properties[at], id, name, values[1], &err))
        return false;
    if (err != NJ_CLIENT_OK)
        return nj_client_mistake("Error adding property %s: %s\n", name, nj_client_error_text(err));
    c->version = NJ_MQTT_5;
    c->has_topic_alias |= id == NJ_PROPERTY_TOPIC_ALIAS && at == NJ_FOR_PUBLISH;
    *used = is_pair ? 3 : 2;
    return true;
}

/* Twice the same, or a value that its kind of packet forbids. */
static bool
check_block(struct nj_client_properties block, uint32_t packets, const char *text)
{
    uint8_t length[4];
    struct nj_writer w = nj_writer_of(length, sizeof(length));
    struct nj_properties parsed;
    enum nj_cause cause;
    char *whole;

    nj_varint_write(&w, (uint32_t)block.n);
    size_t length_n = (size_t)(w.p - length);
    whole = nj_alloc(length_n + block.n);
    if (whole == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    memcpy(whole, length, length_n);
    memcpy(whole + length_n, block.p, block.n);
    struct nj_reader r = nj_reader_of((struct nj_str){whole, length_n + block.n});
    cause = nj_properties_decode(&r, packets, &parsed);
    nj_free(whole);
    if (cause == NJ_CAUSE_NONE)
        return true;
    if (cause == NJ_CAUSE_PROPERTY_TWICE)
        return nj_client_mistake("Error in %s properties: Duplicate property in property list\n",
                                 text);
    return nj_client_mistake("Error in %s properties: %s\n", text, nj_cause_text(cause));
}

bool
nj_client_config_properties_check(const struct nj_client_config *c)
{
    for (size_t i = 0; i < NJ_COUNT_OF(targets); i++) {
        struct nj_client_properties block = nj_client_property_list_view(c->properties[i]);

        if (block.n > 0 && c->version != NJ_MQTT_5)
            return nj_client_mistake(
                "Error: -D %s needs MQTT 5, but -V asks for another version.\n", targets[i].word);
        if (block.n > 0 && !check_block(block, targets[i].packets, targets[i].text))
            return false;
    }
    return true;
}
