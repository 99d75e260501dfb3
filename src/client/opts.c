/* SPDX-License-Identifier: Apache-2.0 */
#include "client/opts.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/secret.h"
#include "client/props.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

void
nj_client_opts_init(struct nj_client_opts *opts)
{
    *opts = (struct nj_client_opts){
        .host = "localhost",
        .port = 1883,
        .connect_timeout_ms = 30000,
        .version = NJ_MQTT_311,
        .clean_start = true,
        .keep_alive_s = 60,
        .inflight_maximum = 20,
        .queue_bytes = (size_t)64 << 20,
        .output_bytes = (size_t)1 << 20,
        .reconnect_min_ms = 1000,
        .reconnect_max_ms = 30000,
    };
}

static bool
is_text(const char *s)
{
    struct nj_str text = nj_str_of(s);

    return text.n <= UINT16_MAX && nj_utf8_is_valid(text);
}

static bool
block_is_good(struct nj_client_properties block, uint8_t version, uint32_t packets)
{
    struct nj_properties numbers;

    return block.n == 0 ||
           (version == NJ_MQTT_5 && nj_props_check(block, packets, &numbers) == NJ_CAUSE_NONE);
}

static bool
will_is_good(const struct nj_client_message *will, uint8_t version)
{
    return will->topic != NULL && is_text(will->topic) &&
           nj_topic_name_is_valid(nj_str_of(will->topic)) && will->qos <= 2 &&
           will->payload_n <= UINT16_MAX &&
           block_is_good(will->properties, version, NJ_PROPERTIES_OF_WILL);
}

static bool
is_one_of(const char *text, const char *a, const char *b)
{
    return text == NULL || strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static bool
tls_is_good(const struct nj_client_tls *t)
{
    return (t->cert == NULL) == (t->key == NULL) && (t->psk == NULL) == (t->psk_identity == NULL) &&
           is_one_of(t->version, "tlsv1.2", "tlsv1.3") && is_one_of(t->keyform, "pem", "engine");
}

static bool
opts_are_good(const struct nj_client_opts *o)
{
    bool has_id = o->client_id != NULL && o->client_id[0] != '\0';

    if (o->version < NJ_MQTT_31 || o->version > NJ_MQTT_5)
        return false;
    if (o->unix_path == NULL && !o->srv && (o->host == NULL || o->port == 0))
        return false;
    if (o->unix_path != NULL && o->srv)
        return false;
    if (has_id && !is_text(o->client_id))
        return false;
    /* A session that nobody could come back to. */
    if (!has_id && !o->clean_start && o->version < NJ_MQTT_5)
        return false;
    if (o->user_name != NULL && !is_text(o->user_name))
        return false;
    if (o->password != NULL && o->password_n > UINT16_MAX)
        return false;
    if (o->password != NULL && o->user_name == NULL && o->version < NJ_MQTT_5)
        return false;
    if (o->will != NULL && !will_is_good(o->will, o->version))
        return false;
    if (o->tls != NULL && (!tls_is_good(o->tls) || o->host == NULL))
        return false;
    return block_is_good(o->properties, o->version, NJ_PROPERTIES_OF(NJ_CONNECT));
}

/* n bytes and a NUL; NULL stays NULL. */
static bool
keep(const void **field, const void *p, size_t n)
{
    char *copy;

    *field = NULL;
    if (p == NULL)
        return true;
    copy = nj_alloc(n + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, p, n);
    copy[n] = '\0';
    *field = copy;
    return true;
}

static bool
keep_text(const char **field, const char *text)
{
    const void *copy;
    bool is_kept = keep(&copy, text, text != NULL ? strlen(text) : 0);

    *field = copy;
    return is_kept;
}

static bool
keep_will(const struct nj_client_message **field, const struct nj_client_message *will)
{
    struct nj_client_message *copy;

    *field = NULL;
    if (will == NULL)
        return true;
    copy = nj_zalloc(sizeof(*copy));
    if (copy == NULL)
        return false;
    *field = copy;
    copy->qos = will->qos;
    copy->retain = will->retain;
    copy->payload_n = will->payload_n;
    copy->properties.n = will->properties.n;
    return keep_text(&copy->topic, will->topic) &&
           keep(&copy->payload, will->payload, will->payload_n) &&
           keep(&copy->properties.p, will->properties.p, will->properties.n);
}

/* The texts of TLS, for all who walk them. */
#define TLS_TEXTS(X)                                                                               \
    X(cafile)                                                                                      \
    X(capath)                                                                                      \
    X(cert)                                                                                        \
    X(key)                                                                                         \
    X(version)                                                                                     \
    X(ciphers)                                                                                     \
    X(ciphersuites)                                                                                \
    X(alpn)                                                                                        \
    X(psk)                                                                                         \
    X(psk_identity)                                                                                \
    X(engine)                                                                                      \
    X(keyform)                                                                                     \
    X(engine_kpass_sha1)                                                                           \
    X(keylog)

static bool
keep_tls(const struct nj_client_tls **field, const struct nj_client_tls *tls)
{
    struct nj_client_tls *copy;
    bool is_kept = true;

    *field = NULL;
    if (tls == NULL)
        return true;
    copy = nj_zalloc(sizeof(*copy));
    if (copy == NULL)
        return false;
    *field = copy;
    copy->use_os_certs = tls->use_os_certs;
    copy->insecure = tls->insecure;
    copy->password = tls->password;
    copy->password_ctx = tls->password_ctx;
#define X(name) is_kept = keep_text(&copy->name, tls->name) && is_kept;
    TLS_TEXTS(X)
#undef X
    return is_kept;
}

/* 3.1 wants one to 23 characters from every client, so it cannot leave the name to the broker. */
static bool
make_up_client_id(const char **field)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t random[20];
    char id[24] = "nj-";

    nj_rand_system(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        id[3 + i] = letters[random[i] % (sizeof(letters) - 1)];
    return keep_text(field, id);
}

enum nj_client_err
nj_client_opts_copy(struct nj_client_opts *out, const struct nj_client_opts *in)
{
    struct nj_client_opts o = *in;
    bool needs_id = in->version == NJ_MQTT_31 && (in->client_id == NULL || *in->client_id == '\0');

    if (!opts_are_good(in))
        return NJ_CLIENT_EINVAL;
    o.host = o.unix_path = o.bind_address = o.client_id = o.user_name = NULL;
    o.password = o.properties.p = NULL;
    o.will = NULL;
    o.tls = NULL;
    if (o.connect_timeout_ms == 0)
        o.connect_timeout_ms = 30000;
    if (o.reconnect_max_ms < o.reconnect_min_ms)
        o.reconnect_max_ms = o.reconnect_min_ms;
    if (o.receive_maximum == 0)
        o.receive_maximum = UINT16_MAX;
    if (o.maximum_packet_size == 0)
        o.maximum_packet_size = NJ_PACKET_MAX_BYTES;

    if (keep_text(&o.host, in->host) && keep_text(&o.unix_path, in->unix_path) &&
        keep_text(&o.bind_address, in->bind_address) &&
        (needs_id ? make_up_client_id(&o.client_id)
                  : keep_text(&o.client_id, in->client_id != NULL ? in->client_id : "")) &&
        keep_text(&o.user_name, in->user_name) && keep(&o.password, in->password, in->password_n) &&
        keep(&o.properties.p, in->properties.p, in->properties.n) && keep_will(&o.will, in->will) &&
        keep_tls(&o.tls, in->tls)) {
        *out = o;
        return NJ_CLIENT_OK;
    }
    nj_client_opts_fini(&o);
    return NJ_CLIENT_ENOMEM;
}

/* What is const for its users is ours to free. */
static void
free_const(const void *p)
{
    union {
        const void *lent;
        void *owned;
    } u = {.lent = p};

    nj_free(u.owned);
}

/* The same for a secret of n bytes, which nobody reads in the memory afterwards. */
static void
wipe(const void *p, size_t n)
{
    union {
        const void *lent;
        void *owned;
    } u = {.lent = p};

    if (p != NULL)
        nj_secret_wipe(u.owned, n);
    nj_free(u.owned);
}

static void
free_tls(const struct nj_client_tls *tls)
{
    if (tls == NULL)
        return;
#define X(name) wipe(tls->name, tls->name != NULL ? strlen(tls->name) : 0);
    TLS_TEXTS(X)
#undef X
    free_const(tls);
}

void
nj_client_opts_rename(struct nj_client_opts *o, const char *id)
{
    free_const(o->client_id);
    o->client_id = id;
}

void
nj_client_opts_fini(struct nj_client_opts *o)
{
    free_const(o->host);
    free_const(o->unix_path);
    free_const(o->bind_address);
    free_const(o->client_id);
    free_const(o->user_name);
    wipe(o->password, o->password_n);
    free_const(o->properties.p);
    if (o->will != NULL) {
        free_const(o->will->topic);
        free_const(o->will->payload);
        free_const(o->will->properties.p);
    }
    free_const(o->will);
    free_tls(o->tls);
    *o = (struct nj_client_opts){0};
}
