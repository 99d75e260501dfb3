/* SPDX-License-Identifier: Apache-2.0 */
/* client_check.c — whether the options that were given fit together.
 *
 * No single option is wrong by itself any more when this is asked; here are the pairs. Defaults
 * that hang on other options (version, port, session expiry) are settled on the way, since what
 * comes later rests on them. The order is Mosquitto's: of several mistakes the same is told. */
#include "cmd/client_config_priv.h"

#include "mqtt/packet.h"

static bool
check_will(const struct nj_client_config *c)
{
    if (c->will_payload != NULL && c->will_topic == NULL)
        return nj_client_mistake("Error: Will payload given, but no will topic given.\n");
    if (c->will_retain && c->will_topic == NULL)
        return nj_client_mistake("Error: Will retain given, but no will topic given.\n");
    return true;
}

static bool
check_session(struct nj_client_config *c)
{
    bool has_id = c->id != NULL || c->id_prefix != NULL;

    if (c->version == NJ_MQTT_5 && c->is_persistent && !c->has_expiry) {
        c->has_expiry = true;
        c->expiry_s = NJ_SESSION_NEVER_EXPIRES;
    }
    if (c->version == NJ_MQTT_5 && c->has_expiry && c->expiry_s == NJ_SESSION_NEVER_EXPIRES &&
        !has_id)
        return nj_client_mistake(
            "Error: You must provide a client id if you are using an infinite session "
            "expiry interval.\n");
    if (c->version != NJ_MQTT_5 && c->is_persistent && !has_id)
        return nj_client_mistake(
            "Error: You must provide a client id if you are using the -c option.\n");
    return true;
}

static bool
check_srv(const struct nj_client_config *c)
{
    if (c->srv && c->unix_path != NULL)
        return nj_client_mistake("Error: -S and --unix cannot be used together.\n");
    if (c->srv && c->host == NULL && nj_client_config_has_tls(c))
        return nj_client_mistake("Error: -S with TLS needs -h: the broker's certificate has to be "
                                 "for that domain.\n");
    return true;
}

bool
nj_client_config_check(struct nj_client_config *c)
{
    if (!check_will(c))
        return false;
    if (c->version == 0)
        c->version = c->tool == NJ_TOOL_RR ? NJ_MQTT_5 : NJ_MQTT_311;
    if (!check_session(c))
        return false;
    if (c->tool == NJ_TOOL_SUB && c->topics.count == 0 && c->unsubscribes.count == 0)
        return nj_client_mistake("Error: You must specify a topic to subscribe to (-t) or "
                                 "unsubscribe from (-U).\n");
    if (!nj_client_config_check_tls(c) || !check_srv(c))
        return false;
    if (c->port < 0 && c->tool != NJ_TOOL_DOCTOR) /* who asks which listener was meant */
        c->port = nj_client_config_has_tls(c) ? 8883 : 1883;
    return nj_client_config_properties_check(c) && nj_client_config_find_password(c);
}

/* What a tool says when something it cannot do without is missing; empty: all is there. */
const char *
nj_client_missing(const struct nj_client_config *c)
{
    bool has_message = c->source != NJ_SOURCE_NONE;

    switch (c->tool) {
    case NJ_TOOL_PUB:
        return c->topics.count == 0 || !has_message
                   ? "Error: Both topic and message must be supplied.\n"
                   : "";
    case NJ_TOOL_SUB:
        return c->no_retained && c->retained_only
                   ? "\nError: Combining '-R' and '--retained-only' makes no sense.\n"
                   : "";
    case NJ_TOOL_RR:
        return c->topics.count == 0 || !has_message || c->response_topic == NULL
                   ? "Error: All of topic, message, and response topic must be supplied.\n"
                   : "";
    case NJ_TOOL_DOCTOR:
        return "";
    }
    return "";
}
