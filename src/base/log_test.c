/* SPDX-License-Identifier: Apache-2.0 */
/* The log: what a line looks like, that nobody waits for it, and that nothing is lost silently. */
#include "base/log.h"
#include "base/log_priv.h"

#include "base/folder_kit_test.h"
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char dir[KIT_FOLDER_SIZE];

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

/* Lines of a burst would gather for an hour: what arrives at all was not held back. */
static void
open_with_long_rests(void)
{
    struct nj_log_opts opts = {
        .types = NJ_LOG_ALL, .dests = NJ_LOG_TO_STDOUT, .facility = -1, .rest_ms = 3600000};

    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
}

static void
a_few_lines_arrive_at_once(void **state)
{
    struct tap t = tap_open();
    char line[100], said[100];

    (void)state;
    open_with_long_rests();
    for (int i = 0; i < 10; i++) {
        (void)snprintf(said, sizeof(said), "line %d", i);
        nj_log(NJ_LOG_INFO, "%s", said);
        tap_line(&t, line, sizeof(line));
        assert_string_equal(line, said);
    }
    nj_log_close();
    tap_close(&t);
}

/* How many lines come with the first byte: what was written in one go. */
static int
tap_lines(struct tap *t)
{
    struct pollfd p = {t->read_fd, POLLIN, 0};
    char text[PIPE_BUF];
    ssize_t n;
    int lines = 0;

    assert_int_equal(poll(&p, 1, 60000), 1);
    n = read(t->read_fd, text, sizeof(text));
    for (ssize_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

static void
a_burst_gathers_until_an_error_or_a_flush(void **state)
{
    struct tap t = tap_open();
    char text[200];

    (void)state;
    open_with_long_rests();
    for (int i = 0; i < 10; i++) {
        nj_log(NJ_LOG_INFO, "a line that arrives");
        tap_line(&t, text, sizeof(text));
    }
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 200; k++) /* while these are said, the thread could have come */
            nj_log(k % 2 == 0 ? NJ_LOG_INFO : NJ_LOG_WARNING, "gathers");
        nj_log(NJ_LOG_ERROR, "goes out");
        assert_int_equal(tap_lines(&t), 201);
        nj_log(NJ_LOG_NOTICE, "gathers");
        nj_log(NJ_LOG_DEBUG, "gathers");
        nj_log_flush();
        assert_int_equal(tap_lines(&t), 2);
    }
    nj_log_close();
    tap_close(&t);
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
a_text_makes_the_line_that_a_format_makes(void **state)
{
    struct tap t = tap_open();
    char text[1200], said[1200], line[1200];

    (void)state;
    open_plain(NJ_LOG_TO_STDOUT, NULL);
    for (size_t n = 0; n < sizeof(text); n += n < 20 || (n > 980 && n < 1010) ? 1 : 31) {
        for (size_t i = 0; i < n; i++)
            text[i] = "a\x1b\xc3\xa9\t\xe2\x82\xac"[i % 8];
        nj_log(NJ_LOG_INFO, "%.*s", (int)n, text);
        tap_line(&t, said, sizeof(said));
        nj_log_text(NJ_LOG_INFO, (struct nj_str){text, n});
        tap_line(&t, line, sizeof(line));
        assert_string_equal(line, said);
    }
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
    bool is_deaf;
};

static bool
hear(void *ctx, enum nj_log_type type, struct nj_str line)
{
    struct heard *h = ctx;

    h->count++;
    h->types |= type;
    (void)snprintf(h->last, sizeof(h->last), "%" NJ_STR_FMT, NJ_STR_ARG(line));
    return !h->is_deaf;
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

static void
what_the_topic_does_not_take_is_counted(void **state)
{
    struct heard h = {.is_deaf = true};
    struct nj_log_opts opts = {.types = NJ_LOG_ALL,
                               .dests = NJ_LOG_TO_TOPIC,
                               .facility = -1,
                               .to_topic = hear,
                               .topic_ctx = &h};
    uint64_t dropped = nj_log_dropped();

    (void)state;
    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
    nj_log(NJ_LOG_NOTICE, "not taken");
    flush_until_more(nj_log_dropped, dropped);
    assert_int_equal(nj_log_dropped(), dropped + 1);
    nj_log_close();
}

/* ---- syslog ---- */

/* A syslogd at dir/name. */
static int
syslogd_start(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", dir, name);
    (void)unlink(at.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* What comes next, from its priority on; waits for it. */
static void
syslogd_hears(int fd, int priority, const char *text)
{
    struct pollfd p = {fd, POLLIN, 0};
    char got[1200], head[20], rest[1200];
    const char *after;
    struct tm tm = {0};
    ssize_t n;

    assert_int_equal(poll(&p, 1, 60000), 1);
    n = recv(fd, got, sizeof(got) - 1, 0);
    assert_true(n > 0);
    got[n] = '\0';
    (void)snprintf(head, sizeof(head), "<%d>", priority);
    assert_memory_equal(got, head, strlen(head));
    after = strptime(got + strlen(head), "%b %e %H:%M:%S ", &tm);
    assert_non_null(after);
    (void)snprintf(rest, sizeof(rest), "%s[%ld]: %s", program_invocation_short_name, (long)getpid(),
                   text);
    assert_string_equal(after, rest);
}

static void
open_with_syslog(uint32_t more, const char *file, int facility, const char *socket_name)
{
    char path[100];
    struct nj_log_opts opts = {.types = NJ_LOG_ALL,
                               .dests = NJ_LOG_TO_SYSLOG | more,
                               .file = file,
                               .facility = facility,
                               .syslog_socket = path};

    (void)snprintf(path, sizeof(path), "%s/%s", dir, socket_name);
    assert_int_equal(nj_log_open(&opts, NULL), NJ_OK);
}

static void
syslog_is_told_type_program_and_process(void **state)
{
    static const struct {
        enum nj_log_type type;
        int level;
    } cases[] = {
        {NJ_LOG_ERROR, 3}, {NJ_LOG_WARNING, 4},     {NJ_LOG_NOTICE, 5}, {NJ_LOG_SUBSCRIBE, 5},
        {NJ_LOG_INFO, 6},  {NJ_LOG_UNSUBSCRIBE, 5}, {NJ_LOG_DEBUG, 7},
    };
    int fd = syslogd_start("a");

    (void)state;
    for (int facility = -1; facility < 8; facility++) {
        int base = facility < 0 ? 3 << 3 : (16 + facility) << 3; /* daemon, local0, ... */

        open_with_syslog(0, NULL, facility, "a");
        for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
            nj_log(cases[i].type, "100%% of %zu", i);
            char text[40];
            (void)snprintf(text, sizeof(text), "100%% of %zu", i);
            syslogd_hears(fd, base | cases[i].level, text);
        }
        nj_log_close();
    }
    (void)close(fd);
}

static void
a_syslogd_that_stops_reading_holds_up_nobody(void **state)
{
    int fd = syslogd_start("b");
    uint64_t dropped = nj_log_dropped();
    char path[100], line[100];
    struct count in_file = {.last = -1};
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/d.log", dir);
    open_with_syslog(NJ_LOG_TO_FILE, path, -1, "b");
    for (int i = 0; i < 5000; i++)
        nj_log(NJ_LOG_INFO, "%d", i);
    nj_log_close(); /* returns: that is the first half of the test */
    f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL)
        count_line(&in_file, line);
    (void)fclose(f);
    assert_int_equal(in_file.lines, 5000);
    assert_false(in_file.is_disordered);
    /* What it did not read is counted, what it had room for is there. */
    for (uint64_t i = 0; i < 5000 - (nj_log_dropped() - dropped); i++) {
        (void)snprintf(line, sizeof(line), "%llu", (unsigned long long)i);
        syslogd_hears(fd, 30, line);
    }
    assert_true(nj_log_dropped() > dropped);
    (void)close(fd);
}

static void
a_syslogd_that_reads_again_gets_all(void **state)
{
    int fd = syslogd_start("c");
    char line[100];

    (void)state;
    open_with_syslog(0, NULL, -1, "c");
    for (int i = 0; i < 5000; i++)
        nj_log(NJ_LOG_INFO, "%d", i);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(line, sizeof(line), "%d", i);
        syslogd_hears(fd, 30, line);
    }
    nj_log_close();
    (void)close(fd);
}

static void
a_syslogd_that_was_away_is_found_again(void **state)
{
    int fd = syslogd_start("d");
    uint64_t dropped = nj_log_dropped(), errors = nj_log_errors();

    (void)state;
    open_with_syslog(0, NULL, -1, "d");
    nj_log(NJ_LOG_INFO, "one");
    syslogd_hears(fd, 30, "one");
    (void)close(fd);
    nj_log(NJ_LOG_INFO, "two");
    flush_until_more(nj_log_dropped, dropped);
    assert_int_equal(nj_log_dropped(), dropped + 1);
    assert_int_equal(nj_log_errors(), errors + 1);
    fd = syslogd_start("d");
    nj_log(NJ_LOG_INFO, "three");
    syslogd_hears(fd, 28, "Warning: 1 log lines were lost here, written slower than said.");
    syslogd_hears(fd, 30, "three");
    nj_log_close();
    (void)close(fd);
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
make_folder(void **state)
{
    (void)state;
    return folder_make(dir);
}

static int
remove_folder(void **state)
{
    (void)state;
    return folder_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_lines_arrive_at_once),
        cmocka_unit_test(a_burst_gathers_until_an_error_or_a_flush),
        cmocka_unit_test(types_that_are_off_say_nothing),
        cmocka_unit_test(stamps_are_seconds_or_the_format),
        cmocka_unit_test(a_format_that_does_not_fit_is_a_time_error),
        cmocka_unit_test(a_line_ends_after_999_bytes),
        cmocka_unit_test(a_cut_leaves_no_half_code_point),
        cmocka_unit_test(control_characters_are_shown),
        cmocka_unit_test(a_text_makes_the_line_that_a_format_makes),
        cmocka_unit_test(a_file_is_private_and_followed_when_renamed),
        cmocka_unit_test(links_and_fifos_are_no_log_files),
        cmocka_unit_test(a_pipe_that_nobody_reads_stops_nobody),
        cmocka_unit_test(what_a_lost_note_told_is_told_again),
        cmocka_unit_test(close_gives_up_on_a_pipe_that_nobody_reads),
        cmocka_unit_test(a_write_that_fails_is_counted),
        cmocka_unit_test(the_topic_hears_all_but_debug),
        cmocka_unit_test(what_the_topic_does_not_take_is_counted),
        cmocka_unit_test(syslog_is_told_type_program_and_process),
        cmocka_unit_test(a_syslogd_that_stops_reading_holds_up_nobody),
        cmocka_unit_test(a_syslogd_that_reads_again_gets_all),
        cmocka_unit_test(a_syslogd_that_was_away_is_found_again),
        cmocka_unit_test(lines_of_a_thread_keep_their_order),
        cmocka_unit_test(without_a_log_lines_go_to_stderr),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
