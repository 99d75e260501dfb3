/* SPDX-License-Identifier: Apache-2.0 */
/* The manual knows every option, and is written in lines that roff takes as they are meant. */
#include "config/args.h"
#include "config/config.h"
#include "config/option.h"

#include "base/test.h"

static char *
printed_by(void (*print)(FILE *))
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    print(f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void
every_directive_is_in_the_manual(void **state)
{
    char *man = printed_by(nj_config_print_man);

    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        char item[200];

        (void)snprintf(item, sizeof(item), "\n.It Ic \"%s%s\" Ar \"", o->name,
                       o->is_prefix ? "NAME" : "");
        assert_non_null(strstr(man, item));
        if (o->alias == NULL)
            continue;
        (void)snprintf(item, sizeof(item), "\n.Ic %s .\n", o->alias);
        assert_non_null(strstr(man, item));
    }
    free(man);
}

static void
every_flag_is_in_manual_and_usage(void **state)
{
    char *man = printed_by(nj_config_print_broker_man);
    char *usage = printed_by(nj_config_print_usage);

    (void)state;
    for (size_t i = 0; i < nj_flag_count; i++) {
        char item[100];

        (void)snprintf(item, sizeof(item), " Fl %s", nj_flags[i].name + 1);
        assert_non_null(strstr(man, item));
        assert_non_null(strstr(usage, nj_flags[i].name));
    }
    free(man);
    free(usage);
}

static void
lines_begin_with_macros_of_ours_only(void **state)
{
    static const char *const macros[] = {".Dd ", ".Dt ", ".Os ", ".Sh ", ".Nm ", ".Nd ", ".Op ",
                                         ".Bl ", ".It ", ".El",  ".Ic ", ".Xr ", ".Bd ", ".Ed"};
    void (*const prints[])(FILE *) = {nj_config_print_man, nj_config_print_broker_man};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(prints); i++) {
        char *man = printed_by(prints[i]), *rest = man, *line;

        while ((line = strsep(&rest, "\n")) != NULL) {
            bool is_known = line[0] != '.' && line[0] != '\'';

            for (size_t j = 0; j < NJ_COUNT_OF(macros) && !is_known; j++)
                is_known = strncmp(line, macros[j], strlen(macros[j])) == 0;
            assert_true(is_known);
            assert_true(line[0] == '\0' || line[strlen(line) - 1] != ' ');
            /* An empty line is a paragraph to roff; only the text's end is one. */
            assert_true(line[0] != '\0' || rest == NULL);
        }
        free(man);
    }
}

static void
completion_has_one_name_in_each_line(void **state)
{
    char *list = printed_by(nj_config_print_completion);

    (void)state;
    assert_non_null(strstr(list, "-c\n--config-file\n"));
    assert_null(strstr(list, "max_packet_size")); /* a directive is no word of the command line */
    assert_null(strchr(list, ' '));
    free(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_directive_is_in_the_manual),
        cmocka_unit_test(every_flag_is_in_manual_and_usage),
        cmocka_unit_test(lines_begin_with_macros_of_ours_only),
        cmocka_unit_test(completion_has_one_name_in_each_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
