/* SPDX-License-Identifier: Apache-2.0 */
/* secret_kit_test.h — a file of secrets for one test, and the log of what is said about it. */
#ifndef NJ_BASE_SECRET_KIT_TEST_H
#define NJ_BASE_SECRET_KIT_TEST_H

#include "base/test.h"

#include <sys/stat.h>
#include <unistd.h>

static char kit_path[64];

static void
kit_write(const char *text, mode_t mode)
{
    FILE *f;

    (void)snprintf(kit_path, sizeof(kit_path), "/tmp/nj-secret-test-%ld", (long)getpid());
    (void)unlink(kit_path);
    f = fopen(kit_path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(kit_path, mode), 0);
}

static int
kit_remove(void **state)
{
    (void)state;
    (void)unlink(kit_path);
    return 0;
}

#endif
