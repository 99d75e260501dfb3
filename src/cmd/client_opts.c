/* SPDX-License-Identifier: Apache-2.0 */
/* client_opts.c — from what was asked on the command line to what libnightjar is told. */
#include "base/mem.h"
#include "cmd/client_config.h"
#include "mqtt/packet.h"

#include <string.h>
#include <unistd.h>

/* What MQTT 5's CONNECT holds: the session's expiry first, then what -D gave, then how many
 * messages may be on their way to us. */
static struct nj_client_property_list *
connect_properties(const struct nj_client_config *c)
{
    struct nj_client_properties given = nj_client_property_list_view(c->properties[NJ_FOR_CONNECT]);
    struct nj_client_properties rest = given;
    struct nj_client_property_list *list = nj_client_property_list_new();
    struct nj_client_property p;
    bool has_receive_maximum = false, has_expiry = false;
    enum nj_client_err err = NJ_CLIENT_OK;

    while (nj_client_property_next(&rest, &p)) {
        has_receive_maximum |= p.id == NJ_PROPERTY_RECEIVE_MAXIMUM;
        has_expiry |= p.id == NJ_PROPERTY_SESSION_EXPIRY_INTERVAL;
    }
    if (list != NULL && c->has_expiry && !has_expiry)
        err = nj_client_property_add_number(list, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL, c->expiry_s);
    rest = given;
    while (list != NULL && err == NJ_CLIENT_OK && nj_client_property_next(&rest, &p)) {
        if (p.id == NJ_PROPERTY_USER_PROPERTY)
            err = nj_client_property_add_pair(list, p.key, p.key_n, p.value, p.value_n);
        else if (p.value != NULL)
            err = nj_client_property_add_bytes(list, p.id, p.value, p.value_n);
        else
            err = nj_client_property_add_number(list, p.id, p.number);
    }
    if (list != NULL && err == NJ_CLIENT_OK && !has_receive_maximum)
        err = nj_client_property_add_number(list, NJ_PROPERTY_RECEIVE_MAXIMUM,
                                            c->tool == NJ_TOOL_RR           ? 1u
                                            : c->count > 0 && c->count < 20 ? (uint32_t)c->count
                                                                            : 20u);
    if (err == NJ_CLIENT_OK)
        return list;
    nj_client_property_list_free(list);
    return NULL;
}

static bool
make_id(struct nj_client_told *out, const struct nj_client_config *c)
{
    size_t room = c->id_prefix != NULL ? strlen(c->id_prefix) + 24 : 0;

    out->opts.client_id = c->id;
    if (c->id_prefix == NULL)
        return true;
    out->id = nj_alloc(room);
    if (out->id == NULL)
        return false;
    (void)snprintf(out->id, room, "%s%ld", c->id_prefix, (long)getpid());
    out->opts.client_id = out->id;
    return true;
}

static void
set_will(struct nj_client_told *out, const struct nj_client_config *c)
{
    out->will = (struct nj_client_message){
        .topic = c->will_topic,
        .payload = c->will_payload,
        .payload_n = c->will_payload_n,
        .qos = (uint8_t)c->will_qos,
        .retain = c->will_retain,
        .properties = nj_client_property_list_view(c->properties[NJ_FOR_WILL]),
    };
    out->opts.will = &out->will;
}

bool
nj_client_told_init(struct nj_client_told *out, const struct nj_client_config *c)
{
    struct nj_client_opts *o = &out->opts;

    *out = (struct nj_client_told){.id = NULL};
    nj_client_opts_init(o);
    if (c->host != NULL || c->srv)
        o->host = c->host;
    o->srv = c->srv;
    if (c->port > 0)
        o->port = (uint16_t)c->port;
    o->unix_path = c->unix_path;
    o->bind_address = c->bind_address;
    o->nodelay = c->nodelay;
    o->version = (uint8_t)c->version;
    o->clean_start = !c->is_persistent;
    o->keep_alive_s = (uint16_t)c->keep_alive_s;
    o->user_name = c->user;
    o->password = c->password;
    o->password_n = c->password != NULL ? strlen(c->password) : 0;
    o->inflight_maximum = (uint16_t)c->inflight;
    o->queue_bytes = (size_t)8 << 20;
    if (c->will_topic != NULL)
        set_will(out, c);
    if (nj_client_config_has_tls(c)) {
        out->tls = nj_client_config_tls(c);
        o->tls = &out->tls;
    }
    if (c->version == NJ_MQTT_5) {
        out->properties = connect_properties(c);
        o->properties = nj_client_property_list_view(out->properties);
    }
    return make_id(out, c) && (c->version != NJ_MQTT_5 || out->properties != NULL);
}

void
nj_client_told_fini(struct nj_client_told *told)
{
    nj_client_property_list_free(told->properties);
    nj_free(told->id);
    *told = (struct nj_client_told){.id = NULL};
}
