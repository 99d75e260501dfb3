/* SPDX-License-Identifier: Apache-2.0 */
/* Options whose values mean more than themselves. */
#include "config/kit_test.h"

#include <sched.h>

static void
log_options_add_up(void **state)
{
    struct nj_config_args args = {.is_verbose = true};
    struct nj_config *c = load("log_dest stdout\nlog_dest none\nlog_dest syslog\n"
                               "log_dest file \t /var/log/a b.log\nlog_dest topic\n"
                               "log_type debug\nlog_type none\nlog_type error\nlog_type subscribe\n"
                               "log_timestamp false\nlog_facility 5\n");

    (void)state;
    assert_int_equal(c->log.dests, NJ_LOG_TO_SYSLOG | NJ_LOG_TO_FILE | NJ_LOG_TO_TOPIC);
    assert_int_equal(c->log.types, NJ_LOG_ERROR | NJ_LOG_SUBSCRIBE);
    assert_string_equal(c->log.file, "/var/log/a b.log");
    assert_false(c->log.has_timestamp);
    assert_int_equal(c->log.facility, 5);
    nj_config_free(c);

    write_file("a.conf", "log_type none\nlog_dest none\n");
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_int_equal(c->log.types, NJ_LOG_ALL);
    assert_int_equal(c->log.dests, 0);
    nj_config_free(c);
    args.is_quiet = true;
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_int_equal(c->log.types, 0);
    nj_config_free(c);
}

static void
times_are_in_seconds(void **state)
{
    static const struct {
        const char *value;
        uint32_t seconds;
    } cases[] = {{"90s", 90},          {"2h", 7200},
                 {"14d", 14 * 86400},  {"1w", 7 * 86400},
                 {"2m", 60 * 86400},   {"1y", 365 * 86400},
                 {"137y", UINT32_MAX}, {"99999999999999999999y", UINT32_MAX}};
    struct nj_config *c;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char text[100];

        (void)snprintf(text, sizeof(text), "persistent_client_expiration %s\n", cases[i].value);
        c = load(text);
        assert_int_equal(c->broker.persistent_client_expiration_s, cases[i].seconds);
        nj_config_free(c);
    }
    c = load("retain_expiry_interval 3\n");
    assert_int_equal(c->broker.retain_expiry_s, 180);
    nj_config_free(c);
    c = load("retain_expiry_interval 2000000000\n");
    assert_int_equal(c->broker.retain_expiry_s, 600000000);
    assert_said("Warning: retain_expiry_interval being capped at 19 years.");
    nj_config_free(c);
}

static void
ceilings_in_bytes_cannot_be_lifted(void **state)
{
    struct nj_config *c = load("memory_limit 0\nmax_queued_bytes 0\nmax_queued_bytes_total 0\n"
                               "max_retained_bytes 0\nmax_output_bytes 0\nworkers 0\n"
                               "max_queued_messages 0\nmax_retained_messages 0\n");

    (void)state;
    assert_true(c->memory_limit > 0);
    assert_true(c->broker.max_queued_bytes > 0);
    assert_int_equal(c->broker.max_queued_bytes_total, c->memory_limit / 2);
    assert_int_equal(c->broker.max_retained_bytes, c->memory_limit / 4);
    assert_true(c->server.max_output_bytes >= c->server.max_packet_size);
    assert_int_equal(c->broker.max_queued_messages, 0);
    assert_int_equal(c->broker.max_retained_messages, 0);
    nj_config_free(c);

    c = load("max_output_bytes 1\nmax_packet_size 5000\n");
    assert_int_equal(c->server.max_output_bytes, 5000);
    nj_config_free(c);
}

static unsigned
workers_on(const cpu_set_t *cores)
{
    struct nj_config *c;
    unsigned workers;

    assert_int_equal(sched_setaffinity(0, sizeof(*cores), cores), 0);
    c = load("workers 0\n");
    workers = c->server.workers;
    nj_config_free(c);
    return workers;
}

static void
workers_leave_a_core(void **state)
{
    cpu_set_t all, one;
    int first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(workers_on(&one), 1);
    assert_int_equal(workers_on(&all), NJ_MAX(CPU_COUNT(&all) - 1, 1));
}

static void
notices_are_said(void **state)
{
    struct nj_config *c = load("retry_interval 20\ndhparamfile\nmessage_size_limit 10\n"
                               "autosave_interval 10\nclientid_prefixes a\n");

    (void)state;
    assert_said("Warning: The 'retry_interval' option is no longer available.");
    assert_said("Warning: dhparamfile is no longer required.");
    assert_said("Note: It is recommended to replace `message_size_limit` with `max_packet_size`.");
    assert_said("The 'autosave_interval' option has no effect: what is acknowledged is saved "
                "before (durability).");
    assert_said("The 'clientid_prefixes' option is now deprecated and will be removed in version "
                "3.0. ");
    assert_int_equal(c->broker.message_size_limit, 10);
    assert_string_equal(c->broker.clientid_prefixes, "a");
    nj_config_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_options_add_up),
        cmocka_unit_test(times_are_in_seconds),
        cmocka_unit_test(ceilings_in_bytes_cannot_be_lifted),
        cmocka_unit_test(workers_leave_a_core),
        cmocka_unit_test(notices_are_said),
    };

    return cmocka_run_group_tests_name("config/setters", tests, open_log, close_log);
}
