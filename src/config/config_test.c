/* SPDX-License-Identifier: Apache-2.0 */
/* A whole configuration: against the one before it, and freed. */
#include "config/kit_test.h"

#include "base/mem.h"

static void
reload_keeps_what_only_a_restart_changes(void **state)
{
    struct nj_config *old = load_as("old.conf", "workers 2\nuser a\nlistener 1\nlistener 2 ::1\n"
                                                "bind_interface lo\nmax_queued_messages 1\n"
                                                "durability interval 100\n");
    struct nj_config *new =
        load_as("new.conf", "workers 3\npid_file /x\nlistener 2 ::1\nmax_connections 9\n"
                            "listener 1\nbind_interface eth0\nmax_queued_messages 2\n"
                            "durability interval 200\n");

    (void)state;
    said.count = 0;
    assert_int_equal(nj_config_reload_check(old, new, NULL), NJ_OK);
    nj_log_flush();
    assert_int_equal(new->server.workers, 2);
    assert_string_equal(new->user, "a");
    assert_null(new->pid_file);
    assert_int_equal(new->broker.max_queued_messages, 2);
    assert_int_equal(new->server.listeners[0].port, 1);
    assert_null(new->server.listeners[0].bind_interface);
    assert_int_equal(new->server.listeners[1].port, 2);
    assert_int_equal(new->server.listeners[1].max_connections, 9);
    assert_string_equal(new->server.listeners[1].bind_interface, "lo");
    assert_said("Warning: The 'workers' option has changed, which needs a restart; it stays as it "
                "was.");
    assert_int_equal(new->store.durability.interval_ms, 100);
    assert_said("Warning: The 'durability' option has changed, which needs a restart; it stays as "
                "it was.");
    assert_int_equal(said.count, 6); /* and user, pid_file, bind_interface twice */
    nj_config_free(old);
    nj_config_free(new);
}

static void
reload_with_other_listeners_is_refused(void **state)
{
    static const char *const others[] = {"listener 2\n",
                                         "listener 1\nlistener 2\n",
                                         "listener 1 127.0.0.1\n",
                                         "listener 0 /a\n",
                                         "listener 1\nlistener 1\n",
                                         "",
                                         NULL};
    struct nj_config *old = load_as("old.conf", "listener 1\n");
    struct nj_diag diag;

    (void)state;
    for (int i = 0; others[i] != NULL; i++) {
        struct nj_config *new = load_as("new.conf", others[i]);

        said.count = 0;
        assert_int_equal(nj_config_reload_check(old, new, &diag), NJ_ECONFIG);
        nj_log_flush();
        assert_said("Error: It is not currently possible to add/remove listeners when reloading "
                    "the config file.");
        nj_config_free(new);
    }
    nj_config_free(old);
}

static void
nothing_is_kept_after_all_this(void **state)
{
    uint64_t before = nj_mem_used();
    struct nj_config *c = load("listener 1 a\nmount_point b\nauto_id_prefix c\nuser d\nuser e\n"
                               "log_dest file f\nlog_timestamp_format g\nclientid_prefixes h\n"
                               "pid_file i\nlistener 0 j\nbind_interface k\n");

    (void)state;
    nj_config_free(c);
    assert_int_equal(nj_mem_used(), before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reload_keeps_what_only_a_restart_changes),
        cmocka_unit_test(reload_with_other_listeners_is_refused),
        cmocka_unit_test(nothing_is_kept_after_all_this),
    };

    return cmocka_run_group_tests_name("config/config", tests, open_log, close_log);
}
