/* SPDX-License-Identifier: Apache-2.0 */
/* Files: how they are split into lines, which are included, which cannot be read. */
#include "config/kit_test.h"

static void
lines_are_split_as_mosquitto_splits_them(void **state)
{
    static const char text[] = "# a comment\n"
                               "\n"
                               "     \n"
                               "\r\n"
                               "   max_queued_messages    5   six seven\r\n"
                               "log_timestamp_format  %Y # not a comment  \r\n"
                               "\0 garbage behind a NUL\n"
                               "user a\nuser b\n"
                               "allow_anonymous true";
    struct nj_config *c;

    (void)state;
    write_bytes("a.conf", text, sizeof(text) - 1);
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_OK);
    assert_int_equal(c->broker.max_queued_messages, 5);
    assert_string_equal(c->log.timestamp_format, "%Y # not a comment");
    assert_string_equal(c->user, "b");
    nj_config_free(c);

    assert_wrong(" # indented\n", "Error: Unknown configuration variable '#'.");
    assert_wrong("max_qos\t1\n", "Error: Unknown configuration variable 'max_qos\t1'.");
    assert_wrong("x", "Error: Unknown configuration variable 'x'.");
}

static void
an_unknown_name_has_a_hint(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;

    (void)state;
    write_file("a.conf", "max_packetsize 100\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(diag.hint, "Did you mean 'max_packet_size'?");
    assert_said("Did you mean 'max_packet_size'?");
}

static void
files_that_cannot_be_read_are_named(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;
    char text[300];

    (void)state;
    assert_int_equal(load_file(&c, "none.conf", NULL, &diag), NJ_ECONFIG);
    (void)snprintf(text, sizeof(text), "Error: Unable to open config file '%s'.",
                   path_of("none.conf"));
    assert_said(text);
    assert_string_equal(diag.hint, "No such file or directory.");
    assert_int_equal(diag.line, 0);

    said.count = 0;
    assert_int_equal(nj_config_load(&c, dir, NULL, &diag), NJ_ECONFIG);
    nj_log_flush();
    (void)snprintf(text, sizeof(text), "Error: Config file '%s' is a directory.", dir);
    assert_said(text);
    assert_int_equal(nj_config_load(&c, "", NULL, NULL), NJ_ECONFIG);
}

/* --- include_dir --- */

static void
include(const char *text)
{
    char line[300];

    (void)snprintf(line, sizeof(line), "include_dir %s\n%s", path_of("inc"), text);
    write_file("a.conf", line);
}

static void
included_files_come_in_order(void **state)
{
    struct nj_config *c;
    const char *const order[] = {"0.conf", "A.conf", "b.conf", "C.conf"};

    (void)state;
    assert_int_equal(mkdir(path_of("inc"), 0700), 0);
    write_file("inc/C.conf", "max_queued_messages 3\n");
    write_file("inc/b.conf", "max_queued_messages 2\n");
    write_file("inc/A.conf", "max_queued_messages 1\n");
    write_file("inc/0.conf", "listener 1\n");
    write_file("inc/.conf", "nonsense\n");
    write_file("inc/d.conf~", "nonsense\n");
    write_file("inc/conf", "nonsense\n");
    include("");
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_OK);
    assert_int_equal(c->broker.max_queued_messages, 3);
    assert_int_equal(said.count, 4);
    for (size_t i = 0; i < 4; i++) {
        char text[300];

        (void)snprintf(text, sizeof(text), "Loading config file '%s/%s'", path_of("inc"), order[i]);
        assert_string_equal(said.line[i], text);
    }
    nj_config_free(c);
}

static void
a_listener_belongs_to_its_file(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;

    (void)state;
    include("mount_point x/\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(diag.text,
                        "Error: The 'mount_point' option requires a listener to be defined first.");
    assert_int_equal(diag.line, 2);

    write_file("inc/A.conf", "mount_point x/\n");
    write_file("a.conf", "listener 5\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_OK);
    nj_config_free(c);
    include("");
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_ECONFIG);
    write_file("inc/A.conf", "");
}

static void
a_mistake_in_an_included_file_names_both(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;
    char inner[300], outer[300];

    (void)state;
    write_file("inc/A.conf", "\n\nnonsense 1\n");
    include("");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(diag.file, path_of("inc/A.conf"));
    assert_int_equal(diag.line, 3);
    (void)snprintf(inner, sizeof(inner), "Error found at '%s:3'.", path_of("inc/A.conf"));
    (void)snprintf(outer, sizeof(outer), "Error found at %s:1.", path_of("a.conf"));
    assert_true(said.count >= 3);
    assert_string_equal(said.line[said.count - 2], inner);
    assert_string_equal(said.line[said.count - 1], outer);

    write_file("inc/A.conf", "include_dir /tmp\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(
        diag.text, "Error: The include_dir option is only valid in the main configuration file.");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_split_as_mosquitto_splits_them),
        cmocka_unit_test(an_unknown_name_has_a_hint),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(included_files_come_in_order),
        cmocka_unit_test(a_listener_belongs_to_its_file),
        cmocka_unit_test(a_mistake_in_an_included_file_names_both),
    };

    return cmocka_run_group_tests_name("config/load", tests, open_log, close_log);
}
