/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/ledger_priv.h"

#include "base/save.h"

#include "base/test.h"

#include <unistd.h>

static char path[64];

static int
make_file(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/nj-ledger-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static enum nj_err
read_text(struct nj_ca_ledger *out, struct nj_str text, struct nj_diag *diag)
{
    assert_int_equal(nj_save(path, text, NJ_SAVE_PUBLIC, true, NULL), NJ_OK);
    return nj_ca_ledger_read(out, path, diag);
}

static void
what_is_entered_is_read_back(void **state)
{
    const time_t end = 1803859200, late = 2556144000; /* 2027-03-01, 2051-01-01 */
    struct nj_ca_ledger ledger = {0}, again = {0};

    (void)state;
    assert_int_equal(nj_ca_ledger_append(&ledger, end, "0A", "clients/a/client.crt", "/CN=a"),
                     NJ_OK);
    assert_int_equal(nj_ca_ledger_append(&ledger, late, "0B", "unknown", "/CN=b"), NJ_OK);
    assert_int_equal(nj_ca_ledger_revoke(&ledger.line[0], end - 1, "keyCompromise"), NJ_OK);
    assert_int_equal(nj_ca_ledger_save(&ledger, path, NULL), NJ_OK);
    assert_int_equal(nj_ca_ledger_read(&again, path, NULL), NJ_OK);
    assert_int_equal(again.count, 2);
    assert_string_equal(again.line[0].text, "R\t270301000000Z\t270228235959Z,keyCompromise\t0A\t"
                                            "clients/a/client.crt\t/CN=a");
    assert_string_equal(again.line[1].text, "V\t20510101000000Z\t\t0B\tunknown\t/CN=b");
    assert_int_equal(nj_ca_ledger_time(again.line[0].column[NJ_LEDGER_END]), end);
    assert_int_equal(nj_ca_ledger_time(again.line[1].column[NJ_LEDGER_END]), late);
    nj_ca_ledger_fini(&ledger);
    nj_ca_ledger_fini(&again);
}

static void
a_file_that_is_missing_or_empty_is_an_empty_ledger(void **state)
{
    struct nj_ca_ledger ledger = {0};

    (void)state;
    assert_int_equal(nj_ca_ledger_read(&ledger, "/nonexistent/index.txt", NULL), NJ_OK);
    assert_int_equal(ledger.count, 0);
    assert_int_equal(nj_ca_ledger_read(&ledger, path, NULL), NJ_OK);
    assert_int_equal(ledger.count, 0);
}

static void
lines_that_are_not_understood_stop_the_reading(void **state)
{
    static const struct nj_str wrong[] = {
        NJ_STR("rubbish"),
        NJ_STR("V\t270301000000Z\t\t0A\tunknown"),
        NJ_STR("V\t270301000000Z\t\t0A\tunknown\t/CN=a\tmore"),
        NJ_STR("X\t270301000000Z\t\t0A\tunknown\t/CN=a"),
        NJ_STR("V\t2703010000Z\t\t0A\tunknown\t/CN=a"),
        NJ_STR("V\t27030100000xZ\t\t0A\tunknown\t/CN=a"),
        NJ_STR("\n"),
        NJ_STR("V\t270301000000Z\t\t0A\tunknown\t/CN=a\0\n"),
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(wrong); i++) {
        struct nj_ca_ledger ledger = {0};
        struct nj_diag diag = {0};

        assert_int_equal(read_text(&ledger, wrong[i], &diag), NJ_EINVAL);
        assert_non_null(strstr(diag.text, path));
        assert_null(ledger.line);
    }
}

static void
the_last_line_needs_no_end(void **state)
{
    struct nj_ca_ledger ledger = {0};

    (void)state;
    assert_int_equal(
        read_text(
            &ledger,
            NJ_STR(
                "V\t270301000000Z\t\t0A\tunknown\t/CN=a\nE\t200301000000Z\t\t0B\tunknown\t/CN=b"),
            NULL),
        NJ_OK);
    assert_int_equal(ledger.count, 2);
    nj_ca_ledger_drop_last(&ledger);
    assert_int_equal(ledger.count, 1);
    nj_ca_ledger_fini(&ledger);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(what_is_entered_is_read_back),
        WITH_FILE(a_file_that_is_missing_or_empty_is_an_empty_ledger),
        WITH_FILE(lines_that_are_not_understood_stop_the_reading),
        WITH_FILE(the_last_line_needs_no_end),
    };

    return cmocka_run_group_tests_name("pki/ledger", tests, NULL, NULL);
}
