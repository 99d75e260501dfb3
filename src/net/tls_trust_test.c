/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/wire/test_tls_revoked.py cannot show without waiting for a certificate to expire. */
#include "net/tls.h"

#include "net/tls_kit_test.h"

static struct kit_cert ca, broker, expired;

static int
set_up(void **state)
{
    (void)state;
    (void)snprintf(kit_directory, sizeof(kit_directory), "/tmp/nj-tls-XXXXXX");
    if (mkdtemp(kit_directory) == NULL)
        return -1;
    kit_make(&ca, &(struct kit_asked){.name = "ca", .is_ca = true});
    kit_make(&broker,
             &(struct kit_asked){.name = "broker", .sans = "DNS:localhost", .issuer = &ca});
    kit_make(&expired,
             &(struct kit_asked){.name = "expired", .from_s = -20, .until_s = -10, .issuer = &ca});
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    kit_free(&ca);
    kit_free(&broker);
    kit_free(&expired);
    return rmdir(kit_directory);
}

static struct nj_tls_context *
make(enum nj_tls_role role, const struct kit_cert *own, bool require, bool ignore_dates)
{
    const struct nj_tls_pair files = {own != NULL ? own->certfile : NULL,
                                      own != NULL ? own->keyfile : NULL};
    const struct nj_tls_opts o = {.role = role,
                                  .pairs = &files,
                                  .pair_count = own != NULL ? 1 : 0,
                                  .cafile = ca.certfile,
                                  .require_certificate = require,
                                  .ignore_dates = ignore_dates};
    struct nj_tls_context *x = NULL;
    struct nj_diag diag = {0};

    assert_int_equal(nj_tls_context_new(&x, &o, &diag), NJ_OK);
    return x;
}

/* Whether somebody whom `before` has let in would be let in under `after`. */
static bool
stays(struct nj_tls_context *before, struct nj_tls_context *after, const struct kit_cert *own)
{
    static struct kit_pair pair;
    struct nj_tls_context *theirs = make(NJ_TLS_CLIENT, own, false, false);
    struct nj_finding why;
    bool is_trusted;

    kit_join(&pair, theirs, before, "localhost");
    kit_shake(&pair);
    assert_int_equal(pair.server.last, NJ_TLS_DONE);
    is_trusted = nj_tls_is_still_trusted(pair.server.tls, after, &why);
    assert_true(is_trusted || why.id == NJ_FINDING_NO_CERTIFICATE);
    kit_part(&pair);
    nj_tls_context_unref(theirs);
    nj_tls_context_unref(before);
    nj_tls_context_unref(after);
    return is_trusted;
}

static void
who_expires_while_it_is_here_stays(void **state)
{
    (void)state;
    assert_true(stays(make(NJ_TLS_SERVER, &broker, true, true),
                      make(NJ_TLS_SERVER, &broker, true, false), &expired));
}

static void
who_showed_no_certificate_goes_when_one_is_required(void **state)
{
    struct nj_tls_context *open = make(NJ_TLS_SERVER, &broker, false, false);
    struct nj_tls_context *closed = make(NJ_TLS_SERVER, &broker, true, false);

    (void)state;
    assert_true(nj_tls_context_trust(open) != nj_tls_context_trust(closed));
    assert_false(stays(open, closed, NULL));
    assert_true(stays(make(NJ_TLS_SERVER, &broker, false, false),
                      make(NJ_TLS_SERVER, &broker, false, false), NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_expires_while_it_is_here_stays),
        cmocka_unit_test(who_showed_no_certificate_goes_when_one_is_required),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
