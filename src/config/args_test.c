/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what it means, what is said of its mistakes, and how the process ends. */
#include "config/config.h"

#include "base/test.h"

#include <fcntl.h>
#include <unistd.h>

#define WORDS_MAX 40

/* What the last parse printed: usage and version on stdout, mistakes on stderr. */
static char printed[2][8192];

static int
redirect(int fd, FILE *to)
{
    int saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);

    (void)fflush(fd == STDOUT_FILENO ? stdout : stderr);
    assert_true(saved >= 0);
    assert_true(dup2(fileno(to), fd) >= 0);
    return saved;
}

static void
restore(int fd, int saved, FILE *from, char *text, size_t size)
{
    size_t n;

    (void)fflush(fd == STDOUT_FILENO ? stdout : stderr);
    (void)dup2(saved, fd);
    (void)close(saved);
    rewind(from);
    n = fread(text, 1, size - 1, from);
    text[n] = '\0';
    (void)fclose(from);
}

/* The words of `line`, behind the program's name. Returns the exit code, or -1 if it is to run. */
static int
parse(struct nj_config_args *args, const char *line)
{
    static char copy[1000];
    char *argv[WORDS_MAX] = {(char *)(uintptr_t) "broker"}, *rest = copy, *word;
    FILE *out = tmpfile(), *err = tmpfile();
    int argc = 1, exit_code = -2, saved_out, saved_err;
    bool runs;

    assert_true(out != NULL && err != NULL);
    (void)snprintf(copy, sizeof(copy), "%s", line);
    while ((word = strsep(&rest, " ")) != NULL)
        if (*word != '\0')
            argv[argc++] = word;
    saved_out = redirect(STDOUT_FILENO, out);
    saved_err = redirect(STDERR_FILENO, err);
    runs = nj_config_args_parse(args, argc, argv, &exit_code);
    restore(STDOUT_FILENO, saved_out, out, printed[0], sizeof(printed[0]));
    restore(STDERR_FILENO, saved_err, err, printed[1], sizeof(printed[1]));
    return runs ? -1 : exit_code;
}

static void
nothing_said_means_the_usual(void **state)
{
    struct nj_config_args args;

    (void)state;
    assert_int_equal(parse(&args, ""), -1);
    assert_null(args.file);
    assert_int_equal(args.port_count, 0);
    assert_false(args.is_daemon || args.is_quiet || args.is_verbose || args.is_test);
}

static void
letters_and_names_mean_the_same(void **state)
{
    static const char *const lines[] = {
        "-c a.conf -p 1 -d -v --test-config -p 65535",
        "--port 1 --config-file a.conf --port 65535 --verbose --daemon --test-config"};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(lines); i++) {
        struct nj_config_args args;

        assert_int_equal(parse(&args, lines[i]), -1);
        assert_string_equal(args.file, "a.conf");
        assert_int_equal(args.port_count, 2);
        assert_int_equal(args.ports[0], 1);
        assert_int_equal(args.ports[1], 65535);
        assert_true(args.is_daemon && args.is_verbose && args.is_test);
        assert_false(args.is_quiet);
    }
}

static void
mistakes_end_with_3(void **state)
{
    static const char *const cases[][2] = {
        {"--nonsense", "Error: Unknown option '--nonsense'.\n"},
        {"-c", "Error: -c argument given, but no config file specified.\n"},
        {"-p", "Error: -p argument given, but no port specified.\n"},
        {"-p 0", "Error: Invalid port specified (0).\n"},
        {"-p 65536", "Error: Invalid port specified (65536).\n"},
        {"-p 1x", "Error: Invalid port specified (1x).\n"},
        {"-p 1 -p 2 -p 3 -p 4 -p 5 -p 6 -p 7 -p 8 -p 9 -p 10 -p 11",
         "Error: Only 10 ports can be specified on the command line.\n"},
        {"-c a -c b", "Error: Only one config file can be specified.\n"},
        {"--tls-keylog", "Error: --tls-keylog argument given, but no file specified.\n"},
        {"file", "Error: Unknown option 'file'.\n"},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_config_args args;

        assert_int_equal(parse(&args, cases[i][0]), NJ_CONFIG_EXIT_CONFIG);
        assert_non_null(strstr(printed[1], cases[i][1]));
    }
}

static void
an_unknown_option_brings_the_usage(void **state)
{
    struct nj_config_args args;

    (void)state;
    assert_int_equal(parse(&args, "-x"), NJ_CONFIG_EXIT_CONFIG);
    assert_non_null(strstr(printed[0], "Usage: nightjar broker [-c FILE]"));
}

static void
help_and_version_end_with_0(void **state)
{
    struct nj_config_args args;

    (void)state;
    assert_int_equal(parse(&args, "-h"), NJ_CONFIG_EXIT_GOOD);
    assert_non_null(strstr(printed[0], "--test-config"));
    assert_int_equal(parse(&args, "-v --help -p"), NJ_CONFIG_EXIT_GOOD);
    assert_int_equal(parse(&args, "--version"), NJ_CONFIG_EXIT_GOOD);
    assert_int_equal(strncmp(printed[0], "nightjar ", strlen("nightjar ")), 0);
    assert_string_equal(printed[1], "");
}

static void
quiet_silences_the_log(void **state)
{
    struct nj_config_args args;

    (void)state;
    assert_true(nj_log_is_on(NJ_LOG_ERROR));
    assert_int_equal(parse(&args, "-v -q"), -1);
    assert_true(args.is_quiet);
    assert_false(nj_log_is_on(NJ_LOG_ERROR));
    atomic_store(&nj_log_types, NJ_LOG_DEFAULT);
}

static int
test_config(struct nj_config_args *args)
{
    FILE *err = tmpfile();
    int saved = redirect(STDERR_FILENO, err), rc = nj_config_test(args);

    restore(STDERR_FILENO, saved, err, printed[1], sizeof(printed[1]));
    return rc;
}

static void
test_config_says_what_it_finds(void **state)
{
    char path[] = "/tmp/nj-args-XXXXXX";
    struct nj_config_args args = {.is_test = true};
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(test_config(&args), NJ_CONFIG_EXIT_CONFIG);
    assert_non_null(strstr(printed[1], "Please provide a configuration file to test.\n"));
    args.file = path;
    assert_int_equal(test_config(&args), NJ_CONFIG_EXIT_GOOD);
    assert_non_null(strstr(printed[1], "Configuration file is OK.\n"));
    assert_int_equal(write(fd, "x\n", 2), 2);
    assert_int_equal(test_config(&args), NJ_CONFIG_EXIT_CONFIG);
    assert_non_null(strstr(printed[1], "Error: Unknown configuration variable 'x'.\n"));
    (void)close(fd);
    (void)unlink(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_means_the_usual),
        cmocka_unit_test(letters_and_names_mean_the_same),
        cmocka_unit_test(mistakes_end_with_3),
        cmocka_unit_test(an_unknown_option_brings_the_usage),
        cmocka_unit_test(help_and_version_end_with_0),
        cmocka_unit_test(quiet_silences_the_log),
        cmocka_unit_test(test_config_says_what_it_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
