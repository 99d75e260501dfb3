/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners: which there are, on which addresses, and which options are theirs. */
#include "config/kit_test.h"

static void
without_a_file_only_the_loopback_listens(void **state)
{
    struct nj_config *c;

    (void)state;
    assert_int_equal(load_file(&c, NULL, NULL, NULL), NJ_OK);
    assert_true(c->is_local_only);
    assert_int_equal(c->server.listener_count, 2);
    assert_string_equal(c->server.listeners[0].address, "127.0.0.1");
    assert_string_equal(c->server.listeners[1].address, "::1");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(c->server.listeners[i].port, 1883);
        assert_true(c->server.listeners[i].is_local_only);
        assert_true(c->server.listeners[i].allow_anonymous);
        assert_string_equal(c->server.listeners[i].auto_id_prefix, "auto-");
        assert_int_equal(c->server.listeners[i].accepted_versions, NJ_ACCEPT_ALL);
    }
    assert_int_equal(c->log.dests, NJ_LOG_TO_STDERR);
    assert_int_equal(c->log.types, NJ_LOG_DEFAULT);
    assert_int_equal(c->log.facility, -1);
    assert_int_equal(c->broker.persistent_client_expiration_s, UINT32_MAX);
    assert_int_equal(said.count, 0);
    nj_config_free(c);
}

static void
ports_of_the_command_line_are_on_the_loopback(void **state)
{
    struct nj_config_args args = {.ports = {1, 2}, .port_count = 2};
    struct nj_config *c;

    (void)state;
    write_file("a.conf", "allow_anonymous false\n");
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_int_equal(c->server.listener_count, 4);
    assert_int_equal(c->server.listeners[1].port, 1);
    assert_int_equal(c->server.listeners[2].port, 2);
    assert_string_equal(c->server.listeners[3].address, "::1");
    assert_false(c->server.listeners[3].allow_anonymous);
    nj_config_free(c);

    write_file("a.conf", "listener 1884\n");
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_false(c->is_local_only);
    assert_int_equal(c->server.listener_count, 1);
    assert_int_equal(c->server.listeners[0].port, 1884);
    assert_null(c->server.listeners[0].address);
    nj_config_free(c);
}

static void
a_listener_lets_nobody_in_unless_told_to(void **state)
{
    struct nj_config *c = load("listener 1\nlistener 2\nlistener_allow_anonymous true\n");

    (void)state;
    assert_false(c->server.listeners[0].allow_anonymous);
    assert_true(c->server.listeners[1].allow_anonymous);
    nj_config_free(c);
    c = load("listener 1\nlistener_allow_anonymous false\nlistener 2\nallow_anonymous true\n");
    assert_false(c->server.listeners[0].allow_anonymous);
    assert_true(c->server.listeners[1].allow_anonymous);
    nj_config_free(c);
}

static void
a_password_file_is_everybodys_and_the_last_one_counts(void **state)
{
    struct nj_config *c = load("listener 1\npassword_file /a\nlistener 2\npassword_file /b\n");

    (void)state;
    assert_string_equal(c->server.listeners[0].password_file, "/b");
    assert_string_equal(c->server.listeners[1].password_file, "/b");
    assert_null(c->server.listeners[0].users);
    nj_config_free(c);
    c = load("password_file /a\n");
    assert_string_equal(c->server.listeners[0].password_file, "/a");
    assert_true(c->is_local_only && c->server.listeners[0].allow_anonymous);
    nj_config_free(c);
}

static void
security_options_belong_to_listeners_where_it_is_said_first(void **state)
{
    struct nj_config *c = load("per_listener_settings true\n"
                               "listener 1\npassword_file /a\nauto_id_prefix one-\n"
                               "listener 2\nallow_anonymous true\n"
                               "allow_zero_length_clientid false\n"
                               "listener 3\nlistener_allow_anonymous true\nallow_anonymous false\n"
                               "listener 4\nallow_anonymous true\nallow_anonymous false\n");
    const struct nj_listener_opts *l = c->server.listeners;

    (void)state;
    assert_string_equal(l[0].password_file, "/a");
    assert_string_equal(l[0].auto_id_prefix, "one-");
    assert_false(l[0].allow_anonymous);
    assert_null(l[1].password_file);
    assert_string_equal(l[1].auto_id_prefix, "auto-");
    assert_true(l[1].allow_anonymous);
    assert_true(l[0].allow_zero_length_clientid);
    assert_false(l[1].allow_zero_length_clientid);
    assert_true(l[2].allow_zero_length_clientid);
    assert_true(l[2].allow_anonymous);
    assert_false(l[3].allow_anonymous);
    nj_config_free(c);
    c = load("per_listener_settings true\nmax_connections 5\nallow_anonymous false\n"
             "password_file /a\nallow_zero_length_clientid false\nauto_id_prefix here-\n");
    assert_true(c->is_local_only);
    assert_false(c->server.listeners[0].allow_zero_length_clientid);
    assert_string_equal(c->server.listeners[1].auto_id_prefix, "here-");
    assert_false(c->server.listeners[0].allow_anonymous);
    assert_string_equal(c->server.listeners[1].password_file, "/a");
    nj_config_free(c);
}

static void
per_listener_settings_come_too_late_or_without_a_listener(void **state)
{
    static const char *const bad[] = {
        "allow_anonymous true\nper_listener_settings true\n",
        "password_file /a\nper_listener_settings true\n",
        "per_listener_settings true\npassword_file /a\n",
        "per_listener_settings true\nallow_anonymous true\n",
        "allow_zero_length_clientid false\nper_listener_settings true\n",
        "per_listener_settings true\nallow_zero_length_clientid false\n",
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct nj_config *c;
        struct nj_diag diag = {0};

        write_file("a.conf", bad[i]);
        assert_int_not_equal(load_file(&c, "a.conf", NULL, &diag), NJ_OK);
        assert_int_equal(diag.line, 2);
    }
}

static void
listeners_have_options_of_their_own(void **state)
{
    struct nj_config *c = load("listener 1884 192.0.2.1 # office\n"
                               "max_connections 7\n"
                               "mount_point office/\n"
                               "accept_protocol_versions 3, 5\n"
                               "listener 0 /run/nightjar.sock\n"
                               "max_qos 1\n"
                               "use_username_as_clientid true\n"
                               "listener_auto_id_prefix sock-\n"
                               "listener 1885 #\n"
                               "socket_domain ipv6\n"
                               "max_topic_alias 3\n"
                               "max_topic_alias_broker 0\n"
                               "auto_id_prefix all-\n");
    const struct nj_listener_opts *l = c->server.listeners;

    (void)state;
    assert_int_equal(c->server.listener_count, 3);
    assert_int_equal(l[0].port, 1884);
    assert_string_equal(l[0].address, "192.0.2.1");
    assert_int_equal(l[0].max_connections, 7);
    assert_string_equal(l[0].mount_point, "office/");
    assert_int_equal(l[0].accepted_versions, NJ_ACCEPT_V31 | NJ_ACCEPT_V5);
    assert_string_equal(l[0].auto_id_prefix, "all-");
    assert_int_equal(l[1].port, 0);
    assert_null(l[1].address);
    assert_string_equal(l[1].unix_path, "/run/nightjar.sock");
    assert_int_equal(l[1].max_qos, 1);
    assert_true(l[1].use_username_as_clientid);
    assert_string_equal(l[1].auto_id_prefix, "sock-");
    assert_int_equal(l[1].max_connections, UINT32_MAX);
    assert_null(l[2].address);
    assert_int_equal(l[2].socket_domain, NJ_SOCKET_IPV6);
    assert_int_equal(l[2].max_topic_alias, 3);
    assert_int_equal(l[2].max_topic_alias_broker, 0);
    assert_int_equal(l[2].max_qos, 2);
    assert_said("The 'auto_id_prefix' option is now deprecated and will be removed in version 3.0. "
                "Please use 'listener_auto_id_prefix' instead.");
    nj_config_free(c);
}

static void
old_options_make_a_default_listener(void **state)
{
    struct nj_config *c = load("bind_address 127.0.0.1\nport 1999\nmax_connections 4\n"
                               "listener 2000\nmax_connections 5\n");

    (void)state;
    assert_int_equal(c->server.listener_count, 2);
    assert_int_equal(c->server.listeners[0].port, 1999);
    assert_string_equal(c->server.listeners[0].address, "127.0.0.1");
    assert_int_equal(c->server.listeners[0].max_connections, 4);
    assert_int_equal(c->server.listeners[1].max_connections, 5);
    assert_false(c->server.listeners[0].is_local_only);
    assert_said("Creating default listener due to 'bind_address' option.");
    assert_said("It is best practice to define a 'listener' first. Using the 'bind_address' option "
                "without a listener will be disabled in the future.");
    assert_said("The 'port' option is now deprecated and will be removed in version 3.0. Please "
                "use 'listener' instead.");
    assert_false(was_said("Creating default listener due to 'port' option."));
    nj_config_free(c);

    c = load("port 1\nport 2\n");
    assert_int_equal(c->server.listeners[0].port, 2);
    assert_said("Warning: Default listener port specified multiple times. Only the latest will be "
                "used.");
    nj_config_free(c);
}

static void
options_without_a_listener_do_not_open_one_to_others(void **state)
{
    struct nj_config *c = load("max_connections 3\n");

    (void)state;
    assert_said("Creating default listener due to 'max_connections' option.");
    assert_true(c->is_local_only);
    assert_int_equal(c->server.listener_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(c->server.listeners[i].is_local_only);
        assert_int_equal(c->server.listeners[i].max_connections, 3);
    }
    nj_config_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_only_the_loopback_listens),
        cmocka_unit_test(ports_of_the_command_line_are_on_the_loopback),
        cmocka_unit_test(a_listener_lets_nobody_in_unless_told_to),
        cmocka_unit_test(a_password_file_is_everybodys_and_the_last_one_counts),
        cmocka_unit_test(security_options_belong_to_listeners_where_it_is_said_first),
        cmocka_unit_test(per_listener_settings_come_too_late_or_without_a_listener),
        cmocka_unit_test(listeners_have_options_of_their_own),
        cmocka_unit_test(old_options_make_a_default_listener),
        cmocka_unit_test(options_without_a_listener_do_not_open_one_to_others),
    };

    return cmocka_run_group_tests_name("config/listener", tests, open_log, close_log);
}
