/* SPDX-License-Identifier: Apache-2.0 */
/* A client and a broker that sends whatever it likes, while the application publishes, subscribes,
 * says goodbye and connects again at any moment.
 *
 * The input is a script: a first byte with the version and options, then steps of one byte each, of
 * which some take further bytes: their lower bits say what, their upper bits how much. */
#include "base/mem.h"
#include "client/engine.h"
#include "client/opts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct script {
    const uint8_t *p, *end;
    nj_time now;
    struct nj_engine *engine;
};

static void
check(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t
next_byte(struct script *s)
{
    return s->p < s->end ? *s->p++ : 0;
}

static enum nj_client_err
answer(void *ctx, unsigned reason, const void *data, size_t n, const void **reply, size_t *reply_n)
{
    (void)ctx;
    (void)reason;
    *reply = data;
    *reply_n = n;
    return n > 8 ? NJ_CLIENT_EAUTH : NJ_CLIENT_OK;
}

static void
swallow(void *ctx, const char *line)
{
    (void)ctx;
    check(strlen(line) < 1024);
}

/* Every byte that an event points at is looked at. */
static unsigned
touch(const void *p, size_t n)
{
    const uint8_t *bytes = p;
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += bytes[i];
    return sum;
}

static unsigned
take_events(struct script *s, int most)
{
    struct nj_client_event ev;
    unsigned sum = 0;

    while (most-- > 0 && nj_engine_next(s->engine, &ev)) {
        struct nj_client_properties rest = ev.properties;
        struct nj_client_property p;

        while (nj_client_property_next(&rest, &p))
            sum += p.number + touch(p.key, p.key_n) + touch(p.value, p.value_n);
        sum += touch(ev.codes, ev.code_count);
        if (ev.type == NJ_CLIENT_MESSAGE) {
            check(strlen(ev.message.topic) == ev.message.topic_n);
            sum += touch(ev.message.payload, ev.message.payload_n);
        }
    }
    return sum;
}

static void
feed(struct script *s, size_t n)
{
    n = n < (size_t)(s->end - s->p) ? n : (size_t)(s->end - s->p);
    while (n > 0) {
        size_t room;
        void *space = nj_engine_input_space(s->engine, &room);
        size_t part = n < room ? n : room;

        check(space != NULL);
        memcpy(space, s->p, part);
        nj_engine_input_filled(s->engine, part, s->now);
        s->p += part;
        n -= part;
    }
}

static void
request(struct script *s, unsigned amount)
{
    static const char *const filters[] = {"a", "a/+", "#", "$share/g/t"};
    const struct nj_client_properties none = {NULL, 0};
    struct nj_client_subscription list[4];

    for (size_t i = 0; i < 4; i++)
        list[i] =
            (struct nj_client_subscription){.filter = filters[i], .qos = (uint8_t)(amount % 3)};
    if (amount & 4)
        (void)nj_engine_unsubscribe(s->engine, filters, amount % 4 + 1, none, NULL);
    else
        (void)nj_engine_subscribe(s->engine, list, amount % 4 + 1, none, NULL);
}

static void
publish(struct script *s, unsigned amount)
{
    struct nj_client_message m = {
        .topic = amount & 1 ? "topic" : "t/2",
        .payload = "payload",
        .payload_n = amount & 7,
        .qos = next_byte(s) % 3,
        .retain = amount & 2,
    };

    (void)nj_engine_publish(s->engine, &m, NULL);
}

static void
step(struct script *s)
{
    const struct nj_client_properties none = {NULL, 0};
    unsigned op = next_byte(s), amount = op >> 3;

    switch (op & 7) {
    case 0:
    case 1:
        feed(s, op & 1 ? 1u + amount * 64 : amount);
        break;
    case 2:
        take_events(s, amount == 0 ? 1 : 1000000);
        break;
    case 3:
        publish(s, amount);
        break;
    case 4:
        request(s, amount);
        break;
    case 5:
        nj_engine_written(s->engine,
                          amount == 31 ? nj_engine_output(s->engine).n
                                       : NJ_MIN(nj_engine_output(s->engine).n, (size_t)amount),
                          s->now);
        break;
    case 6:
        s->now += (nj_time)amount * amount * 100;
        nj_engine_on_time(s->engine, s->now);
        break;
    default:
        if (amount < 8)
            (void)nj_engine_disconnect(s->engine, 0, none, s->now);
        else if (amount < 12)
            (void)nj_engine_reauthenticate(s->engine, "x", 1);
        else
            nj_engine_close(s->engine, NJ_CLIENT_ELOST, "cut");
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct script s = {.p = data, .end = data + bytes};
    struct nj_client_opts opts, copy;
    unsigned first = next_byte(&s);

    nj_client_opts_init(&opts);
    opts.version = (uint8_t)(3 + first % 3);
    opts.client_id = "f";
    opts.clean_start = (first & 4) != 0;
    opts.maximum_packet_size = 4096;
    opts.output_bytes = 2048;
    opts.queue_bytes = 4096;
    opts.topic_alias_maximum = 4;
    opts.use_topic_aliases = (first & 8) != 0 ? 4 : 0;
    opts.receive_maximum = 3;
    opts.release_bytes = (first & 64) == 0 ? 0 : (first & 128) != 0 ? 300 : 4096;
    opts.log = (first & 16) != 0 ? swallow : NULL;
    if (opts.version == 5 && (first & 32) != 0) {
        opts.auth = answer;
        opts.properties = (struct nj_client_properties){"\x15\0\1m", 4};
    }
    check(nj_client_opts_copy(&copy, &opts) == NJ_CLIENT_OK);
    check(nj_engine_new(&s.engine, &copy) == NJ_CLIENT_OK);
    while (s.p < s.end) {
        if (nj_engine_is_offline(s.engine))
            check(nj_engine_open(s.engine, s.now) == NJ_CLIENT_OK);
        step(&s);
        if (nj_engine_wants_close(s.engine))
            nj_engine_close(s.engine, NJ_CLIENT_OK, NULL);
        /* Nothing may grow without end: output, what is read ahead, what waits. */
        check(nj_engine_output(s.engine).n < 2048 + 4096 + 64);
        check(nj_mem_used() < (16u << 20));
    }
    (void)take_events(&s, 1000000);
    nj_engine_free(s.engine);
    return 0;
}
