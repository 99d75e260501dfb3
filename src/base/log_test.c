/* SPDX-License-Identifier: Apache-2.0 */
/* The log: what a line looks like, that nobody waits for it, and that nothing is lost silently. */
#include "base/log.h"
#include "base/log_priv.h"

#include "base/clock.h"
#include "base/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/nj-log-XXXXXX";

/* Standard output as a pipe that we read. */
struct tap {
    int saved;
    int read_fd;
};

static struct tap
tap_open(void)
{
    struct tap t;
    int p[2];

    (void)fflush(stdout);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    t.saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(dup2(p[1], STDOUT_FILENO) >= 0);
    (void)close(p[1]);
    t.read_fd = p[0];
    return t;
}

static void
tap_close(struct tap *t)
{
    (void)dup2(t->saved, STDOUT_FILENO);
    (void)close(t->saved);
    (void)close(t->read_fd);
}

/* Up to the end of a line; waits for it. */
static void
tap_line(struct tap *t, char *line, size_t size)
{
    size_t n = 0;

    do {
        struct pollfd p = {t->read_fd, POLLIN, 0};

        assert_int_equal(poll(&p, 1, 60000), 1);
        assert_int_equal(read(t->read_fd, line + n, 1), 1);
        n++;
        assert_true(n < size);
    } while (line[n - 1] != '\n');
    line[n - 1] = '\0';
}

static void
open_plain(uint32_t dests, const char *file)
{
    struct nj_log_opts opts = {
        .types = NJ_LOG_ALL, .dests = dests, .file = file, .facility = -1, .has_timestamp = false};

    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
}

static size_t
slurp(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n;

    assert_non_null(f);
    n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    (void)fclose(f);
    return n;
}

static void
a_lone_line_arrives_at_once(void **state)
{
    struct tap t = tap_open();
    int64_t fastest = INT64_MAX;
    char line[100], said[100];

    (void)state;
    open_plain(NJ_LOG_TO_STDOUT, NULL);
    /* One is enough: the others show how busy the machine is. */
    for (int i = 0; i < 20 || (i < 2000 && fastest >= 5000000); i++) {
        const struct timespec alone = {.tv_nsec = 25000000}; /* longer than lines are gathered */
        int64_t before;

        (void)nanosleep(&alone, NULL);
        before = nj_clock_monotonic_ns();
        (void)snprintf(said, sizeof(said), "line %d", i);
        nj_log(NJ_LOG_INFO, "%s", said);
        tap_line(&t, line, sizeof(line));
        assert_string_equal(line, said);
        fastest = NJ_MIN(fastest, nj_clock_monotonic_ns() - before);
    }
    nj_log_close();
    tap_close(&t);
    assert_true(fastest < 5000000);
}

static void
types_that_are_off_say_nothing(void **state)
{
    struct nj_log_opts opts = {.types = NJ_LOG_ERROR, .dests = NJ_LOG_TO_STDOUT};
    struct tap t = tap_open();
    char line[100];

    (void)state;
    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
    assert_false(nj_log_is_on(NJ_LOG_DEBUG));
    nj_log(NJ_LOG_DEBUG, "nothing");
    nj_log(NJ_LOG_ERROR, "something");
    tap_line(&t, line, sizeof(line));
    opts.dests = 0;
    assert_int_equal(nj_log_reopen(&opts, NULL), NJ_OK);
    assert_false(nj_log_is_on(NJ_LOG_ERROR));
    nj_log_close();
    tap_close(&t);
    assert_string_equal(line, "something");
}

static void
stamps_are_seconds_or_the_format(void **state)
{
    struct nj_log_opts opts = {
        .types = NJ_LOG_ALL, .dests = NJ_LOG_TO_STDOUT, .has_timestamp = true};
    struct tap t = tap_open();
    char line[400], *end;
    long long at;
    struct tm tm = {0};

    (void)state;
    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_INFO, "one");
    tap_line(&t, line, sizeof(line));
    at = strtoll(line, &end, 10);
    assert_true(at > (long long)time(NULL) - 10 && at <= (long long)time(NULL));
    assert_string_equal(end, ": one");

    opts.timestamp_format = "%Y-%m-%dT%H:%M:%S";
    assert_int_equal(nj_log_reopen(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_INFO, "two");
    tap_line(&t, line, sizeof(line));
    end = strptime(line, "%Y-%m-%dT%H:%M:%S", &tm);
    assert_non_null(end);
    assert_string_equal(end, ": two");

    opts.timestamp_format = "%%%%";
    assert_int_equal(nj_log_reopen(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_INFO, "three");
    tap_line(&t, line, sizeof(line));
    assert_string_equal(line, "%%: three");

    /* A format that yields nothing at all, as %p does where there is no AM or PM. */
    opts.timestamp_format = "";
    opts.has_timestamp = false;
    assert_int_equal(nj_log_reopen(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_INFO, "four");
    tap_line(&t, line, sizeof(line));
    nj_log_close();
    tap_close(&t);
    assert_string_equal(line, "four");
}

static void
a_format_that_does_not_fit_is_a_time_error(void **state)
{
    /* 52 * 5 bytes. */
    char format[2 * 52 + 1] = "";
    struct nj_log_opts opts = {.types = NJ_LOG_ALL,
                               .dests = NJ_LOG_TO_STDOUT,
                               .has_timestamp = true,
                               .timestamp_format = format};
    struct tap t = tap_open();
    char line[400], too_long[300];

    (void)state;
    for (int i = 0; i < 52; i++)
        memcpy(format + 2L * i, "%R", 2);
    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_INFO, "text");
    tap_line(&t, line, sizeof(line));
    memset(too_long, 'x', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = '\0';
    opts.timestamp_format = too_long;
    assert_int_equal(nj_log_reopen(&opts, NULL), NJ_EINVAL);
    nj_log_close();
    tap_close(&t);
    assert_string_equal(line, "Time error: text");
}

static void
a_line_ends_after_999_bytes(void **state)
{
    struct tap t = tap_open();
    char name[1200], line[1200];

    (void)state;
    open_plain(NJ_LOG_TO_STDOUT, NULL);
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    nj_log(NJ_LOG_INFO, "%s", name);
    tap_line(&t, line, sizeof(line));
    assert_int_equal(strlen(line), 999);
    name[999] = '\0';
    nj_log(NJ_LOG_INFO, "%s", name);
    tap_line(&t, line, sizeof(line));
    assert_int_equal(strlen(line), 999);
    nj_log_close();
    tap_close(&t);
}

static void
a_cut_leaves_no_half_code_point(void **state)
{
    struct tap t = tap_open();
    char line[1200];

    (void)state;
    open_plain(NJ_LOG_TO_STDOUT, NULL);
    for (int i = 996; i <= 999; i++) {
        nj_log(NJ_LOG_INFO, "%*s%s", i, "", "\xe2\x82\xac and more");
        tap_line(&t, line, sizeof(line));
        assert_int_equal(strlen(line), i == 996 ? 999 : i);
    }
    nj_log_close();
    tap_close(&t);
}

static void
control_characters_are_shown(void **state)
{
    struct tap t = tap_open();
    char line[1200], name[1200];

    (void)state;
    open_plain(NJ_LOG_TO_STDOUT, NULL);
    nj_log(NJ_LOG_INFO, "\ta\nb\x1b[2J\x7f\xc2\x9b\xc2\xa0 \xc3\xa9");
    tap_line(&t, line, sizeof(line));
    assert_string_equal(line, "\ta\\x0ab\\x1b[2J\\x7f\\x9b\xc2\xa0 \xc3\xa9");
    memset(name, '\n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    nj_log(NJ_LOG_INFO, "%s", name);
    tap_line(&t, line, sizeof(line));
    assert_int_equal(strlen(line), 996); /* 249 whole escapes */
    nj_log_close();
    tap_close(&t);
}

static void
a_file_is_private_and_followed_when_renamed(void **state)
{
    char path[100], moved[100], text[200];
    struct nj_log_opts opts = {
        .types = NJ_LOG_ALL, .dests = NJ_LOG_TO_FILE, .file = path, .facility = -1};
    struct stat st;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/a.log", dir);
    (void)snprintf(moved, sizeof(moved), "%s/a.log.1", dir);
    open_plain(NJ_LOG_TO_FILE, path);
    nj_log(NJ_LOG_INFO, "first");
    nj_log_flush();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(rename(path, moved), 0);
    nj_log(NJ_LOG_INFO, "second");
    nj_log_flush();
    assert_int_equal(nj_log_reopen(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_INFO, "third");
    nj_log_close();
    (void)slurp(moved, text, sizeof(text));
    assert_string_equal(text, "first\nsecond\n");
    (void)slurp(path, text, sizeof(text));
    assert_string_equal(text, "third\n");
    /* It is appended to. */
    open_plain(NJ_LOG_TO_FILE, path);
    nj_log(NJ_LOG_INFO, "fourth");
    nj_log_close();
    (void)slurp(path, text, sizeof(text));
    assert_string_equal(text, "third\nfourth\n");
}

static void
links_and_fifos_are_no_log_files(void **state)
{
    char path[100], target[100];
    struct nj_log_opts opts = {.types = NJ_LOG_ALL, .dests = NJ_LOG_TO_FILE, .file = path};
    struct nj_diag diag = {0};

    (void)state;
    (void)snprintf(target, sizeof(target), "%s/target", dir);
    (void)snprintf(path, sizeof(path), "%s/link", dir);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(nj_log_open(&opts, &diag), NJ_ESYS);
    assert_non_null(strstr(diag.text, "Error: Unable to open log file "));
    assert_non_null(strstr(diag.hint, "symbolic link"));
    assert_int_equal(setenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1", 1), 0);
    assert_int_equal(nj_log_open(&opts, &diag), NJ_OK);
    (void)unsetenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS");

    (void)snprintf(path, sizeof(path), "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(nj_log_reopen(&opts, &diag), NJ_ESYS);
    (void)snprintf(path, sizeof(path), "%s/none/a.log", dir);
    assert_int_equal(nj_log_reopen(&opts, &diag), NJ_ESYS);
    /* All or nothing: the log is still there. */
    nj_log(NJ_LOG_INFO, "still here");
    nj_log_close();
    (void)slurp(target, path, sizeof(path));
    assert_string_equal(path, "still here\n");
}

/* What is said, once it is written: a flush alone gives up on a machine that is busy elsewhere. */
static void
flush_until_more(uint64_t (*counter)(void), uint64_t than)
{
    for (int i = 0; counter() == than && i < 60; i++)
        nj_log_flush();
}

/* What the slow_reader tests count: lines "N ..." in order, and lines lost in between. */
struct count {
    uint64_t lines;
    uint64_t gaps;
    long long last;
    bool is_disordered;
};

static void
count_line(struct count *c, const char *line)
{
    const char *gap = strstr(line, "Warning: ");

    if (gap != NULL) {
        c->gaps += strtoull(gap + strlen("Warning: "), NULL, 10);
    } else {
        long long i = strtoll(line, NULL, 10);

        c->is_disordered |= i <= c->last;
        c->last = i;
        c->lines++;
    }
}

struct slow_reader {
    struct tap *tap;
    long long caught_up_at; /* the first number that is said after it has begun to read */
    _Atomic bool has_caught_up;
    struct count count;
};

static void *
read_all(void *arg)
{
    struct slow_reader *r = arg;
    FILE *f = fdopen(dup(r->tap->read_fd), "r");
    char line[1200];

    while (fgets(line, sizeof(line), f) != NULL && strcmp(line, "end\n") != 0) {
        count_line(&r->count, line);
        if (r->count.last >= r->caught_up_at)
            atomic_store(&r->has_caught_up, true);
    }
    (void)fclose(f);
    return NULL;
}

static void
a_pipe_that_nobody_reads_stops_nobody(void **state)
{
    struct tap t = tap_open();
    uint64_t dropped = nj_log_dropped();
    char filling[201], path[100];
    int said = 100000; /* of 207 bytes or so: 20 MB */
    struct slow_reader r = {.tap = &t, .caught_up_at = said, .count.last = -1};
    const struct count *c = &r.count;
    pthread_t reader;
    FILE *f;
    char line[1200];
    struct count in_file = {.last = -1};

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/b.log", dir);
    memset(filling, 'x', sizeof(filling));
    filling[sizeof(filling) - 1] = '\0';
    open_plain(NJ_LOG_TO_STDOUT | NJ_LOG_TO_FILE, path);
    /* Returns at all: that is the test. */
    for (int i = 0; i < said; i++)
        nj_log(NJ_LOG_INFO, "%d %s", i, filling);
    flush_until_more(nj_log_dropped, dropped);
    assert_true(nj_log_dropped() > dropped);

    assert_int_equal(pthread_create(&reader, NULL, read_all, &r), 0);
    while (!atomic_load(&r.has_caught_up)) {
        nj_log(NJ_LOG_INFO, "%d %s", said++, filling);
        nj_log_flush();
    }
    nj_log(NJ_LOG_INFO, "end");
    nj_log_close();
    assert_int_equal(pthread_join(reader, NULL), 0);
    tap_close(&t);
    assert_true(c->gaps > 0);
    assert_false(c->is_disordered);
    assert_int_equal(c->lines + c->gaps, said);
    assert_int_equal(c->last, said - 1);

    /* The file has what the ring could hold, and says what it could not. */
    f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL && strcmp(line, "end\n") != 0)
        count_line(&in_file, line);
    (void)fclose(f);
    assert_false(in_file.is_disordered);
    assert_int_equal(in_file.lines + in_file.gaps, said);
    assert_true(in_file.lines > c->lines);
}

/* A note that a slow sink leaves out stands for the lines that it told of. */
static void
what_a_lost_note_told_is_told_again(void **state)
{
    static _Alignas(uint64_t) char bytes[64];
    struct nj_log_ring ring = {.p = bytes};
    struct nj_log_record *note = nj_log_record_at(&ring, 0);
    struct nj_log_record *line = nj_log_record_at(&ring, nj_log_record_bytes(1));
    struct nj_log_sink s = {.kind = NJ_LOG_SINK_STDOUT};
    uint64_t dropped = nj_log_dropped();

    (void)state;
    *note = (struct nj_log_record){.n = 1, .type = NJ_LOG_WARNING, .lost = 816};
    *line = (struct nj_log_record){.n = 1, .type = NJ_LOG_INFO};
    nj_log_sink_skip(&s, &ring, 2 * nj_log_record_bytes(1));
    assert_int_equal(s.gap, 817);
    assert_int_equal(nj_log_dropped(), dropped + 1);
}

static void
close_gives_up_on_a_pipe_that_nobody_reads(void **state)
{
    struct tap t = tap_open();
    uint64_t dropped = nj_log_dropped();
    char filling[901];

    (void)state;
    memset(filling, 'x', sizeof(filling));
    filling[sizeof(filling) - 1] = '\0';
    open_plain(NJ_LOG_TO_STDOUT, NULL);
    for (int i = 0; i < 1000; i++)
        nj_log(NJ_LOG_INFO, "%d %s", i, filling);
    nj_log_close();
    assert_true(nj_log_dropped() > dropped);
    tap_close(&t);
}

static void
a_write_that_fails_is_counted(void **state)
{
    struct tap t = tap_open();
    struct nj_log_opts opts = {.types = NJ_LOG_ALL, .dests = NJ_LOG_TO_STDOUT};
    uint64_t errors = nj_log_errors(), dropped = nj_log_dropped();
    char line[200];
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), pipe_end = dup(STDOUT_FILENO);

    (void)state;
    assert_true(full >= 0);
    (void)dup2(full, STDOUT_FILENO);
    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_INFO, "lost");
    flush_until_more(nj_log_errors, errors);
    flush_until_more(nj_log_dropped, dropped);
    assert_int_equal(nj_log_errors(), errors + 1);
    assert_int_equal(nj_log_dropped(), dropped + 1);
    (void)dup2(pipe_end, STDOUT_FILENO);
    nj_log(NJ_LOG_INFO, "not lost");
    tap_line(&t, line, sizeof(line));
    assert_non_null(strstr(line, "Warning: 1 log lines were lost here"));
    tap_line(&t, line, sizeof(line));
    assert_string_equal(line, "not lost");
    nj_log_close();
    (void)close(full);
    (void)close(pipe_end);
    tap_close(&t);
}

struct heard {
    unsigned count;
    unsigned types;
    char last[100];
};

static void
hear(void *ctx, enum nj_log_type type, struct nj_str line)
{
    struct heard *h = ctx;

    h->count++;
    h->types |= type;
    (void)snprintf(h->last, sizeof(h->last), "%" NJ_STR_FMT, NJ_STR_ARG(line));
}

static void
the_topic_hears_all_but_debug(void **state)
{
    struct heard h = {0};
    struct nj_log_opts opts = {.types = NJ_LOG_ALL,
                               .dests = NJ_LOG_TO_TOPIC,
                               .facility = -1,
                               .to_topic = hear,
                               .topic_ctx = &h};

    (void)state;
    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_DEBUG, "not this");
    nj_log(NJ_LOG_SUBSCRIBE, "this");
    nj_log(NJ_LOG_NOTICE, "and this");
    nj_log_close();
    assert_int_equal(h.count, 2);
    assert_int_equal(h.types, NJ_LOG_SUBSCRIBE | NJ_LOG_NOTICE);
    assert_string_equal(h.last, "and this");
}

#define THREADS 4
#define EACH    5000

static void *
chatter(void *arg)
{
    for (int i = 0; i < EACH; i++)
        nj_log(NJ_LOG_INFO, "%s %d", (const char *)arg, i);
    return NULL;
}

static void
lines_of_a_thread_keep_their_order(void **state)
{
    static char names[THREADS][2] = {"0", "1", "2", "3"};
    pthread_t thread[THREADS];
    int next[THREADS] = {0};
    char path[100], line[100];
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/c.log", dir);
    open_plain(NJ_LOG_TO_FILE, path);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, chatter, names[i]), 0);
    for (int i = 0; i < 20; i++) {
        struct nj_log_opts opts = {
            .types = NJ_LOG_ALL, .dests = NJ_LOG_TO_FILE, .file = path, .facility = -1};

        assert_int_equal(nj_log_reopen(&opts, NULL), NJ_OK);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    nj_log_close();

    f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        int who = line[0] - '0';

        assert_in_range(who, 0, THREADS - 1);
        assert_int_equal(strtol(line + 2, NULL, 10), next[who]);
        next[who]++;
    }
    (void)fclose(f);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], EACH);
}

static void
without_a_log_lines_go_to_stderr(void **state)
{
    int p[2], saved = dup(STDERR_FILENO);
    char text[100], *end;
    ssize_t n;

    (void)state;
    open_plain(0, NULL);
    nj_log_close();
    nj_log_close();
    assert_int_equal(pipe(p), 0);
    (void)dup2(p[1], STDERR_FILENO);
    atomic_store(&nj_log_types, NJ_LOG_DEFAULT);
    nj_log(NJ_LOG_ERROR, "late");
    (void)dup2(saved, STDERR_FILENO);
    n = read(p[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    end = strstr(text, "late\n");
    assert_non_null(end);
    (void)close(p[0]);
    (void)close(p[1]);
    (void)close(saved);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int
remove_files(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_line_arrives_at_once),
        cmocka_unit_test(types_that_are_off_say_nothing),
        cmocka_unit_test(stamps_are_seconds_or_the_format),
        cmocka_unit_test(a_format_that_does_not_fit_is_a_time_error),
        cmocka_unit_test(a_line_ends_after_999_bytes),
        cmocka_unit_test(a_cut_leaves_no_half_code_point),
        cmocka_unit_test(control_characters_are_shown),
        cmocka_unit_test(a_file_is_private_and_followed_when_renamed),
        cmocka_unit_test(links_and_fifos_are_no_log_files),
        cmocka_unit_test(a_pipe_that_nobody_reads_stops_nobody),
        cmocka_unit_test(what_a_lost_note_told_is_told_again),
        cmocka_unit_test(close_gives_up_on_a_pipe_that_nobody_reads),
        cmocka_unit_test(a_write_that_fails_is_counted),
        cmocka_unit_test(the_topic_hears_all_but_debug),
        cmocka_unit_test(lines_of_a_thread_keep_their_order),
        cmocka_unit_test(without_a_log_lines_go_to_stderr),
    };

    if (mkdtemp(dir) == NULL)
        return 2;
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
