/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages: which record is a topic's, in this format and in the one before. */
#include "store/kit_test.h"

#include "store/survey.h"

#include <errno.h>

/* ---- what stands in the table ---- */

static uint64_t
records(struct kit *k)
{
    struct nj_survey found;
    struct nj_diag diag = {0};

    assert_int_equal(nj_store_survey(k->path, NULL, NULL, &found, &diag), NJ_OK);
    assert_int_equal(found.faults, 0);
    return found.records[NJ_TABLE_RETAINED];
}

static struct nj_key
key_by_hash(struct kit *k, const char *topic)
{
    return nj_key_topic(nj_hash_topic(&k->store->ledger.seal, nj_str_of(topic)));
}

/* As nobody but a test would: past the ledger. */
static void
put(struct kit *k, const struct nj_key *key, uint64_t message, const char *topic,
    const char *payload)
{
    struct nj_publication pub = kit_publication(message, topic, nj_str_of(payload));
    size_t n = nj_record_message_size(&pub);
    char value[256];
    struct nj_writer w = nj_writer_of(value, n);
    struct nj_db *db = k->store->db;

    assert_in_range(n, 1, sizeof(value));
    pub.retain = true;
    nj_record_message_write(&w, &pub, 0);
    nj_seal_put(&k->store->ledger.seal, NJ_TABLE_RETAINED, key, value, n);
    assert_int_equal(nj_db_begin(db), NJ_END_DONE);
    assert_int_equal(nj_db_put(db, NJ_TABLE_RETAINED, key, (struct nj_str){value, n}), NJ_END_DONE);
    assert_int_equal(nj_db_commit(db), NJ_END_DONE);
}

static bool
has(struct kit *k, const struct nj_key *key)
{
    struct nj_snapshot *snapshot;
    struct nj_str value;
    enum nj_end end;

    assert_int_equal(nj_snapshot_open(&snapshot, k->store->db), NJ_END_DONE);
    end = nj_snapshot_get(snapshot, NJ_TABLE_RETAINED, key, &value);
    nj_snapshot_close(snapshot);
    return end == NJ_END_DONE;
}

/* ---- this format ---- */

static void
they_come_in_the_order_in_which_they_were_set(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_retained(k->port, 1, "c", "x");
    (void)kit_retained(k->port, 2, "a", "x");
    (void)kit_retained(k->port, 3, "b", "x");
    kit_settle(k, kit_retained(k->port, 4, "c", "y"));
    kit_reopen(k);
    assert_string_equal(k->tale.text, "retained a=x 2\nretained b=x 3\nretained c=y 4\n");
    kit_settle(k, kit_retained(k->port, 5, "a", "z"));
    kit_reopen(k);
    assert_string_equal(k->tale.text, "retained b=x 3\nretained c=y 4\nretained a=z 5\n");
}

static void
a_topic_has_one_record_however_often_it_is_set(void **state)
{
    struct kit *k = *state;
    char topic[16];

    kit_open(k);
    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(topic, sizeof(topic), "t/%u", i % 7);
        (void)kit_retained(k->port, 1 + i, topic, "x");
        if (i % 100 == 50) {
            (void)kit_retained(k->port, 1000 + i, topic, "");
            kit_reopen(k);
        }
    }
    kit_close(k);
    assert_int_equal(records(k), 7);
    kit_open(k);
    for (unsigned i = 0; i < 7; i++) {
        (void)snprintf(topic, sizeof(topic), "t/%u", i);
        (void)kit_retained(k->port, 2000 + i, topic, "");
    }
    kit_close(k);
    assert_int_equal(records(k), 0);
}

/* A commit that fails is applied again, over what it had said to be where. */
static void
what_is_undone_is_found_where_it_was(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    kit_settle(k, kit_retained(k->port, 1, "kept", "x"));
    kit_settle(k, kit_retained(k->port, 2, "cleared", "x"));
    nj_db_fail_commits(k->store->db, ENOSPC, 0, 2);
    (void)kit_retained(k->port, 3, "kept", "y");
    (void)kit_retained(k->port, 4, "new", "y");
    kit_settle(k, kit_retained(k->port, 5, "cleared", ""));
    assert_int_equal(nj_store_metric(k->store, NJ_METRIC_STORE_FAULTS), 2);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "retained kept=y 3\nretained new=y 4\n");
    kit_close(k);
    assert_int_equal(records(k), 2);
}

/* One that could not be deleted, say. */
static void
of_two_records_of_a_topic_the_newer_is_the_one(void **state)
{
    struct kit *k = *state;
    struct nj_key low = nj_key_number(70), high = nj_key_number(90);
    struct nj_key hash;

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    hash = key_by_hash(k, "t");
    put(k, &high, 3, "t", "new");
    put(k, &low, 2, "t", "old");
    put(k, &hash, 1, "t", "older");
    kit_load(k);
    assert_string_equal(k->tale.text, "retained t=old 2\nretained t=new 3\n");
    assert_true(has(k, &high));
    assert_false(has(k, &low));
    assert_false(has(k, &hash));
    kit_run(k);
    (void)kit_retained(k->port, 4, "t", "");
    kit_close(k);
    assert_int_equal(records(k), 0);
}

/* ---- format 1 ---- */

static void
fill_as_format_1(struct kit *k)
{
    static const char *const topics[] = {"r/1", "r/2", "r/3"};
    struct nj_meta meta;

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    for (unsigned i = 0; i < NJ_COUNT_OF(topics); i++) {
        struct nj_key key = key_by_hash(k, topics[i]);

        put(k, &key, 10 + i, topics[i], "old");
    }
    assert_int_equal(nj_store_meta(k->store->db, &meta), NJ_END_DONE);
    meta.format = 1;
    assert_int_equal(nj_store_put_meta(k->store->db, &meta), NJ_END_DONE);
    kit_close(k);
}

static uint32_t
format_of(struct kit *k)
{
    struct nj_meta meta;

    assert_int_equal(nj_store_meta(k->store->db, &meta), NJ_END_DONE);
    return meta.format;
}

static void
a_store_of_format_1_is_brought_over(void **state)
{
    struct kit *k = *state;
    struct nj_key first, second, third, number;

    fill_as_format_1(k);
    assert_int_equal(records(k), 3); /* it is looked at as it is */
    kit_open(k);
    assert_int_equal(format_of(k), NJ_STORE_FORMAT);
    assert_non_null(strstr(k->tale.text, "retained r/1=old 10\n"));
    assert_non_null(strstr(k->tale.text, "retained r/2=old 11\n"));
    assert_non_null(strstr(k->tale.text, "retained r/3=old 12\n"));
    first = key_by_hash(k, "r/1");
    second = key_by_hash(k, "r/2");
    third = key_by_hash(k, "r/3");
    number = nj_key_number(1);
    (void)kit_retained(k->port, 20, "r/1", "");
    kit_settle(k, kit_retained(k->port, 21, "r/2", "new"));
    assert_false(has(k, &first));
    assert_false(has(k, &second));
    assert_true(has(k, &number));
    assert_true(has(k, &third)); /* until it is set again */
    kit_reopen(k);
    assert_string_equal(k->tale.text, "retained r/2=new 21\nretained r/3=old 12\n");
    (void)kit_retained(k->port, 22, "r/3", "new");
    kit_reopen(k);
    assert_string_equal(k->tale.text, "retained r/2=new 21\nretained r/3=new 22\n");
    kit_close(k);
    assert_int_equal(records(k), 2);
}

static void
a_format_that_is_not_known_is_left_alone(void **state)
{
    struct kit *k = *state;
    struct nj_survey found;
    struct nj_diag diag = {0};
    struct nj_meta meta;

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    assert_int_equal(nj_store_meta(k->store->db, &meta), NJ_END_DONE);
    meta.format = NJ_STORE_FORMAT + 1;
    assert_int_equal(nj_store_put_meta(k->store->db, &meta), NJ_END_DONE);
    kit_close(k);
    assert_int_equal(kit_open_only(k, &diag), NJ_EUNSUPPORTED);
    assert_non_null(strstr(diag.text, "has format 3"));
    assert_int_equal(nj_store_survey(k->path, NULL, NULL, &found, &diag), NJ_EUNSUPPORTED);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(they_come_in_the_order_in_which_they_were_set),
        T(a_topic_has_one_record_however_often_it_is_set),
        T(what_is_undone_is_found_where_it_was),
        T(of_two_records_of_a_topic_the_newer_is_the_one),
        T(a_store_of_format_1_is_brought_over),
        T(a_format_that_is_not_known_is_left_alone),
    };

    return cmocka_run_group_tests_name("store/retained", tests, NULL, NULL);
}
