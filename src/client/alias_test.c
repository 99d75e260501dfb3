/* SPDX-License-Identifier: Apache-2.0 */
/* Topic aliases, both ways. */
#include "client/kit_test.h"

/* [MQTT5-3.3.2-10] [MQTT5-3.3.2-12] */
static void
aliases_of_the_broker_stand_for_topics(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    opts.topic_alias_maximum = 1;
    client_with(&opts);
    connect_again(false);
    FEED(0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 1, 0x30, 6, 0, 0, 3, 0x23, 0, 1);
    expect_event(NJ_CLIENT_MESSAGE);
    expect_event(NJ_CLIENT_MESSAGE);
    assert_string_equal(ev.message.topic, "ab");
    FEED(0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 2); /* beyond our maximum */
    drop_output(0);
    expect_event(NJ_CLIENT_DISCONNECTED);
    EXPECT_OUTPUT(0xe0, 1, 0x94);
}

static void
alias_that_was_never_set_ends_the_connection(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    opts.topic_alias_maximum = 5;
    client_with(&opts);
    connect_again(false);
    FEED(0x30, 6, 0, 0, 3, 0x23, 0, 4);
    expect_end(NJ_CLIENT_EPROTOCOL);
}

/* [MQTT5-3.3.2-8] [MQTT5-3.2.2-18] */
static void
topics_go_by_alias_once_set_and_anew_on_each_connection(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    opts.use_topic_aliases = 10;
    client_with(&opts);
    for (int round = 0; round < 2; round++) {
        CONNECT_WITH(0x22, 0, 1); /* the broker takes one */
        publish("ab", "", 0);
        publish("cd", "", 0);
        publish("ab", "", 0);
        EXPECT_OUTPUT(0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 1, 0x30, 5, 0, 2, 'c', 'd', 0, 0x30, 6,
                      0, 0, 3, 0x23, 0, 1);
        lose_link();
    }
}

static void
message_by_alias_is_sent_again_with_its_topic(void **state)
{
    const struct nj_client_properties alias = {"\x23\0\1", 3};
    struct nj_client_message m = {.topic = "ab", .properties = alias};

    (void)state;
    client(NJ_MQTT_5);
    CONNECT_WITH(0x22, 0, 5);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    m.topic = "";
    m.qos = 1;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 1, 0x32, 8, 0, 0, 0, 2, 3, 0x23, 0, 1);
    lose_link();
    connect_again(false); /* this time without aliases */
    EXPECT_OUTPUT(0x32, 7, 0, 2, 'a', 'b', 0, 2, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(aliases_of_the_broker_stand_for_topics),
        TEST(alias_that_was_never_set_ends_the_connection),
        TEST(topics_go_by_alias_once_set_and_anew_on_each_connection),
        TEST(message_by_alias_is_sent_again_with_its_topic),
    };

    return cmocka_run_group_tests_name("client/alias", tests, NULL, NULL);
}
