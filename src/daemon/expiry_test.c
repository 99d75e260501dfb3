/* SPDX-License-Identifier: Apache-2.0 */
/* Days that would be long to wait for: the clock is the caller's. */
#include "daemon/expiry.h"

#include "base/log.h"
#include "net/tls_kit_test.h"

#include <time.h>

#define DAY_S 86400

static struct kit_cert ca, broker;
static struct nj_listener_opts listener;
static struct nj_expiry expiry;
static int64_t began_s;

/* What was said in the last look. */
static struct {
    char line[16][400];
    enum nj_log_type type[16];
    size_t count;
} said;

static bool
hear(void *ctx, enum nj_log_type type, struct nj_str line)
{
    (void)ctx;
    if (said.count == NJ_COUNT_OF(said.line))
        return true;
    said.type[said.count] = type;
    (void)snprintf(said.line[said.count++], sizeof(said.line[0]), "%" NJ_STR_FMT, NJ_STR_ARG(line));
    return true;
}

static int
set_up_all(void **state)
{
    const struct nj_log_opts opts = {
        .types = NJ_LOG_DEFAULT, .dests = NJ_LOG_TO_TOPIC, .facility = -1, .to_topic = hear};

    (void)state;
    kit_begin();
    return nj_log_open(&opts, NULL) == NJ_OK ? 0 : -1;
}

static int
tear_down_all(void **state)
{
    (void)state;
    nj_log_close();
    return kit_end();
}

static int
tear_down(void **state)
{
    (void)state;
    nj_tls_context_unref(listener.tls);
    listener = (struct nj_listener_opts){0};
    nj_expiry_fini(&expiry);
    kit_free(&ca);
    kit_free(&broker);
    (void)unlink(kit_path("list"));
    (void)unlink(kit_path("response"));
    return 0;
}

/* A certificate for 90 days, a CA for 200; a list and a response for so many, unless that is 0. */
static void
load_all(int list_days, int response_days, bool ignore_dates)
{
    struct nj_tls_pair pair;
    struct nj_tls_opts o = {.pairs = &pair, .pair_count = 1, .ignore_dates = ignore_dates};

    if (broker.cert == NULL) {
        began_s = time(NULL);
        kit_make(&ca,
                 &(struct kit_asked){
                     .name = "ca", .subject = "the CA", .is_ca = true, .until_s = 200 * DAY_S});
        kit_make(&broker,
                 &(struct kit_asked){.name = "broker", .issuer = &ca, .until_s = 90 * DAY_S});
    }
    pair = (struct nj_tls_pair){broker.certfile, broker.keyfile};
    if (list_days > 0) {
        kit_list(kit_path("list"), &ca, NULL, 0, list_days * DAY_S);
        o.crlfile = kit_path("list");
    }
    if (response_days > 0) {
        kit_response(kit_path("response"), &ca, &broker, response_days * DAY_S);
        o.ocspfile = kit_path("response");
    }
    o.cafile = ca.certfile;
    o.require_certificate = true;
    nj_tls_context_unref(listener.tls);
    listener = (struct nj_listener_opts){.port = 8883, .tls = kit_context(&o)};
}

static void
load(int list_days, bool ignore_dates)
{
    load_all(list_days, 0, ignore_dates);
}

/* Half a day less than so many days have passed: how many lines that was worth. */
static size_t
after_days(int days)
{
    said.count = 0;
    nj_expiry_look(&expiry, &listener, 1, began_s + (int64_t)days * DAY_S - DAY_S / 2);
    nj_log_flush();
    return said.count;
}

static void
is_said(const char *first, const char *second)
{
    assert_int_equal(said.count, 1);
    if (strstr(said.line[0], first) == NULL || strstr(said.line[0], second) == NULL)
        fail_msg("%s", said.line[0]);
    assert_int_equal(said.type[0], strncmp(first, "Error", 5) == 0 ? NJ_LOG_ERROR : NJ_LOG_WARNING);
}

static void
each_step_before_a_certificate_expires_is_said_once(void **state)
{
    static const struct {
        int day;
        const char *words;
    } steps[] = {
        {61, "expires in 29 days"}, {84, "expires in 6 days"}, {90, "expires in 12 hours"}};
    uint64_t warnings = 0;
    int day = 1;

    (void)state;
    load(0, false);
    for (size_t i = 0; i < NJ_COUNT_OF(steps); i++) {
        for (; day < steps[i].day; day++)
            assert_int_equal(after_days(day), 0);
        assert_int_equal(after_days(day), 1);
        is_said("Warning: The certificate \"", steps[i].words);
        assert_non_null(strstr(said.line[0], "broker.crt\" of port 8883"));
        assert_int_equal(expiry.warnings, ++warnings);
        assert_int_equal(after_days(day++), 0);
    }
    assert_int_equal(after_days(91), 1);
    is_said("Error: The certificate \"", "has expired");
    assert_int_equal(after_days(92), 0);
    assert_int_equal(expiry.warnings, 4);
    assert_in_range(expiry.soonest_s[NJ_TLS_DATED_CERTIFICATE], began_s + 90 * DAY_S,
                    began_s + 90 * DAY_S + 5);
}

static void
files_that_are_loaded_again_are_not_warned_of_again(void **state)
{
    (void)state;
    load(0, false);
    assert_int_equal(after_days(61), 1);
    load(0, false);
    assert_int_equal(after_days(62), 0);
    /* One with other dates is another. */
    kit_free(&broker);
    kit_make(&broker, &(struct kit_asked){.name = "broker", .issuer = &ca, .until_s = 100 * DAY_S});
    load(0, false);
    assert_int_equal(after_days(63), 0);
    assert_int_equal(after_days(71), 1);
    is_said("Warning: The certificate \"", "expires in 29 days");
}

static void
an_authority_of_clients_is_warned_of(void **state)
{
    (void)state;
    load(0, false);
    (void)after_days(100);
    assert_int_equal(after_days(171), 1);
    is_said("Warning: The CA \"CN=the CA\" in \"", "expires in 29 days");
    assert_int_equal(after_days(194), 1);
    assert_int_equal(after_days(200), 1);
    assert_int_equal(after_days(201), 1);
    is_said("Error: The CA \"CN=the CA\" in \"", "has expired");
}

static void
an_authority_whose_dates_are_passed_over_is_not(void **state)
{
    (void)state;
    load(0, true);
    (void)after_days(100);
    assert_int_equal(after_days(201), 0);
    assert_true(expiry.soonest_s[NJ_TLS_DATED_AUTHORITY] == INT64_MAX);
}

static void
a_list_of_revoked_certificates_is_warned_of(void **state)
{
    (void)state;
    load(80, false);
    assert_int_equal(after_days(50), 0);
    assert_int_equal(after_days(51), 1);
    is_said("Warning: The CRL of \"CN=the CA\" in \"", "ends in 29 days");
    (void)after_days(73); /* the certificate is warned of, too */
    load(79, false);
    assert_int_equal(after_days(73), 1);
    is_said("Warning: The CRL of \"CN=the CA\" in \"", "ends in 6 days");
    assert_int_equal(after_days(79), 1);
    is_said("Warning: The CRL of \"", "ends in 12 hours");
    assert_int_equal(after_days(80), 1);
    is_said("Error: The CRL of \"CN=the CA\" in \"", "is out of date");
}

static void
of_a_list_for_a_week_the_last_day_alone_is_said(void **state)
{
    (void)state;
    load(7, false);
    for (int day = 1; day < 7; day++)
        assert_int_equal(after_days(day), 0);
    assert_int_equal(after_days(7), 1);
    is_said("Warning: The CRL of \"", "ends in 12 hours");
}

static void
a_stapled_response_is_warned_of_as_a_list_is(void **state)
{
    (void)state;
    load_all(0, 7, false);
    for (int day = 1; day < 7; day++)
        assert_int_equal(after_days(day), 0);
    assert_int_equal(after_days(7), 1);
    is_said("Warning: The OCSP response \"", "ends in 12 hours");
    assert_non_null(strstr(said.line[0], "response\" of port 8883"));
    assert_int_equal(after_days(8), 1);
    is_said("Error: The OCSP response \"", "is out of date");
    assert_in_range(expiry.soonest_s[NJ_TLS_DATED_RESPONSE], began_s + 7 * DAY_S,
                    began_s + 7 * DAY_S + 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_step_before_a_certificate_expires_is_said_once, tear_down),
        cmocka_unit_test_teardown(files_that_are_loaded_again_are_not_warned_of_again, tear_down),
        cmocka_unit_test_teardown(an_authority_of_clients_is_warned_of, tear_down),
        cmocka_unit_test_teardown(an_authority_whose_dates_are_passed_over_is_not, tear_down),
        cmocka_unit_test_teardown(a_list_of_revoked_certificates_is_warned_of, tear_down),
        cmocka_unit_test_teardown(of_a_list_for_a_week_the_last_day_alone_is_said, tear_down),
        cmocka_unit_test_teardown(a_stapled_response_is_warned_of_as_a_list_is, tear_down),
    };

    return cmocka_run_group_tests_name("daemon/expiry", tests, set_up_all, tear_down_all);
}
