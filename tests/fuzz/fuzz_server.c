/* SPDX-License-Identifier: Apache-2.0 */
/* The whole broker against several hostile clients, in io's simulated world. The input is a script:
 * a few bytes choose the limits, then each step is a byte and its arguments. Most steps send a
 * packet that is well-formed, so that the states behind a CONNECT are met often; one sends bytes as
 * they stand in the script.
 *
 * Held against it: what the broker sends can be decoded, begins with CONNACK or AUTH, keeps to the
 * receive maximum and to aliases that were introduced; no worker goes to sleep with work undone;
 * and when all clients have gone and all sessions have expired, nothing is left of them. RCU is
 * that of the simulation: what is kept beyond a turn is freed memory. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/reader.h"
#include "io/sim.h"
#include "server/server_priv.h"
#include "store/store_mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define CLIENTS      5
#define PIPE_BYTES   4096
#define PACKET_BYTES 2048
#define IN_BYTES     (64 * 1024)
#define ALIASES      16
#define ROUNDS       400

struct client {
    int fd;
    enum nj_version version;
    bool is_wild;       /* it has sent bytes of its own making: nobody knows what to expect */
    bool has_connect;   /* its CONNECT was sent */
    bool is_greeted;    /* something has come */
    uint32_t allowance; /* receive maximum */
    uint32_t unanswered;
    uint64_t known_aliases; /* bits */
    uint8_t *in;
    size_t in_n;
};

static struct world {
    struct nj_reader script;
    struct nj_server_opts opts;
    struct nj_listener_opts listener;
    struct nj_broker_opts broker_opts[2]; /* a reload changes from one to the other */
    struct nj_store_mem stores[2];
    struct nj_store_port *ports[2];
    struct nj_server *server;
    struct client clients[CLIENTS];
    int door;
    bool is_short_of_memory; /* or was: then connections may end anywhere */
} world;

/* ---- the script ---- */

static uint8_t
pick(uint8_t below)
{
    return nj_reader_left(&world.script) > 0 ? nj_read_u8(&world.script) % below : 0;
}

static struct nj_str
pick_of(const char *const *words, uint8_t count)
{
    return nj_str_of(words[pick(count)]);
}

static struct nj_str
topic(void)
{
    static const char *const topics[] = {"a", "a/b", "a/b/c",       "$x/y",
                                         "/", "b",   "a/b/c/d/e/f", "$SYS/x"};

    return pick_of(topics, NJ_COUNT_OF(topics));
}

static struct nj_str
filter(void)
{
    static const char *const filters[] = {
        "a",          "#",          "+",           "a/#",          "a/+",  "+/b/#",
        "$share/g/a", "$share/g/#", "$share/h/+",  "$share/g/a/b", "$x/#", "/",
        "b",          "a/b/c",      "a/b/c/d/e/f", "$share/h/a/#"};

    return pick_of(filters, NJ_COUNT_OF(filters));
}

static struct nj_str
client_id(void)
{
    static const char *const ids[] = {
        "one", "two", "three", "", "four", "#", "a longer identifier"};

    return pick_of(ids, NJ_COUNT_OF(ids));
}

static struct nj_str
payload(void)
{
    static const char bytes[1500];
    static const uint16_t sizes[] = {1, 0, 10, 200, 1500};

    return (struct nj_str){bytes, sizes[pick(NJ_COUNT_OF(sizes))]};
}

/* ---- the broker's turns ---- */

/* Workers are run when they are woken, have something ready, or the time they named has come. */
static bool
is_due(unsigned worker)
{
    return nj_server_next(world.server, worker) <= nj_sim_now();
}

static void
turn_all(void)
{
    for (unsigned i = 0; i < world.opts.workers; i++)
        nj_server_turn(world.server, i, 0);
}

static bool
is_quiet(void)
{
    bool is_any_due = false;

    for (unsigned i = 0; i < world.opts.workers; i++)
        is_any_due = is_any_due || is_due(i);
    return nj_sim_is_idle() && !is_any_due;
}

/* Until nothing moves any more. Then one more turn finds nothing that was forgotten. */
static void
settle(void)
{
    unsigned rounds = 0;
    uint64_t sent;

    for (; !is_quiet(); rounds++) {
        NJ_ASSERT(rounds < 100 * ROUNDS); /* it spins */
        turn_all();
    }
    if (world.is_short_of_memory)
        return;
    sent = nj_server_metric(world.server, NJ_METRIC_PACKETS_SENT);
    turn_all();
    NJ_ASSERT(nj_server_metric(world.server, NJ_METRIC_PACKETS_SENT) == sent);
}

/* ---- clients ---- */

static void
forget(struct client *c)
{
    nj_free(c->in);
    *c = (struct client){.fd = -1};
}

static void
open_client(struct client *c)
{
    if (c->fd >= 0)
        return;
    nj_mem_limit_set(0);
    *c = (struct client){.fd = nj_sim_connect(world.door), .in = nj_alloc(IN_BYTES)};
    NJ_ASSERT(c->in != NULL);
}

static void
close_client(struct client *c, bool is_reset)
{
    if (c->fd < 0)
        return;
    if (is_reset)
        nj_sim_reset(c->fd);
    else
        nj_sim_close(c->fd);
    forget(c);
}

/* What the broker does not take after so many turns it shall not have. */
static void
send_bytes(struct client *c, const void *bytes, size_t n)
{
    size_t done = 0;

    for (unsigned rounds = 0; done < n && c->fd >= 0; rounds++) {
        ssize_t moved = nj_sim_write(c->fd, (const uint8_t *)bytes + done, n - done);

        if (moved > 0)
            done += (size_t)moved;
        else if (moved != NJ_IO_AGAIN || rounds == 50)
            close_client(c, true);
        if (done < n)
            turn_all();
    }
}

static void
send_written(struct client *c, const uint8_t *packet, const struct nj_writer *w)
{
    if (!w->is_full)
        send_bytes(c, packet, (size_t)(w->p - packet));
}

static void
send_ack(struct client *c, enum nj_packet_type type, uint16_t packet_id, uint8_t reason)
{
    uint8_t packet[16];
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));

    nj_ack_encode(&w, c->version, type, packet_id, reason, NJ_STR(""));
    send_written(c, packet, &w);
}

static void
send_connect(struct client *c)
{
    uint8_t packet[PACKET_BYTES], properties[256], will_properties[64];
    struct nj_writer p = nj_writer_of(properties, sizeof(properties));
    struct nj_writer wp = nj_writer_of(will_properties, sizeof(will_properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    struct nj_connect_out connect = {
        .version = (enum nj_version)(3 + (pick(3) + 2) % 3),
        .client_id = client_id(),
        .keep_alive_s = (uint16_t)(pick(3) * 5),
    };
    uint8_t flags = pick(255), choices = 0;
    uint32_t allowance = UINT16_MAX;

    connect.clean_start = (flags & 1) != 0;
    connect.has_will = (flags & 2) != 0;
    connect.has_user_name = (flags & 4) != 0;
    connect.user_name = NJ_STR("three");
    if (connect.has_will) {
        connect.will_topic = topic();
        connect.will_payload = payload();
        connect.will_qos = pick(3);
        connect.will_retain = pick(2) != 0;
        if (connect.version == NJ_MQTT_5 && pick(2) != 0)
            nj_property_put_number(&wp, NJ_PROPERTY_WILL_DELAY_INTERVAL, pick(20));
    }
    if (connect.version == NJ_MQTT_5)
        choices = pick(64);
    if ((choices & 1) != 0)
        nj_property_put_number(&p, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL, pick(100) * 10);
    if ((choices & 2) != 0) {
        allowance = 1u + pick(4);
        nj_property_put_number(&p, NJ_PROPERTY_RECEIVE_MAXIMUM, allowance);
    }
    if ((choices & 4) != 0)
        nj_property_put_number(&p, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM, pick(ALIASES));
    if ((choices & 8) != 0)
        nj_property_put_number(&p, NJ_PROPERTY_MAXIMUM_PACKET_SIZE, 1u + pick(255));
    if ((choices & 16) != 0)
        nj_property_put_string(&p, NJ_PROPERTY_AUTHENTICATION_METHOD, NJ_STR("steps"));
    if ((choices & 32) != 0)
        nj_property_put_pair(&p, NJ_STR("k"), NJ_STR("v"));
    connect.properties = (struct nj_str){(const char *)properties, (size_t)(p.p - properties)};
    connect.will_properties =
        (struct nj_str){(const char *)will_properties, (size_t)(wp.p - will_properties)};
    nj_connect_encode(&w, &connect);
    if (!c->has_connect) {
        c->version = connect.version;
        c->allowance = allowance;
    }
    c->has_connect = true;
    send_written(c, packet, &w);
}

static void
send_publish(struct client *c)
{
    uint8_t packet[PACKET_BYTES], properties[64];
    struct nj_writer p = nj_writer_of(properties, sizeof(properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    uint8_t flags = pick(255);
    struct nj_publish_head head = {
        .qos = flags & 3,
        .retain = (flags & 4) != 0,
        .topic = topic(),
        .packet_id = 1u + pick(5),
        .topic_alias = (flags & 8) != 0 ? pick(5) : 0,
    };
    struct nj_str bytes = payload();

    if (head.qos == 3)
        head.qos = 0;
    head.dup = head.qos > 0 && (flags & 16) != 0;
    if ((flags & 32) != 0)
        head.topic.n = 0;
    if ((flags & 64) != 0) {
        head.has_expiry = true;
        head.message_expiry_interval_s = pick(30);
    }
    if ((flags & 128) != 0)
        nj_property_put_pair(&p, NJ_STR("key"), NJ_STR("value"));
    head.properties = (struct nj_str){(const char *)properties, (size_t)(p.p - properties)};
    head.payload_bytes = (uint32_t)bytes.n;
    nj_publish_head_encode(&w, c->version, &head);
    nj_write_bytes(&w, bytes);
    send_written(c, packet, &w);
}

static void
send_subscribe(struct client *c, bool is_subscribe)
{
    uint8_t packet[PACKET_BYTES], list[PACKET_BYTES / 2], properties[8];
    struct nj_writer l = nj_writer_of(list, sizeof(list));
    struct nj_writer p = nj_writer_of(properties, sizeof(properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    uint8_t count = (uint8_t)(1 + pick(4));

    for (uint8_t i = 0; i < count; i++) {
        uint8_t flags = pick(255);
        struct nj_subscription s = {
            .filter = filter(),
            .qos = flags & 3,
            .retain_handling = flags >> 2 & 3,
            .no_local = (flags & 16) != 0,
            .retain_as_published = (flags & 32) != 0,
        };

        s.qos = (uint8_t)NJ_MIN(s.qos, 2);
        s.retain_handling = (uint8_t)NJ_MIN(s.retain_handling, 2);
        s.no_local = s.no_local && s.filter.p[0] != '$';
        nj_subscription_put(&l, c->version, is_subscribe, &s);
    }
    if (is_subscribe && pick(3) == 0)
        nj_property_put_number(&p, NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER, 1u + pick(3));
    nj_subscribe_encode(&w, c->version, is_subscribe ? NJ_SUBSCRIBE : NJ_UNSUBSCRIBE,
                        (uint16_t)(1 + pick(9)),
                        (struct nj_str){(const char *)properties, (size_t)(p.p - properties)},
                        (struct nj_str){(const char *)list, (size_t)(l.p - list)});
    send_written(c, packet, &w);
}

static void
send_other(struct client *c)
{
    uint8_t packet[64], properties[48];
    struct nj_writer p = nj_writer_of(properties, sizeof(properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    static const uint8_t reasons[] = {0x00, 0x04, 0x18, 0x19};
    uint8_t which = pick(4), reason = reasons[pick(NJ_COUNT_OF(reasons))];
    char step = (char)('a' + pick(3));

    switch (which) {
    case 0:
        nj_ping_encode(&w, NJ_PINGREQ);
        break;
    case 1:
        nj_disconnect_encode(&w, c->version, reason == 0x04 ? 4 : 0, NJ_STR(""));
        break;
    case 2:
        nj_property_put_number(&p, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL, pick(50));
        nj_disconnect_encode(&w, NJ_MQTT_5, 0,
                             (struct nj_str){(const char *)properties, (size_t)(p.p - properties)});
        break;
    default:
        nj_property_put_string(&p, NJ_PROPERTY_AUTHENTICATION_METHOD, NJ_STR("steps"));
        nj_property_put_string(&p, NJ_PROPERTY_AUTHENTICATION_DATA, (struct nj_str){&step, 1});
        nj_auth_encode(&w, reason,
                       (struct nj_str){(const char *)properties, (size_t)(p.p - properties)});
        break;
    }
    send_written(c, packet, &w);
}

static void
send_raw(struct client *c)
{
    struct nj_str bytes =
        nj_read_bytes(&world.script, NJ_MIN(pick(200), nj_reader_left(&world.script)));

    c->is_wild = true;
    send_bytes(c, bytes.p, bytes.n);
}

/* ---- what comes from the broker ---- */

/* [MQTT5-3.3.2-8] [MQTT5-3.3.4-9] */
static void
judge_publish(struct client *c, const struct nj_publish *p)
{
    if (p->qos > 0)
        NJ_ASSERT(++c->unanswered <= c->allowance);
    if (c->version != NJ_MQTT_5 || !nj_properties_has(&p->properties, NJ_PROPERTY_TOPIC_ALIAS))
        return;
    NJ_ASSERT(p->properties.topic_alias < ALIASES);
    NJ_ASSERT(p->topic.n > 0 || (c->known_aliases >> p->properties.topic_alias & 1) != 0);
    c->known_aliases |= UINT64_C(1) << p->properties.topic_alias;
}

static void
answer(struct client *c, const struct nj_packet *p, uint8_t reason)
{
    switch (p->type) {
    case NJ_PUBLISH:
        if (p->publish.qos == 0)
            return;
        if (p->publish.qos == 1 || reason >= 0x80)
            c->unanswered--;
        send_ack(c, p->publish.qos == 1 ? NJ_PUBACK : NJ_PUBREC, p->publish.packet_id, reason);
        break;
    case NJ_PUBREL:
        /* One may come for a PUBLISH of a connection before. */
        c->unanswered -= c->unanswered > 0;
        send_ack(c, NJ_PUBCOMP, p->ack.packet_id, 0);
        break;
    case NJ_PUBREC:
        send_ack(c, NJ_PUBREL, p->ack.packet_id, 0);
        break;
    default:
        break;
    }
}

/* Each whole packet of what came: judged, and answered if the client is in the mood. */
static void
take(struct client *c, bool is_answering, uint8_t reason)
{
    struct nj_str bytes = {(const char *)c->in, c->in_n};
    struct nj_frame f;
    enum nj_framing framing;

    while ((framing = nj_frame_find(bytes, NJ_PACKET_MAX_BYTES, &f)) == NJ_FRAME_WHOLE) {
        struct nj_packet p;
        enum nj_cause cause;

        NJ_ASSERT(c->is_greeted || f.type == NJ_CONNACK || f.type == NJ_AUTH);
        c->is_greeted = true;
        bytes = nj_str_from(bytes, f.bytes);
        if (c->is_wild || !c->has_connect)
            continue;
        cause = nj_packet_decode(&f, c->version, NJ_FROM_SERVER, &p);
        NJ_ASSERT(cause == NJ_CAUSE_NONE);
        if (p.type == NJ_PUBLISH)
            judge_publish(c, &p.publish);
        if (is_answering)
            answer(c, &p, reason);
        if (c->fd < 0)
            return;
    }
    NJ_ASSERT(framing == NJ_FRAME_PART);
    if (bytes.n > 0)
        memmove(c->in, bytes.p, bytes.n);
    c->in_n = bytes.n;
}

static void
read_some(struct client *c, bool is_answering)
{
    uint8_t reason = is_answering && pick(8) == 0 && c->version == NJ_MQTT_5 ? 0x83 : 0;

    for (unsigned rounds = 0; c->fd >= 0 && rounds < 8; rounds++) {
        ssize_t n = nj_sim_read(c->fd, c->in + c->in_n, IN_BYTES - c->in_n);

        if (n == NJ_IO_CLOSED || n == NJ_IO_ERROR) {
            take(c, false, 0);
            close_client(c, false);
            return;
        }
        if (n > 0) {
            c->in_n += (size_t)n;
            take(c, is_answering, reason);
        }
    }
}

/* ---- an authentication method ---- */

static enum nj_auth_step
step(void **state, struct nj_str in, struct nj_str *out)
{
    if (*state == NULL)
        *state = nj_alloc(1);
    *out = NJ_STR("go on");
    if (*state == NULL || (in.n > 0 && in.p[0] == 'b'))
        return NJ_AUTH_REFUSED;
    return in.n > 0 && in.p[0] == 'c' ? NJ_AUTH_DONE : NJ_AUTH_GO_ON;
}

static const struct nj_auth_method methods[] = {{"steps", step, nj_free}};

/* ---- the world ---- */

static void
choose_options(void)
{
    static char mount_point[] = "a/";
    uint8_t choices = pick(255);

    world.listener = (struct nj_listener_opts){
        .port = 1883,
        .max_connections = UINT32_MAX,
        .max_qos = (choices & 1) != 0 ? 1 : 2,
        .accepted_versions = NJ_ACCEPT_ALL,
        .max_topic_alias = 3,
        .max_topic_alias_broker = 3,
        .mount_point = (choices & 2) != 0 ? mount_point : NULL,
        .allow_anonymous = true,
        .allow_zero_length_clientid = true,
        .use_username_as_clientid = (choices & 4) != 0,
    };
    world.opts = (struct nj_server_opts){
        .workers = 1 + (choices >> 3 & 1),
        .max_packet_size = 3000,
        .max_connections = (choices & 16) != 0 ? 3 : UINT32_MAX,
        .connect_timeout_s = 10,
        .max_topic_length = 1000,
        .max_topic_levels = 5,
        .max_user_properties = 3,
        .max_output_bytes = (choices & 32) != 0 ? 3000 : 100000,
        .listeners = &world.listener,
        .listener_count = 1,
    };
    world.broker_opts[0] = (struct nj_broker_opts){
        .max_inflight_messages = (choices & 64) != 0 ? 2 : 20,
        .max_inflight_bytes = (choices & 64) != 0 ? 3000 : 0,
        .max_queued_messages = 6,
        .max_queued_bytes = 5000,
        .max_queued_messages_total = 20,
        .queue_qos0_messages = (choices & 128) != 0,
        .retain_available = true,
        .retain_expiry_s = 5,
        .max_retained_messages = 5,
        .max_retained_bytes = 10000,
        .persistent_client_expiration_s = 3600,
        .max_subscriptions_per_client = 6,
        .global_max_clients = 5,
    };
    world.broker_opts[1] = world.broker_opts[0];
    world.broker_opts[1].allow_duplicate_messages = true;
    world.broker_opts[1].upgrade_outgoing_qos = true;
    world.broker_opts[1].max_inflight_messages = 3;
}

static void
begin(void)
{
    struct nj_sim_opts sim = {.pipe_bytes = PIPE_BYTES};
    struct nj_server_deps deps = {
        .opts = &world.opts,
        .broker_opts = &world.broker_opts[0],
        .door_count = 1,
        .stores = world.ports,
        .methods = methods,
        .method_count = NJ_COUNT_OF(methods),
        .seed = 1,
    };
    struct nj_diag diag = {0};
    struct nj_door door;

    choose_options();
    sim.seed = pick(255);
    sim.short_io_percent = pick(2) * 30u;
    nj_sim_begin(&sim);
    world.door = nj_sim_listen();
    door = (struct nj_door){.fd = world.door, .port = 1883};
    deps.doors = &door;
    for (unsigned i = 0; i < 2; i++) {
        nj_store_mem_init(&world.stores[i]);
        world.ports[i] = &world.stores[i].port;
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        world.clients[i] = (struct client){.fd = -1};
    NJ_ASSERT(nj_server_new(&world.server, &deps, &diag) == NJ_OK);
}

static void
hold_stores(bool is_held)
{
    for (unsigned i = 0; i < 2; i++)
        nj_store_mem_hold(&world.stores[i], is_held ? world.stores[i].appended : UINT64_MAX);
    turn_all(); /* a store wakes its worker */
}

/* As nj_server_reload() would, if the workers had threads. */
static void
reload(const struct nj_broker_opts *opts)
{
    for (unsigned i = 0; i < world.opts.workers; i++)
        world.server->workers[i].home->opts = opts;
}

static void
run_step(void)
{
    static const uint16_t jumps_s[] = {1, 6, 11, 100, 1000};
    uint8_t what = pick(255), choice;
    struct client *c = &world.clients[pick(CLIENTS)];

    switch (what % 16) {
    case 0:
        open_client(c);
        break;
    case 1:
        open_client(c);
        send_connect(c);
        break;
    case 2:
    case 3:
        send_publish(c);
        break;
    case 4:
        send_subscribe(c, true);
        break;
    case 5:
        send_subscribe(c, false);
        break;
    case 6:
        c->allowance = UINT32_MAX; /* it may answer what it has not seen */
        send_ack(c, (enum nj_packet_type)(NJ_PUBACK + pick(4)), (uint16_t)(1 + pick(6)), 0);
        break;
    case 7:
        send_other(c);
        break;
    case 8:
        send_raw(c);
        break;
    case 9:
        read_some(c, true);
        break;
    case 10:
        read_some(c, false);
        break;
    case 11:
        close_client(c, pick(2) != 0);
        break;
    case 12:
        nj_sim_advance(jumps_s[pick(NJ_COUNT_OF(jumps_s))] * 1000);
        turn_all();
        break;
    case 13:
        nj_server_turn(world.server, pick(2) % world.opts.workers, 0);
        break;
    case 14:
        choice = pick(4);
        if (choice < 2)
            hold_stores(choice == 1);
        else
            reload(&world.broker_opts[choice - 2]);
        break;
    case 15:
        world.is_short_of_memory = true;
        nj_mem_limit_set(pick(3) == 0 ? 0 : nj_mem_used() + pick(255) * 16u);
        break;
    }
    if ((what & 0x80) != 0 || nj_reader_left(&world.script) == 0)
        settle();
}

/* Everybody leaves, and the longest expiry passes. */
static void
check_nothing_is_left(void)
{
    static const enum nj_metric gauges[] = {
        NJ_METRIC_CONNECTIONS,          NJ_METRIC_CLIENTS_CONNECTED, NJ_METRIC_SESSIONS,
        NJ_METRIC_QUEUED_MESSAGES,      NJ_METRIC_QUEUED_BYTES,      NJ_METRIC_SUBSCRIPTIONS,
        NJ_METRIC_SHARED_SUBSCRIPTIONS, NJ_METRIC_OUT_PACKETS,       NJ_METRIC_OUT_BYTES,
    };
    struct nj_broker *broker = nj_server_broker(world.server);
    struct nj_index_stats stats;

    nj_mem_limit_set(0);
    hold_stores(false);
    settle();
    for (unsigned i = 0; i < CLIENTS; i++)
        close_client(&world.clients[i], false);
    settle();
    for (unsigned i = 0; i < 3; i++) {
        nj_sim_advance(4000 * 1000);
        turn_all();
        settle();
    }
    for (size_t i = 0; i < NJ_COUNT_OF(gauges); i++)
        NJ_ASSERT(nj_server_metric(world.server, gauges[i]) == 0);
    nj_index_stats(broker->index, &stats);
    NJ_ASSERT(stats.subscriptions == 0 && stats.shared_subscriptions == 0 && stats.filters == 0);
    NJ_ASSERT(atomic_load(&broker->session_count) == 0);
    NJ_ASSERT(atomic_load(&broker->queued_messages) == 0 &&
              atomic_load(&broker->queued_bytes) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint64_t used = nj_mem_used();

    nj_hash_key_set(1, 2);
    nj_log_types = 0;
    world = (struct world){.script = nj_reader_of((struct nj_str){(const char *)data, bytes})};
    begin();
    for (unsigned i = 0; i < ROUNDS && nj_reader_left(&world.script) > 0; i++)
        run_step();
    check_nothing_is_left();
    nj_server_free(world.server);
    nj_sim_close(world.door);
    nj_sim_end();
    NJ_ASSERT(nj_mem_used() == used);
    return 0;
}
