/* SPDX-License-Identifier: Apache-2.0 */
/* A listener's certificates: what makes it one with TLS, and what could never work. */
#include "config/kit_test.h"

static void
the_labs_lines_make_a_listener_with_client_certificates(void **state)
{
    static const char lab[] = "listener 8883\n"
                              "protocol mqtt\n"
                              "allow_anonymous true\n"
                              "cafile /etc/mosquitto/ca_certificates/ca.crt\n"
                              "certfile /etc/mosquitto/certs/brocker.crt\n"
                              "keyfile /etc/mosquitto/mytls/brocker.key\n"
                              "require_certificate true\n";
    struct nj_config *c = load(lab);
    const struct nj_listener_tls *t = &c->server.listeners[0].files;

    (void)state;
    assert_int_equal(c->server.listener_count, 1);
    assert_string_equal(t->cafile, "/etc/mosquitto/ca_certificates/ca.crt");
    assert_int_equal(t->cert_count, 1);
    assert_string_equal(t->certfiles[0], "/etc/mosquitto/certs/brocker.crt");
    assert_string_equal(t->keyfiles[0], "/etc/mosquitto/mytls/brocker.key");
    assert_true(t->require_certificate);
    nj_config_free(c);
}

static void
tls_that_could_never_work_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"listener 1\ncertfile c\n",
         "Error: Both certfile and keyfile must be provided to enable a TLS listener."},
        {"listener 1\ncertfile c\nkeyfile k\ncertfile c2\n",
         "Error: Both certfile and keyfile must be provided to enable a TLS listener."},
        {"listener 1\ncafile c\n", "Error: cafile specified without certfile and keyfile."},
        {"listener 1\ncertfile c\nkeyfile k\nrequire_certificate true\n",
         "Error: require_certificate is set, but neither cafile nor capath: every client would be "
         "refused."},
        {"listener 1\npsk_hint h\n", "Error: psk_hint is set, but not psk_file."},
        {"listener 1\npsk_hint h\npsk_file f\ncertfile c\nkeyfile k\n",
         "Error: Cannot use both certificate and PSK encryption in one listener."},
        {"certfile c\nkeyfile k\n",
         "Error: The 'certfile' option requires a listener to be defined first."},
        {"listener 1\ntls_version ssl3\n", "Error: Invalid 'tls_version' value 'ssl3' in "
                                           "configuration."},
        {"listener 1\ntls_keyform Engine\n", "Error: Invalid 'tls_keyform' value 'Engine' in "
                                             "configuration."},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct nj_config *c;
        struct nj_diag diag;

        write_file("tls.conf", bad[i].text);
        assert_int_equal(load_file(&c, "tls.conf", NULL, &diag), NJ_ECONFIG);
        assert_string_equal(diag.text, bad[i].why);
    }
}

static void
certificates_and_keys_go_in_pairs(void **state)
{
    struct nj_config *c = load("psk_file p\nlistener 1\ncertfile c1\nkeyfile k1\ncertfile c2\n"
                               "keyfile k2\nlistener 2\npsk_hint h\ntls_version tlsv1.1\n");

    (void)state;
    assert_int_equal(c->server.listeners[0].files.cert_count, 2);
    assert_string_equal(c->server.listeners[0].files.certfiles[1], "c2");
    assert_string_equal(c->server.listeners[0].files.keyfiles[1], "k2");
    assert_string_equal(c->server.listeners[1].files.psk_file, "p");
    nj_config_free(c);
}

static void
what_stands_beside_the_labs_certificates_is_read(void **state)
{
    static const char tail[] = "require_certificate false\ntls_keyform pem\npersistence 0\n";
    struct nj_config *c = load("listener 8883\nprotocol mqtt\nallow_anonymous true\n");

    (void)state;
    assert_int_equal(c->server.listeners[0].port, 8883);
    assert_true(c->server.listeners[0].allow_anonymous);
    nj_config_free(c);
    c = load(tail);
    nj_config_free(c);
}

static void
an_engine_that_nothing_uses_is_told_of(void **state)
{
    static const char warning[] =
        "Warning: tls_engine pkcs11 is not used without 'tls_keyform engine'.";

    (void)state;
    nj_config_free(load("listener 1\ntls_engine pkcs11\ntls_keyform engine\n"));
    assert_false(was_said(warning));
    nj_config_free(load("listener 1\ntls_engine pkcs11\n"));
    assert_said(warning);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_labs_lines_make_a_listener_with_client_certificates),
        cmocka_unit_test(tls_that_could_never_work_is_refused),
        cmocka_unit_test(certificates_and_keys_go_in_pairs),
        cmocka_unit_test(what_stands_beside_the_labs_certificates_is_read),
        cmocka_unit_test(an_engine_that_nothing_uses_is_told_of),
    };

    return cmocka_run_group_tests_name("config/listener_tls", tests, open_log, close_log);
}
