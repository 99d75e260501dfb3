/* SPDX-License-Identifier: Apache-2.0 */
/* Findings keep their ceiling, and an alert is explained to the side that sees it. What is said of
 * files and chains is tested with real ones, row by row, in tests/tls. */
#include "base/test.h"
#include "pki/judge.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

static bool
holds(const struct nj_findings *list, enum nj_finding_id id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i].id == id)
            return true;
    }
    return false;
}

static struct nj_findings
causes_of(struct nj_judge_alert seen)
{
    struct nj_findings list = {0};

    nj_judge_alert(&list, &seen);
    assert_true(list.count > 0);
    for (size_t i = 0; i < list.count; i++) {
        assert_true(list.at[i].is_guess);
        assert_true(list.at[i].cause[0] != '\0');
    }
    assert_false(nj_findings_has(&list, NJ_SEVERITY_NOTE)); /* guesses do not count */
    return list;
}

static void
every_finding_has_words_for_both_ends(void **state)
{
    (void)state;
    for (int id = 0; id < NJ_FINDINGS; id++) {
        struct nj_finding found;

        nj_finding_init(&found, (enum nj_finding_id)id, NJ_END_BROKER);
        assert_true(nj_finding_name((enum nj_finding_id)id)[0] != '\0');
        assert_true(nj_finding_words((enum nj_finding_id)id, NJ_END_CLIENT)[0] != '\0');
        assert_true(nj_finding_words((enum nj_finding_id)id, NJ_END_BROKER)[0] != '\0');
        if (id != NJ_FINDING_NONE)
            assert_true(found.mend[0] != '\0');
        for (int other = 0; other < id; other++)
            assert_string_not_equal(nj_finding_name((enum nj_finding_id)id),
                                    nj_finding_name((enum nj_finding_id)other));
    }
}

static void
findings_stop_at_their_ceiling(void **state)
{
    struct nj_findings list = {0};
    int added = 0;

    (void)state;
    while (added < 1000 && nj_findings_add(&list, NJ_FINDING_EXPIRED, NJ_END_BROKER) != NULL)
        added++;
    assert_int_equal(added, 64);
    assert_true(list.is_cut);
    assert_true(nj_findings_has(&list, NJ_SEVERITY_FAULT));
    nj_findings_fini(&list);
}

static void
line_of_a_finding_is_one_line(void **state)
{
    struct nj_finding f;
    char line[2000];
    char small[20];

    (void)state;
    nj_finding_init(&f, NJ_FINDING_EXPIRED, NJ_END_CLIENT);
    nj_finding_mend(&f, "one");
    nj_finding_mend_more(&f, "two");
    f.depth = 0;
    assert_null(strchr(nj_finding_line(&f, line, sizeof(line)), '\n'));
    assert_non_null(strstr(line, "one;two"));
    assert_int_equal(strlen(nj_finding_line(&f, small, sizeof(small))), sizeof(small) - 1);
}

static void
unknown_ca_is_about_the_certificate_that_was_shown(void **state)
{
    struct nj_findings list = causes_of((struct nj_judge_alert){.self = NJ_END_CLIENT,
                                                                .alert = TLS1_AD_UNKNOWN_CA,
                                                                .was_open = true,
                                                                .showed_certificate = true,
                                                                .asked_certificate = true});

    (void)state;
    assert_int_equal(list.at[0].id, NJ_FINDING_UNKNOWN_ISSUER);
    assert_int_equal(list.at[0].end, NJ_END_CLIENT);
    assert_true(holds(&list, NJ_FINDING_SAME_NAME_AS_CA));
    assert_true(holds(&list, NJ_FINDING_NO_CRL));
    nj_findings_fini(&list);
    list = causes_of((struct nj_judge_alert){.self = NJ_END_BROKER, .alert = TLS1_AD_UNKNOWN_CA});
    assert_false(holds(&list, NJ_FINDING_NO_CRL)); /* clients keep no lists of the revoked */
    nj_findings_fini(&list);
}

static void
a_list_has_ended_before_a_clock_is_ahead(void **state)
{
    struct nj_findings list = causes_of((struct nj_judge_alert){
        .self = NJ_END_CLIENT, .alert = SSL_AD_CERTIFICATE_EXPIRED, .showed_certificate = true});

    (void)state;
    assert_int_equal(list.count, 3);
    assert_int_equal(list.at[0].id, NJ_FINDING_EXPIRED);
    assert_int_equal(list.at[1].id, NJ_FINDING_CRL_EXPIRED);
    assert_int_equal(list.at[2].id, NJ_FINDING_CLOCK_AHEAD);
    nj_findings_fini(&list);
    list = causes_of(
        (struct nj_judge_alert){.self = NJ_END_BROKER, .alert = SSL_AD_CERTIFICATE_EXPIRED});
    assert_int_equal(list.count, 2);
    assert_int_equal(list.at[1].id, NJ_FINDING_CLOCK_AHEAD); /* clients keep no lists */
    nj_findings_fini(&list);
}

static void
what_was_shown_rules_causes_out(void **state)
{
    struct nj_judge_alert seen = {
        .self = NJ_END_BROKER, .alert = TLS1_AD_UNKNOWN_CA, .shows_issued = true};
    struct nj_findings list = causes_of(seen);

    (void)state;
    assert_false(holds(&list, NJ_FINDING_SAME_NAME_AS_CA));
    assert_false(holds(&list, NJ_FINDING_SELF_SIGNED));
    assert_true(holds(&list, NJ_FINDING_NO_INTERMEDIATE));
    nj_findings_fini(&list);
    seen.shows_chain = true;
    list = causes_of(seen);
    assert_false(holds(&list, NJ_FINDING_NO_INTERMEDIATE));
    assert_true(holds(&list, NJ_FINDING_PATH_TOO_LONG));
    nj_findings_fini(&list);
}

static void
names_are_compared_by_clients_only(void **state)
{
    struct nj_findings list =
        causes_of((struct nj_judge_alert){.self = NJ_END_BROKER, .alert = TLS1_AD_INTERNAL_ERROR});

    (void)state;
    assert_int_equal(list.at[0].id, NJ_FINDING_HOST_NAME); /* as mosquitto's clients refuse */
    nj_findings_fini(&list);
    list =
        causes_of((struct nj_judge_alert){.self = NJ_END_CLIENT, .alert = TLS1_AD_INTERNAL_ERROR});
    assert_false(holds(&list, NJ_FINDING_HOST_NAME));
    assert_int_equal(list.at[0].id, NJ_FINDING_WEAK_CA_KEY);
    assert_int_equal(list.at[0].end, NJ_END_BROKER);
    nj_findings_fini(&list);
}

static void
missing_certificate_is_told_in_both_versions(void **state)
{
    struct nj_findings list =
        causes_of((struct nj_judge_alert){.self = NJ_END_CLIENT,
                                          .alert = TLS13_AD_CERTIFICATE_REQUIRED,
                                          .is_tls13 = true,
                                          .was_open = true,
                                          .asked_certificate = true});

    (void)state;
    assert_int_equal(list.at[0].id, NJ_FINDING_NO_CERTIFICATE);
    nj_findings_fini(&list);
    list = causes_of((struct nj_judge_alert){
        .self = NJ_END_CLIENT, .alert = SSL3_AD_HANDSHAKE_FAILURE, .asked_certificate = true});
    assert_true(holds(&list, NJ_FINDING_NO_CERTIFICATE));
    nj_findings_fini(&list);
    list = causes_of(
        (struct nj_judge_alert){.self = NJ_END_CLIENT, .alert = SSL3_AD_HANDSHAKE_FAILURE});
    assert_false(holds(&list, NJ_FINDING_NO_CERTIFICATE)); /* nobody asked */
    assert_int_equal(list.at[0].id, NJ_FINDING_NO_CIPHER);
    nj_findings_fini(&list);
}

static void
silence_has_its_causes(void **state)
{
    struct nj_findings list = causes_of(
        (struct nj_judge_alert){.self = NJ_END_CLIENT, .alert = -1, .heard_nothing = true});

    (void)state;
    assert_int_equal(list.at[0].id, NJ_FINDING_TLS_ON_PLAIN);
    nj_findings_fini(&list);
    list = causes_of((struct nj_judge_alert){.self = NJ_END_BROKER, .alert = -1});
    assert_int_equal(list.at[0].id, NJ_FINDING_GAVE_UP);
    nj_findings_fini(&list);
    list = causes_of(
        (struct nj_judge_alert){.self = NJ_END_BROKER, .alert = -1, .heard_nothing = true});
    assert_int_equal(list.at[0].id, NJ_FINDING_SCAN);
    assert_int_equal(list.at[1].id, NJ_FINDING_GAVE_UP); /* as mosquitto's clients do */
    nj_findings_fini(&list);
}

static void
every_alert_and_every_error_gets_an_answer(void **state)
{
    const struct nj_judge_chain nothing = {.end = NJ_END_BROKER};
    struct nj_finding f;

    (void)state;
    for (int alert = 0; alert < 256; alert++) {
        for (int end = 0; end < 2; end++) {
            struct nj_findings list = {0};
            struct nj_judge_alert seen = {.self = (enum nj_end)end, .alert = alert};

            nj_judge_alert(&list, &seen);
            assert_true(list.count > 0 || alert == TLS13_AD_CERTIFICATE_REQUIRED);
            nj_findings_fini(&list);
        }
    }
    for (int error = 1; error < 100; error++) { /* with nothing known of the certificate */
        nj_judge_error(&f, &nothing, error, error % 3, NULL);
        assert_true(f.cause[0] != '\0');
        assert_int_not_equal(f.id, NJ_FINDING_NONE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_finding_has_words_for_both_ends),
        cmocka_unit_test(findings_stop_at_their_ceiling),
        cmocka_unit_test(line_of_a_finding_is_one_line),
        cmocka_unit_test(unknown_ca_is_about_the_certificate_that_was_shown),
        cmocka_unit_test(a_list_has_ended_before_a_clock_is_ahead),
        cmocka_unit_test(what_was_shown_rules_causes_out),
        cmocka_unit_test(names_are_compared_by_clients_only),
        cmocka_unit_test(missing_certificate_is_told_in_both_versions),
        cmocka_unit_test(silence_has_its_causes),
        cmocka_unit_test(every_alert_and_every_error_gets_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
