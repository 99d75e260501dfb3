/* SPDX-License-Identifier: Apache-2.0 */
/* A listener with a certificate and keys: who shows an identity is nobody until its key was used.
 */
#include "net/tls.h"

#include "base/mem.h"
#include "net/tls_kit_test.h"

static struct kit_cert broker;
static struct kit_pair pair;
static char psk_path[96];

static int
set_up(void **state)
{
    (void)state;
    kit_begin();
    kit_make(&broker, &(struct kit_asked){.name = "broker", .sans = "DNS:localhost"});
    (void)snprintf(psk_path, sizeof(psk_path), "%s/psk", kit_directory);
    kit_psk_file(psk_path, "admin:c0ffee00\n");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    (void)unlink(psk_path);
    kit_free(&broker);
    return kit_end();
}

/* As admin, with this key and these cipher suites; the name that the broker takes it for. */
static char *
come_with(const char *key, const char *ciphersuites, const char *ciphers,
          enum nj_tls_version newest)
{
    const struct nj_tls_pair files = {broker.certfile, broker.keyfile};
    const struct nj_tls_opts s = {
        .pairs = &files, .pair_count = 1, .psk_hint = "hint", .psk_file = psk_path};
    const struct nj_tls_opts c = {.role = NJ_TLS_CLIENT,
                                  .newest = newest,
                                  .cafile = broker.certfile,
                                  .psk = key,
                                  .psk_identity = "admin",
                                  .ciphers = ciphers,
                                  .ciphersuites = ciphersuites};
    struct nj_tls_context *ours = kit_context(&s), *theirs = kit_context(&c);
    char *name;

    kit_join(&pair, theirs, ours, "localhost");
    kit_shake(&pair);
    assert_int_equal(pair.server.last, NJ_TLS_DONE);
    name = nj_tls_peer_name(pair.server.tls, NJ_TLS_COMMON_NAME);
    kit_part(&pair);
    nj_tls_context_unref(ours);
    nj_tls_context_unref(theirs);
    return name;
}

static void
is_admin(char *name)
{
    assert_string_equal(name, "admin");
    nj_free(name);
}

static void
the_right_key_proves_its_identity(void **state)
{
    (void)state;
    is_admin(come_with("c0ffee00", NULL, NULL, NJ_TLS_ANY));
    is_admin(come_with("c0ffee00", NULL, "PSK", NJ_TLS_1_2));
}

/* The key belongs to a cipher with SHA-256. Where there is none of these, OpenSSL passes over the
 * key without a look at the proof, and goes on with the certificate. */
static void
an_identity_whose_key_was_passed_over_is_nobody(void **state)
{
    (void)state;
    assert_null(come_with("00", "TLS_AES_256_GCM_SHA384", NULL, NJ_TLS_ANY));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_key_proves_its_identity),
        cmocka_unit_test(an_identity_whose_key_was_passed_over_is_nobody),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
