/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/mosquitto_db.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/writer.h"
#include "mqtt/packet.h"

#include <sys/mman.h>

#define NOW     ((nj_time)1000000)
#define WALL_MS (INT64_C(1700000000) * 1000)
#define WALL_S  INT64_C(1700000000)
#define TOLD    64

/* ---- a file, written record by record ---- */

static char usual[4096];
static struct {
    char *bytes;
    size_t size;
    struct nj_writer w;
    uint32_t version;
} file = {.bytes = usual, .size = sizeof(usual)};

static void
put_host64(uint64_t n)
{
    nj_write_bytes(&file.w, (struct nj_str){(const char *)&n, sizeof(n)});
}

static void
put_lp16(const char *text)
{
    nj_write_u16(&file.w, (uint16_t)strlen(text));
    nj_write_bytes(&file.w, nj_str_of(text));
}

/* Its length follows when it is known. */
static uint8_t *
begin_record(uint32_t type)
{
    if (file.version >= 5)
        nj_write_u32(&file.w, type);
    else
        nj_write_u16(&file.w, (uint16_t)type);
    nj_write_u32(&file.w, 0);
    return file.w.p;
}

static void
end_record(uint8_t *body)
{
    uint32_t n = (uint32_t)(file.w.p - body);
    struct nj_writer length = nj_writer_of(body - 4, 4);

    nj_write_u32(&length, n);
}

static void
begin_file(uint32_t version, uint8_t id_bytes)
{
    static const char magic[] = "\0\xb5\0mosquitto db";
    uint8_t *body;

    file.version = version;
    file.w = nj_writer_of(file.bytes, file.size);
    nj_write_bytes(&file.w, (struct nj_str){magic, sizeof(magic) - 1});
    nj_write_u32(&file.w, 0);
    nj_write_u32(&file.w, version);
    body = begin_record(1);
    if (version >= 5)
        put_host64(99);
    nj_write_u8(&file.w, 1);
    nj_write_u8(&file.w, id_bytes);
    if (version < 5)
        put_host64(99);
    else
        nj_write_bytes(&file.w, NJ_STR("\0\0\0\0\0\0"));
    end_record(body);
}

/* From version 5 on; the payload, of so many bytes, follows. */
static void
put_message_head(uint64_t id, const char *topic, uint32_t payload_n, uint8_t qos, int64_t expiry_s)
{
    put_host64(id);
    put_host64((uint64_t)expiry_s);
    nj_write_u32(&file.w, payload_n);
    nj_write_u16(&file.w, 1);
    nj_write_u16(&file.w, 7);
    nj_write_u16(&file.w, 4);
    nj_write_u16(&file.w, (uint16_t)strlen(topic));
    nj_write_u16(&file.w, 1883);
    nj_write_u8(&file.w, qos);
    nj_write_u8(&file.w, 0);
    nj_write_bytes(&file.w, NJ_STR("someone"));
    nj_write_bytes(&file.w, NJ_STR("user"));
    nj_write_bytes(&file.w, nj_str_of(topic));
}

/* Of zeros, which are there already. */
static void
put_large_message(uint64_t id, const char *topic, uint32_t payload_n)
{
    uint8_t *body = begin_record(2);

    put_message_head(id, topic, payload_n, 1, 0);
    file.w.p += payload_n;
    end_record(body);
}

static void
put_message(uint64_t id, const char *topic, const char *payload, uint8_t qos, int64_t expiry_s,
            struct nj_str properties)
{
    uint8_t *body = begin_record(2);

    if (file.version < 5) {
        put_host64(id);
        put_lp16("someone");
        if (file.version == 4) {
            put_lp16("user");
            nj_write_u16(&file.w, 1883);
        }
        nj_write_u32(&file.w, 0x00010001);
        put_lp16(topic);
        nj_write_u8(&file.w, qos);
        nj_write_u8(&file.w, 0);
        nj_write_u32(&file.w, (uint32_t)strlen(payload));
        nj_write_bytes(&file.w, nj_str_of(payload));
    } else {
        put_message_head(id, topic, (uint32_t)strlen(payload), qos, expiry_s);
        nj_write_bytes(&file.w, nj_str_of(payload));
        nj_write_bytes(&file.w, properties);
    }
    end_record(body);
}

static void
put_client(const char *id, uint32_t expiry_s, int64_t expires_s)
{
    uint8_t *body = begin_record(6);

    if (file.version < 5) {
        put_lp16(id);
        nj_write_u16(&file.w, 7);
        if (file.version > 2)
            put_host64(0);
    } else {
        put_host64((uint64_t)expires_s);
        nj_write_u32(&file.w, expiry_s);
        nj_write_u16(&file.w, 7);
        nj_write_u16(&file.w, (uint16_t)strlen(id));
        if (file.version > 5) {
            nj_write_u16(&file.w, 1883);
            nj_write_u16(&file.w, 4);
            nj_write_u32(&file.w, 0);
        }
        nj_write_bytes(&file.w, nj_str_of(id));
        if (file.version > 5)
            nj_write_bytes(&file.w, NJ_STR("user"));
    }
    end_record(body);
}

enum direction {
    IN,
    OUT,
};

static void
put_client_message(const char *client, uint64_t id, uint16_t packet_id, uint8_t qos, uint8_t step,
                   enum direction direction, struct nj_str properties)
{
    uint8_t *body = begin_record(3);

    if (file.version < 5) {
        put_lp16(client);
        put_host64(id);
        nj_write_u16(&file.w, packet_id);
        nj_write_u8(&file.w, qos);
        nj_write_u8(&file.w, 0);
        nj_write_u8(&file.w, (uint8_t)direction);
        nj_write_u8(&file.w, step);
        nj_write_u8(&file.w, 0);
    } else {
        put_host64(id);
        nj_write_u16(&file.w, packet_id);
        nj_write_u16(&file.w, (uint16_t)strlen(client));
        nj_write_u8(&file.w, qos);
        nj_write_u8(&file.w, step);
        nj_write_u8(&file.w, 0x10);
        nj_write_u8(&file.w, (uint8_t)direction);
        nj_write_bytes(&file.w, nj_str_of(client));
        nj_write_bytes(&file.w, properties);
    }
    end_record(body);
}

static void
put_subscription_as(const char *client, const char *filter, uint8_t qos, uint8_t options,
                    uint32_t identifier)
{
    uint8_t *body = begin_record(5);

    if (file.version < 5) {
        put_lp16(client);
        put_lp16(filter);
        nj_write_u8(&file.w, qos);
    } else {
        nj_write_u32(&file.w, identifier);
        nj_write_u16(&file.w, (uint16_t)strlen(client));
        nj_write_u16(&file.w, (uint16_t)strlen(filter));
        nj_write_u8(&file.w, qos);
        nj_write_u8(&file.w, options);
        nj_write_u16(&file.w, 0);
        nj_write_bytes(&file.w, nj_str_of(client));
        nj_write_bytes(&file.w, nj_str_of(filter));
    }
    end_record(body);
}

static void
put_subscription(const char *client, const char *filter, uint8_t qos, uint8_t options)
{
    put_subscription_as(client, filter, qos, options, 5);
}

static void
put_retain(uint64_t id)
{
    uint8_t *body = begin_record(4);

    put_host64(id);
    end_record(body);
}

/* ---- a store that writes down what it is told ---- */

struct told {
    struct nj_change change;
    struct nj_session_state state;
    struct nj_sub_opts subscription;
    struct nj_publication publication;
    struct nj_terms terms;
    uint32_t identifiers[4];
};

static struct told told[TOLD];
static unsigned told_count;
static struct nj_mosquitto_db_found found;

static uint64_t
append(struct nj_store_port *port, const struct nj_change *change)
{
    struct told *t = &told[told_count];

    (void)port;
    assert_true(told_count < TOLD);
    t->change = *change;
    switch (change->kind) {
    case NJ_CHANGE_SESSION:
        t->state = *change->state;
        break;
    case NJ_CHANGE_SUBSCRIBED:
        t->subscription = *change->subscription;
        break;
    case NJ_CHANGE_QUEUED:
        t->terms = *change->terms;
        for (uint32_t i = 0; i < NJ_MIN(t->terms.identifier_count, 4u); i++)
            t->identifiers[i] = t->terms.identifiers[i];
        t->publication = *change->publication;
        break;
    default:
        if (change->publication != NULL)
            t->publication = *change->publication;
        break;
    }
    return ++told_count;
}

static enum nj_err
tell_bytes(struct nj_str bytes)
{
    static const struct nj_store_ops ops = {.append = append};
    struct nj_store_port port = {&ops};
    struct nj_diag diag = {0};
    enum nj_err err;

    told_count = 0;
    err = nj_mosquitto_db_tell(bytes, &port, NOW, WALL_MS, &found, &diag);
    if (err != NJ_OK)
        assert_true(diag.text[0] != '\0');
    return err;
}

static struct nj_str
written(void)
{
    assert_false(file.w.is_full);
    return (struct nj_str){file.bytes, (size_t)(file.w.p - (uint8_t *)file.bytes)};
}

static void
tell(void)
{
    assert_int_equal(tell_bytes(written()), NJ_OK);
}

static void
assert_is(struct nj_str text, const char *expected)
{
    assert_true(nj_str_eq(text, nj_str_of(expected)));
}

/* ---- claims ---- */

static void
what_a_session_has_is_told_in_every_version(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 6; version++) {
        begin_file(version, 8);
        put_message(11, "a/b", "first", 1, 0, NJ_STR(""));
        put_message(12, "a/c", "second", 1, 0, NJ_STR(""));
        put_client("c", UINT32_MAX, 0);
        put_client_message("c", 11, 0, 1, 11, OUT, NJ_STR(""));
        put_client_message("c", 12, 0, 1, 11, OUT, NJ_STR(""));
        put_subscription("c", "a/#", 1, 0);
        put_retain(12);
        tell();
        assert_int_equal(found.version, version);
        assert_int_equal(found.sessions, 1);
        assert_int_equal(found.subscriptions, 1);
        assert_int_equal(found.queued, 2);
        assert_int_equal(found.retained, 1);
        assert_int_equal(found.incomplete, 0);
        assert_int_equal(told_count, 5);

        assert_int_equal(told[0].change.kind, NJ_CHANGE_SESSION);
        assert_is(told[0].state.client_id, "c");
        assert_int_equal(told[0].state.expiry_s, UINT32_MAX);
        assert_int_equal(told[1].change.kind, NJ_CHANGE_QUEUED);
        assert_int_equal(told[1].change.session, told[0].change.session);
        assert_is(told[1].publication.topic, "a/b");
        assert_is(told[1].publication.payload, "first");
        assert_is(told[2].publication.payload, "second");
        assert_true(told[1].change.message < told[2].change.message);
        assert_int_equal(told[3].change.kind, NJ_CHANGE_SUBSCRIBED);
        assert_is(told[3].change.filter, "a/#");
        assert_int_equal(told[4].change.kind, NJ_CHANGE_RETAINED);
        assert_int_equal(told[4].change.message, told[2].change.message);
        assert_true(told[4].publication.retain);
    }
}

static void
handshakes_of_qos_2_go_on_where_they_were(void **state)
{
    static const uint8_t steps[] = {4, 5, 6, 9, 11};

    (void)state;
    begin_file(6, 8);
    put_message(1, "t", "x", 2, 0, NJ_STR(""));
    put_client("c", UINT32_MAX, 0);
    for (unsigned i = 0; i < sizeof(steps); i++)
        put_client_message("c", 1, (uint16_t)(i + 1), 2, steps[i], OUT, NJ_STR(""));
    put_client_message("c", 1, 9, 2, 7, IN, NJ_STR(""));
    tell();
    assert_int_equal(found.queued, 5);
    assert_int_equal(found.taken, 1);
    assert_int_equal(told[1].change.kind, NJ_CHANGE_QUEUED); /* PUBLISH */
    assert_int_equal(told[2].change.kind, NJ_CHANGE_SENDING);
    assert_int_equal(told[2].change.packet_id, 1);
    assert_int_equal(told[4].change.kind, NJ_CHANGE_SENDING);  /* waits for PUBREC */
    assert_int_equal(told[7].change.kind, NJ_CHANGE_RECEIVED); /* PUBREL to come */
    assert_int_equal(told[7].change.packet_id, 3);
    assert_int_equal(told[10].change.kind, NJ_CHANGE_RECEIVED); /* waits for PUBCOMP */
    assert_int_equal(told[11].change.kind, NJ_CHANGE_QUEUED);
    assert_int_equal(told[12].change.kind, NJ_CHANGE_TAKEN);
    assert_int_equal(told[12].change.packet_id, 9);
    assert_int_equal(told_count, 13);
}

/* What is between a publisher and its broker stays out of what is passed on. */
static void
properties_and_identifiers_come_along(void **state)
{
    (void)state;
    begin_file(6, 8);
    put_message(1, "t", "x", 1, WALL_S + 30, NJ_STR("\x0a\x26\0\1k\0\1v\x23\0\5"));
    put_client("c", 60, WALL_S + 50);
    put_client_message("c", 1, 0, 1, 11, OUT, NJ_STR("\4\x0b\7\x0b\x09"));
    put_subscription("c", "$share/g/t", 2, 0x0c);
    put_subscription("c", "t", 2, 0x0c);
    tell();
    assert_int_equal(told[0].state.left, NOW - 10 * 1000);
    assert_int_equal(told[1].publication.properties.n, 7);
    assert_int_equal(told[1].publication.expires, NOW + 30 * 1000);
    assert_int_equal(told[1].terms.identifier_count, 2);
    assert_int_equal(told[1].identifiers[0], 7);
    assert_int_equal(told[1].identifiers[1], 9);
    assert_true(told[1].terms.retain);
    assert_false(told[2].subscription.no_local);
    assert_true(told[3].subscription.no_local);
    assert_true(told[3].subscription.retain_as_published);
    assert_int_equal(told[3].subscription.identifier, 5);
}

static void
what_has_expired_or_makes_no_sense_is_counted_and_left_out(void **state)
{
    (void)state;
    begin_file(6, 8);
    put_message(1, "t", "late", 1, WALL_S - 1, NJ_STR(""));
    put_message(2, "t/#", "no topic", 1, 0, NJ_STR(""));
    put_message(3, "t", "odd", 1, 0, NJ_STR("\x02\x7f\0"));
    put_message(4, "$SYS/broker/uptime", "1", 1, 0, NJ_STR(""));
    put_client("c", UINT32_MAX, 0);
    for (uint64_t id = 1; id <= 3; id++)
        put_client_message("c", id, 0, 1, 11, OUT, NJ_STR(""));
    put_client_message("c", 77, 0, 1, 11, OUT, NJ_STR(""));
    put_client_message("nobody", 1, 0, 1, 11, OUT, NJ_STR(""));
    put_subscription("c", "a/#/b", 1, 0);
    put_retain(4);
    tell();
    assert_int_equal(found.expired, 1);
    assert_int_equal(found.incomplete, 4);
    assert_int_equal(found.queued, 0);
    assert_int_equal(found.retained, 0);
    assert_int_equal(told_count, 1);
}

static void
what_no_packet_could_bring_is_left_out(void **state)
{
    (void)state;
    begin_file(6, 8);
    put_message(1, "t", "x", 2, 0, NJ_STR(""));
    put_message(2, "\xff", "topic", 2, 0, NJ_STR(""));
    put_client("c", UINT32_MAX, 0);
    put_client("\xc0\x80", UINT32_MAX, 0);
    put_client("clean", 0, 0);
    put_client_message("c", 2, 0, 1, 11, OUT, NJ_STR(""));
    put_subscription_as("c", "t", 1, 0, 0x10000000);
    put_subscription_as("c", "\xed\xa0\x80", 1, 0, 5);
    put_subscription_as("c", "t", 1, 0, 0x0fffffff);
    put_subscription("clean", "t", 1, 0);
    tell();
    assert_int_equal(found.incomplete, 5);
    assert_int_equal(found.sessions, 1);
    assert_int_equal(found.subscriptions, 1);
    assert_int_equal(found.queued, 0);
    assert_int_equal(told_count, 2);
    assert_int_equal(told[1].subscription.identifier, 0x0fffffff);
}

/* Topic, properties and payload. */
static void
a_message_larger_than_a_packet_is_left_out(void **state)
{
    const size_t size =
        2 * ((size_t)NJ_VARINT_MAX_VALUE + 4096); /* of which few pages are touched */
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)state;
    assert_ptr_not_equal(room, MAP_FAILED);
    file.bytes = room;
    file.size = size;
    begin_file(6, 8);
    put_large_message(1, "t", NJ_VARINT_MAX_VALUE - 1);
    put_large_message(2, "t", NJ_VARINT_MAX_VALUE);
    put_client("c", UINT32_MAX, 0);
    put_client_message("c", 1, 0, 1, 11, OUT, NJ_STR(""));
    put_client_message("c", 2, 0, 1, 11, OUT, NJ_STR(""));
    tell();
    assert_int_equal(found.queued, 1);
    assert_int_equal(found.incomplete, 1);
    assert_int_equal(told[1].publication.payload.n, NJ_VARINT_MAX_VALUE - 1);
    file.bytes = usual;
    file.size = sizeof(usual);
    assert_int_equal(munmap(room, size), 0);
}

static void
a_packet_identifier_stands_for_one_message_in_each_direction(void **state)
{
    (void)state;
    begin_file(6, 8);
    for (uint64_t id = 1; id <= 4; id++)
        put_message(id, "t", "x", 2, 0, NJ_STR(""));
    put_client("c", UINT32_MAX, 0);
    put_client_message("c", 1, 7, 2, 5, OUT, NJ_STR(""));
    put_client_message("c", 2, 7, 2, 5, OUT, NJ_STR(""));
    put_client_message("c", 3, 7, 2, 7, IN, NJ_STR(""));
    put_client_message("c", 4, 7, 2, 7, IN, NJ_STR(""));
    tell();
    assert_int_equal(told_count, 5);
    assert_int_equal(told[1].change.kind, NJ_CHANGE_QUEUED);
    assert_int_equal(told[2].change.kind, NJ_CHANGE_SENDING);
    assert_int_equal(told[3].change.kind, NJ_CHANGE_QUEUED);
    assert_int_equal(told[4].change.kind, NJ_CHANGE_TAKEN);
    assert_int_equal(found.queued, 2);
    assert_int_equal(found.taken, 1);
    assert_int_equal(found.incomplete, 1);
}

static void
a_date_beyond_all_sense_is_far_away(void **state)
{
    (void)state;
    begin_file(6, 8);
    put_message(1, "t", "x", 1, INT64_MAX, NJ_STR(""));
    put_message(2, "t", "x", 1, INT64_MAX / 1000, NJ_STR(""));
    put_client("c", 60, INT64_MAX);
    put_client("d", UINT32_MAX - 1, 1);
    put_client_message("c", 1, 0, 1, 11, OUT, NJ_STR(""));
    put_client_message("c", 2, 0, 1, 11, OUT, NJ_STR(""));
    tell();
    assert_int_equal(found.expired, 0);
    assert_int_equal(found.queued, 2);
    assert_int_equal(told[0].state.left, NOW);
    assert_int_equal(told[1].state.left, NOW - WALL_MS);
    assert_true(told[2].publication.expires > NOW + WALL_MS);
    assert_true(told[2].publication.expires < NJ_NEVER / 2);
    assert_int_equal(told[3].publication.expires, told[2].publication.expires);
}

static void
what_is_no_such_file_is_refused(void **state)
{
    (void)state;
    assert_int_equal(tell_bytes(NJ_STR("")), NJ_EINVAL);
    assert_int_equal(tell_bytes(NJ_STR("SQLite format 3")), NJ_EINVAL);
    begin_file(7, 8);
    assert_int_equal(tell_bytes(written()), NJ_EUNSUPPORTED);
    begin_file(1, 8);
    assert_int_equal(tell_bytes(written()), NJ_EUNSUPPORTED);
    begin_file(6, 4);
    assert_int_equal(tell_bytes(written()), NJ_EUNSUPPORTED);
}

static void
a_file_that_is_cut_tells_what_is_whole(void **state)
{
    struct nj_str whole;
    unsigned all;

    (void)state;
    begin_file(6, 8);
    put_message(1, "t", "x", 1, 0, NJ_STR(""));
    put_client("c", UINT32_MAX, 0);
    put_client_message("c", 1, 0, 1, 11, OUT, NJ_STR(""));
    put_subscription("c", "t", 1, 0);
    whole = written();
    tell();
    all = told_count;
    for (size_t n = 0; n < whole.n; n++) {
        enum nj_err err = tell_bytes((struct nj_str){whole.p, n});

        assert_true(err != NJ_OK || told_count < all);
        assert_true(err != NJ_OK || found.unread_bytes > 0 || told_count < all);
    }
}

static void
without_memory_nothing_is_told(void **state)
{
    (void)state;
    begin_file(6, 8);
    put_message(1, "t", "x", 1, 0, NJ_STR(""));
    put_client("c", UINT32_MAX, 0);
    nj_mem_limit_set(1);
    assert_int_equal(tell_bytes(written()), NJ_ENOMEM);
    nj_mem_limit_set(0);
    assert_int_equal(told_count, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_session_has_is_told_in_every_version),
        cmocka_unit_test(handshakes_of_qos_2_go_on_where_they_were),
        cmocka_unit_test(properties_and_identifiers_come_along),
        cmocka_unit_test(what_has_expired_or_makes_no_sense_is_counted_and_left_out),
        cmocka_unit_test(what_no_packet_could_bring_is_left_out),
        cmocka_unit_test(a_message_larger_than_a_packet_is_left_out),
        cmocka_unit_test(a_packet_identifier_stands_for_one_message_in_each_direction),
        cmocka_unit_test(a_date_beyond_all_sense_is_far_away),
        cmocka_unit_test(what_is_no_such_file_is_refused),
        cmocka_unit_test(a_file_that_is_cut_tells_what_is_whole),
        cmocka_unit_test(without_memory_nothing_is_told),
    };

    return cmocka_run_group_tests_name("compat/mosquitto_db", tests, NULL, NULL);
}
