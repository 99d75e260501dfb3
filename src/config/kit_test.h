/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — configuration files in a folder of the test's own, and what the log said of them.
 * For the tests of this room that read whole files; their groups begin with open_log() and end with
 * close_log(). */
#ifndef NJ_CONFIG_KIT_TEST_H
#define NJ_CONFIG_KIT_TEST_H

#include "base/folder_kit_test.h"
#include "base/test.h"
#include "config/config.h"

#include <sys/stat.h>

static char dir[KIT_FOLDER_SIZE];

/* --- What was logged --- */

static struct {
    char line[100][1000];
    size_t count;
} said;

static inline bool
hear(void *ctx, enum nj_log_type type, struct nj_str line)
{
    (void)ctx, (void)type;
    if (said.count < NJ_COUNT_OF(said.line))
        (void)snprintf(said.line[said.count++], sizeof(said.line[0]), "%" NJ_STR_FMT,
                       NJ_STR_ARG(line));
    return true;
}

static inline bool
was_said(const char *text)
{
    for (size_t i = 0; i < said.count; i++)
        if (strcmp(said.line[i], text) == 0)
            return true;
    return false;
}

static inline void
assert_said(const char *text)
{
    if (was_said(text))
        return;
    for (size_t i = 0; i < said.count; i++)
        print_error("said: %s\n", said.line[i]);
    fail_msg("was not said: %s", text);
}

/* --- Files --- */

static inline const char *
path_of(const char *name)
{
    static char path[4][200];
    static unsigned next;
    char *p = path[next++ % 4];

    (void)snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

static inline void
write_bytes(const char *name, const char *text, size_t n)
{
    FILE *f = fopen(path_of(name), "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline void
write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static inline enum nj_err
load_file(struct nj_config **out, const char *name, const struct nj_config_args *args,
          struct nj_diag *diag)
{
    enum nj_err err;

    nj_log_flush();
    said.count = 0;
    err = nj_config_load(out, name != NULL ? path_of(name) : NULL, args, diag);
    nj_log_flush();
    return err;
}

static inline struct nj_config *
load_as(const char *name, const char *text)
{
    struct nj_config *c = NULL;
    struct nj_diag diag;

    write_file(name, text);
    if (load_file(&c, name, NULL, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    return c;
}

static inline struct nj_config *
load(const char *text)
{
    return load_as("a.conf", text);
}

/* The file's last line is wrong, and this is what is said of it. */
static inline void
assert_wrong(const char *text, const char *message)
{
    struct nj_config *untouched = (struct nj_config *)&said, *c = untouched;
    struct nj_diag diag;
    char where[300];
    int lines = 0;

    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n' || p[1] == '\0';
    write_file("a.conf", text);
    if (load_file(&c, "a.conf", NULL, &diag) == NJ_OK)
        fail_msg("accepted: %s", text);
    assert_ptr_equal(c, untouched);
    assert_string_equal(diag.text, message);
    assert_string_equal(diag.file, path_of("a.conf"));
    assert_int_equal(diag.line, lines);
    assert_said(message);
    (void)snprintf(where, sizeof(where), "Error found at %s:%d.", path_of("a.conf"), lines);
    assert_string_equal(said.line[said.count - 1], where);
}

/* --- Before the first test and after the last --- */

static inline int
open_log(void **state)
{
    struct nj_log_opts opts = {
        .types = NJ_LOG_ALL, .dests = NJ_LOG_TO_TOPIC, .facility = -1, .to_topic = hear};

    (void)state;
    return folder_make(dir) == 0 && nj_log_open(&opts, NULL) == NJ_OK ? 0 : -1;
}

static inline int
close_log(void **state)
{
    (void)state;
    nj_log_close();
    return folder_remove(dir);
}

#endif
