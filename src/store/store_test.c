/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kit_test.h"

#include "store/survey.h"
#include "store/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

#define HAS(k, line)   assert_non_null(strstr((k)->tale.text, line))
#define LACKS(k, line) assert_null(strstr((k)->tale.text, line))

static void
an_empty_store_tells_nothing(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    assert_string_equal(k->tale.text, "");
    kit_reopen(k);
    assert_string_equal(k->tale.text, "");
    assert_int_equal(k->numbers.session, 0);
    assert_int_equal(k->numbers.message, 0);
}

static void
all_that_was_told_is_told_again(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_session(k->port, 2, "bert");
    (void)kit_subscribed(k->port, 1, "a/#", 1, 5);
    (void)kit_subscribed(k->port, 1, "b", 2, 0);
    (void)kit_subscribed(k->port, 1, "c", 2, 0);
    (void)kit_unsubscribed(k->port, 1, "c");
    (void)kit_subscribed(k->port, 1, "b", 0, 0);
    (void)kit_queued(k->port, 1, 30, 1);
    (void)kit_queued(k->port, 1, 20, 2);
    (void)kit_queued(k->port, 2, 20, 1);
    (void)kit_step(k->port, NJ_CHANGE_SENDING, 1, 20, 77);
    (void)kit_queued(k->port, 2, 40, 2);
    (void)kit_step(k->port, NJ_CHANGE_SENDING, 2, 40, 3);
    (void)kit_step(k->port, NJ_CHANGE_RECEIVED, 2, 40, 3);
    (void)kit_queued(k->port, 2, 35, 2);
    (void)kit_step(k->port, NJ_CHANGE_SENDING, 2, 35, 9);
    (void)kit_step(k->port, NJ_CHANGE_RECEIVED, 2, 35, 9);
    (void)kit_publish(k->port, NJ_CHANGE_TAKEN, 2, 50, 8, 2, "p");
    (void)kit_publish(k->port, NJ_CHANGE_TAKEN, 2, 51, 9, 2, "q");
    (void)kit_step(k->port, NJ_CHANGE_ROUTED, 2, 0, 9);
    (void)kit_will(k->port, 2, "bye");
    (void)kit_will(k->port, 1, "not");
    (void)kit_will(k->port, 1, NULL);
    (void)kit_retained(k->port, 60, "r/1", "one");
    (void)kit_retained(k->port, 61, "r/2", "two");
    (void)kit_retained(k->port, 62, "r/1", "");
    kit_settle(k, kit_retained(k->port, 63, "r/2", "three"));
    kit_reopen(k);
    HAS(k, "session 1 anna 3600\n");
    HAS(k, " subscribed a/# 1 5\n");
    HAS(k, " subscribed b 0 0\n");
    LACKS(k, " subscribed c");
    HAS(k, " queued 20 t=x qos 2 group 0 packet 77\n"
           " queued 30 t=x qos 1 group 0 packet 0\n"
           "session 2 bert 3600\n"
           " queued 20 t=x qos 1 group 0 packet 0\n"
           " released 9\n" /* in the order of the messages */
           " released 3\n"
           " received 2 8 taken 50\n"
           " received 2 9\n"
           " will 2 w=bye qos 1 7 9\n");
    LACKS(k, "will 1");
    HAS(k, "retained r/2=three 63\n");
    LACKS(k, "retained r/1");
    assert_int_equal(k->numbers.session, 2);
    assert_int_equal(k->numbers.message, 50);
}

static void
what_is_done_with_is_gone(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_queued(k->port, 1, 10, 1);
    (void)kit_queued(k->port, 1, 11, 2);
    (void)kit_publish(k->port, NJ_CHANGE_TAKEN, 1, 12, 5, 2, "p");
    kit_reopen(k);
    (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 1, 10, 0);
    (void)kit_step(k->port, NJ_CHANGE_SENDING, 1, 11, 1);
    (void)kit_step(k->port, NJ_CHANGE_RECEIVED, 1, 11, 1);
    (void)kit_step(k->port, NJ_CHANGE_COMPLETED, 1, 0, 1);
    (void)kit_step(k->port, NJ_CHANGE_ROUTED, 1, 0, 5);
    (void)kit_step(k->port, NJ_CHANGE_RELEASED, 1, 0, 5);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n");
    assert_int_equal(k->numbers.message, 0); /* not one body is left */
}

static void
the_end_of_a_session_is_the_end_of_all_it_has(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_session(k->port, 2, "bert");
    for (uint64_t i = 1; i <= 3000; i++)
        (void)kit_queued(k->port, 1, i, 1);
    (void)kit_queued(k->port, 2, 3000, 1);
    (void)kit_subscribed(k->port, 1, "a", 1, 0);
    (void)kit_publish(k->port, NJ_CHANGE_TAKEN, 1, 4000, 5, 2, "p");
    (void)kit_will(k->port, 1, "bye");
    (void)kit_step(k->port, NJ_CHANGE_SESSION_END, 1, 0, 0);
    (void)kit_queued(k->port, 1, 5000, 1); /* too late */
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 2 bert 3600\n"
                                      " queued 3000 t=x qos 1 group 0 packet 0\n");
}

static void
what_a_clean_session_owes_is_told_until_it_is_paid(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_will(k->port, 7, "bye");
    (void)kit_publish(k->port, NJ_CHANGE_TAKEN, 8, 20, 5, 2, "p");
    (void)kit_publish(k->port, NJ_CHANGE_TAKEN, 9, 21, 5, 2, "q");
    (void)kit_step(k->port, NJ_CHANGE_SESSION_END, 9, 0, 0);
    for (int i = 0; i < 2; i++) {
        kit_reopen(k);
        assert_string_equal(k->tale.text, " will 7 w=bye qos 1 7 9\n received 8 5 taken 20\n");
        assert_int_equal(k->numbers.session, 8);
        assert_int_equal(k->numbers.message, 20);
    }
    (void)kit_will(k->port, 7, NULL);
    (void)kit_step(k->port, NJ_CHANGE_ROUTED, 8, 0, 5);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "");
    assert_int_equal(k->numbers.message, 0);
}

static void
what_is_appended_before_the_start_is_committed(void **state)
{
    struct kit *k = *state;

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    kit_load(k);
    assert_int_equal(kit_session(k->port, 1, "anna"), 1);
    assert_int_equal(kit_safe(k->port), 0);
    kit_run(k);
    kit_settle(k, 1);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n");
}

static void
a_message_for_many_is_stored_once_and_shared(void **state)
{
    struct kit *k = *state;
    struct nj_snapshot *snapshot;
    uint64_t count;

    kit_open(k);
    for (uint64_t s = 1; s <= 100; s++) {
        (void)kit_session(k->port, s, "c");
        (void)kit_queued(k->port, s, 9, 1);
    }
    (void)kit_queued(nj_store_port(k->store, 1), 1, 9, 1); /* by way of another home */
    kit_reopen(k);
    assert_int_equal(k->tale.shared, 99);
    assert_int_equal(nj_snapshot_open(&snapshot, k->store->db), NJ_END_DONE);
    assert_int_equal(nj_snapshot_count(snapshot, NJ_TABLE_MESSAGES, &count), NJ_END_DONE);
    assert_int_equal(count, 1);
    nj_snapshot_close(snapshot);
    for (uint64_t s = 1; s <= 100; s++)
        (void)kit_step(k->port, NJ_CHANGE_DELIVERED, s, 9, 0);
    kit_reopen(k);
    assert_int_equal(k->numbers.message, 0);
}

static void
times_outlive_the_clock_they_were_told_in(void **state)
{
    struct kit *k = *state;
    struct nj_publication pub = kit_publication(5, "t", NJ_STR("x"));
    const struct nj_terms terms = {.qos = 1};
    const struct nj_change queued = {
        .kind = NJ_CHANGE_QUEUED, .session = 1, .publication = &pub, .terms = &terms};

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    pub.expires = nj_clock_monotonic_ms() + 100000;
    (void)kit_append(k->port, &queued);
    pub.number = 6;
    pub.expires = nj_clock_monotonic_ms() - 1; /* it has expired meanwhile */
    (void)kit_append(k->port, &queued);
    pub.number = 7;
    pub.topic = NJ_STR("r");
    (void)kit_append(k->port, &(struct nj_change){.kind = NJ_CHANGE_RETAINED, .publication = &pub});
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n"
                                      " queued 5 t=x qos 1 group 0 packet 0\n");
    kit_reopen(k);
    assert_int_equal(k->numbers.message, 5);
}

static void
the_higher_qos_of_two_stays(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_queued(k->port, 1, 5, 1);
    (void)kit_queued(k->port, 1, 5, 2);
    (void)kit_queued(k->port, 1, 5, 1);
    kit_reopen(k);
    HAS(k, "queued 5 t=x qos 2");
    (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 1, 5, 0);
    (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 1, 5, 0);
    kit_reopen(k);
    assert_int_equal(k->numbers.message, 0);
}

static void
a_reader_without_memory_ends_the_load(void **state)
{
    struct kit *k = *state;
    unsigned calls;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_subscribed(k->port, 1, "a", 1, 0);
    (void)kit_queued(k->port, 1, 5, 1);
    (void)kit_publish(k->port, NJ_CHANGE_TAKEN, 1, 6, 5, 2, "p");
    (void)kit_will(k->port, 1, "bye");
    (void)kit_retained(k->port, 7, "r", "one");
    kit_reopen(k);
    calls = k->tale.calls;
    for (unsigned i = 1; i < calls; i++) {
        struct kit_tale tale = {.fail_at = i};

        kit_close(k);
        assert_int_equal(kit_open_only(k, NULL), NJ_OK);
        assert_int_equal(nj_store_load(k->store, &kit_reader, &tale, &k->numbers, NULL), NJ_ENOMEM);
        kit_tale_fini(&tale);
    }
}

static void
a_second_store_on_the_directory_is_refused(void **state)
{
    struct kit *k = *state;
    struct kit other = *k;
    struct nj_diag diag = {0};
    char pid[32];

    kit_open(k);
    assert_int_equal(kit_open_only(&other, &diag), NJ_EEXIST);
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(diag.text, pid));
    kit_close(k);
    assert_int_equal(kit_open_only(&other, &diag), NJ_OK);
    nj_store_close(other.store);
}

/* It ends with a child that its holder had made and did not outlive. */
static void
a_lock_that_the_dead_have_left_is_waited_for(void **state)
{
    struct kit *k = *state;
    pid_t holder = fork();
    int status;

    if (holder == 0) {
        if (kit_open_only(k, NULL) == NJ_OK && fork() == 0)
            (void)poll(NULL, 0, 200);
        _exit(0);
    }
    assert_int_equal(waitpid(holder, &status, 0), holder);
    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
}

/* How many files of the store's directory begin like this; the last one is written to `path`. */
static unsigned
files_like(const struct kit *k, const char *prefix, char path[PATH_MAX])
{
    DIR *dir = opendir(k->path);
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        count++;
        (void)snprintf(path, PATH_MAX, "%s/%s", k->path, entry->d_name);
    }
    (void)closedir(dir);
    return count;
}

static void
a_store_that_was_never_written_to_is_not_damaged(void **state)
{
    struct kit *k = *state;
    struct nj_survey found;
    char path[PATH_MAX], why[128];
    int fd;

    assert_int_equal(mkdir(k->path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(nj_walk(k->path, why), NJ_WALK_GOOD);
    assert_int_equal(nj_store_survey(k->path, NULL, NULL, &found, &(struct nj_diag){0}), NJ_OK);
    kit_open(k);
    assert_int_equal(files_like(k, "damaged-", path), 0);
}

/* ---- damage ---- */

/* Root may do what nobody may. */
static void
stop_being_root(void)
{
    if (geteuid() == 0)
        assert_int_equal(seteuid(NOBODY), 0);
}

static void
be_root_again(void)
{
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static void
damage_record(struct kit *k, enum nj_table table, const struct nj_key *key)
{
    struct nj_store *s = k->store;
    struct nj_str value;
    char copy[256];

    assert_int_equal(nj_db_begin(s->db), NJ_END_DONE);
    assert_int_equal(nj_db_get(s->db, table, key, &value), NJ_END_DONE);
    assert_in_range(value.n, 1, sizeof(copy));
    memcpy(copy, value.p, value.n);
    copy[value.n / 2] ^= 1;
    assert_int_equal(nj_db_put(s->db, table, key, (struct nj_str){copy, value.n}), NJ_END_DONE);
    assert_int_equal(nj_db_commit(s->db), NJ_END_DONE);
}

/* A session takes its subscriptions and what waits for it along, a message its deliveries. */
static void
a_damaged_record_is_put_aside_and_the_rest_is_told(void **state)
{
    static const char *const put_aside[] = {
        "sessions key=0000000000000001 why=\"checksum\"",
        "subscriptions key=",
        "queue key=0000000000000001000000000000000a why=\"session\"",
        "messages key=0000000000000014 why=\"checksum\"",
        "queue key=00000000000000020000000000000014 why=\"message\"",
        "queue key=00000000000000030000000000000014 why=\"message\"",
    };
    struct kit *k = *state;
    struct nj_key session = nj_key_number(1), message = nj_key_number(20);
    char path[PATH_MAX], line[512];
    unsigned lines = 0;
    FILE *file;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_session(k->port, 2, "bert");
    (void)kit_session(k->port, 3, "carl");
    (void)kit_subscribed(k->port, 1, "f", 1, 0);
    (void)kit_queued(k->port, 1, 10, 1);
    (void)kit_queued(k->port, 2, 20, 1);
    (void)kit_queued(k->port, 2, 21, 1);
    (void)kit_queued(k->port, 3, 20, 1);
    (void)kit_queued(k->port, 3, 10, 1);
    (void)kit_retained(k->port, 30, "r", "one");
    kit_close(k);
    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    damage_record(k, NJ_TABLE_SESSIONS, &session);
    damage_record(k, NJ_TABLE_MESSAGES, &message);
    kit_load(k);
    assert_string_equal(k->tale.text, "session 2 bert 3600\n"
                                      " queued 21 t=x qos 1 group 0 packet 0\n"
                                      "session 3 carl 3600\n"
                                      " queued 10 t=x qos 1 group 0 packet 0\n"
                                      "retained r=one 30\n");
    assert_int_equal(nj_store_metric(k->store, NJ_METRIC_STORE_QUARANTINED), 6);
    kit_run(k);
    kit_close(k);
    assert_int_equal(files_like(k, "quarantine-", path), 1);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        assert_in_range(lines, 0, NJ_COUNT_OF(put_aside) - 1);
        assert_non_null(strstr(line, put_aside[lines++]));
    }
    (void)fclose(file);
    assert_int_equal(lines, NJ_COUNT_OF(put_aside));
    kit_open(k);
    HAS(k, " queued 10 ");
    LACKS(k, "session 1 ");
    assert_int_equal(files_like(k, "quarantine-", path), 1);
    assert_int_equal(k->numbers.message, 21);
    assert_int_equal(k->numbers.session, 3);
}

static void
a_store_that_does_not_say_what_it_is_is_damaged(void **state)
{
    static const struct nj_key meta = {.n = 5, .bytes = "store"};
    struct kit *k = *state;
    struct nj_diag diag = {0};
    struct nj_survey found;

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    damage_record(k, NJ_TABLE_META, &meta);
    kit_close(k);
    assert_int_equal(nj_store_survey(k->path, NULL, NULL, &found, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "is damaged"));
}

static void
a_damaged_record_stays_while_it_cannot_be_put_aside(void **state)
{
    struct kit *k = *state;
    struct nj_key session = nj_key_number(1);
    char path[PATH_MAX];

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    kit_close(k);
    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    damage_record(k, NJ_TABLE_SESSIONS, &session);
    assert_int_equal(chmod(k->path, 0500), 0);
    stop_being_root();
    kit_load(k);
    be_root_again();
    assert_int_equal(chmod(k->path, 0700), 0);
    assert_string_equal(k->tale.text, "");
    assert_int_equal(files_like(k, "quarantine-", path), 0);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "");
    assert_int_equal(files_like(k, "quarantine-", path), 1);
}

static void
overwrite(const struct kit *k, off_t at, size_t n)
{
    char path[PATH_MAX], noise[4096];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
    fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    memset(noise, 0xa5, sizeof(noise));
    assert_int_equal(pwrite(fd, noise, n, at), n);
    (void)close(fd);
}

static void
forget(const struct kit *k, const char *name)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", k->path, name);
    assert_int_equal(unlink(path), 0);
}

/* Closed well; writes where the file is, and what. */
static void
keep_many(struct kit *k, char path[PATH_MAX], struct stat *is)
{
    kit_open(k);
    for (uint64_t i = 1; i <= 500; i++)
        (void)kit_session(k->port, i, "anna");
    kit_close(k);
    (void)snprintf(path, PATH_MAX, "%s/data.mdb", k->path);
    assert_int_equal(stat(path, is), 0);
}

static void
a_file_that_cannot_be_read_is_put_aside_whole(void **state)
{
    struct kit *k = *state;
    char path[PATH_MAX];
    struct stat is;

    for (int closed_well = 0; closed_well <= 1; closed_well++) {
        keep_many(k, path, &is);
        for (off_t at = 2 * 4096; at < is.st_size; at += 4096)
            overwrite(k, at, 4096);
        if (!closed_well)
            forget(k, "clean");
        kit_open(k);
        assert_string_equal(k->tale.text, "");
        assert_int_equal(files_like(k, "damaged-", path), 1 + closed_well);
        kit_settle(k, kit_session(k->port, 1, "anna"));
        kit_close(k);
    }
    overwrite(k, 0, 4096); /* both heads */
    overwrite(k, 4096, 4096);
    kit_open(k);
    assert_string_equal(k->tale.text, "");
    assert_int_equal(files_like(k, "damaged-", path), 3);
}

/* What a copy that broke off leaves, or a disk that lost its end. */
static void
a_file_that_was_cut_after_a_good_end_is_put_aside(void **state)
{
    struct kit *k = *state;
    char path[PATH_MAX];
    struct stat is;

    keep_many(k, path, &is);
    assert_int_equal(truncate(path, is.st_size / 2), 0);
    kit_open(k);
    assert_string_equal(k->tale.text, "");
    assert_int_equal(files_like(k, "damaged-", path), 1);
}

/* Of this process; 0: there is none. */
static pid_t
find_child(void)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    pid_t child = 0;

    assert_non_null(proc);
    while (child == 0 && (entry = readdir(proc)) != NULL) {
        char path[300], line[512] = "";
        const char *name_end; /* what follows: state, parent */
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        f = fopen(path, "re");
        if (f == NULL)
            continue;
        name_end = fgets(line, sizeof(line), f) != NULL ? strrchr(line, ')') : NULL;
        if (name_end != NULL && strlen(name_end) > 4 && strtol(name_end + 4, NULL, 10) == getpid())
            child = (pid_t)strtol(entry->d_name, NULL, 10);
        (void)fclose(f);
    }
    (void)closedir(proc);
    return child;
}

/* As an operator does, or a system that has no memory left. */
static void *
kill_the_child(void *ctx)
{
    const atomic_bool *is_over = ctx;
    pid_t child = 0;

    while (child == 0 && !atomic_load(is_over))
        child = find_child();
    if (child != 0)
        (void)kill(child, SIGKILL);
    return NULL;
}

static void
a_walk_that_somebody_ends_says_nothing_about_the_file(void **state)
{
    struct kit *k = *state;
    atomic_bool is_over = false;
    char path[PATH_MAX], why[128] = "";
    enum nj_walk found;
    pthread_t killer;

    /* Nobody writes to it: who opens it waits until it is killed. */
    assert_int_equal(mkdir(k->path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&killer, NULL, kill_the_child, &is_over), 0);
    found = nj_walk(k->path, why);
    atomic_store(&is_over, true);
    assert_int_equal(pthread_join(killer, NULL), 0);
    assert_int_equal(found, NJ_WALK_UNKNOWN);
    assert_non_null(strstr(why, "was ended by signal 9"));
    assert_int_equal(unlink(path), 0);
}

static void
a_file_that_may_not_be_read_is_not_damaged(void **state)
{
    struct kit *k = *state;
    struct nj_diag diag = {0};
    char path[PATH_MAX], why[128];

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    kit_close(k);
    forget(k, "lock");
    forget(k, "lock.mdb");
    (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
    assert_int_equal(chmod(path, 0), 0);

    assert_int_equal(chmod(k->folder, 0711), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(k->path, NOBODY, NOBODY), 0);
    stop_being_root();
    assert_int_equal(nj_walk(k->path, why), NJ_WALK_UNKNOWN);
    assert_int_equal(kit_open_only(k, &diag), NJ_ESYS);
    be_root_again();
    assert_non_null(strstr(diag.text, path));
    assert_int_equal(files_like(k, "damaged-", path), 0);
    assert_int_equal(files_like(k, "clean", path), 1);

    assert_int_equal(files_like(k, "data.mdb", path), 1);
    assert_int_equal(chmod(path, 0600), 0);
    forget(k, "lock");
    kit_open(k);
    HAS(k, "anna");
}

static void
what_root_makes_is_the_owners_of_the_directory(void **state)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "lock", "clean", "ends"};
    struct kit *k = *state;
    char path[PATH_MAX];
    struct stat is;

    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(k->path, 0700), 0);
    assert_int_equal(chown(k->path, NOBODY, NOBODY), 0);
    kit_open(k);
    kit_close(k);
    for (unsigned i = 0; i < NJ_COUNT_OF(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", k->path, files[i]);
        assert_int_equal(stat(path, &is), 0);
        assert_int_equal(is.st_uid, NOBODY);
    }
}

/* Whatever the damage: it starts, tells some of what was there, and goes on. */
static void
a_start_on_a_damaged_file_never_fails(void **state)
{
    struct kit *k = *state;
    struct nj_rand rand;
    char path[PATH_MAX], whole[1 << 20];
    ssize_t n;
    int fd;

    nj_rand_seed(&rand, 5);
    kit_open(k);
    for (uint64_t i = 1; i <= 300; i++) {
        (void)kit_session(k->port, i, "anna");
        (void)kit_queued(k->port, i, i, 1);
        (void)kit_queued(k->port, i, i + 1000, 2);
        (void)kit_subscribed(k->port, i, "a/b", 1, 0);
    }
    kit_close(k);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
    fd = open(path, O_RDONLY);
    n = read(fd, whole, sizeof(whole));
    (void)close(fd);
    assert_in_range(n, 8192, sizeof(whole) - 1);
    for (int round = 0; round < 60; round++) {
        unsigned holes = 1 + nj_rand_below(&rand, 8);

        fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
        assert_int_equal(write(fd, whole, (size_t)n), n);
        (void)close(fd);
        for (unsigned i = 0; i < holes; i++)
            overwrite(k, nj_rand_below(&rand, (uint32_t)n - 64), 1 + nj_rand_below(&rand, 64));
        if (round % 7 == 0)
            assert_int_equal(truncate(path, nj_rand_below(&rand, (uint32_t)n)), 0);
        (void)snprintf(path, sizeof(path), "%s/clean", k->path);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
        kit_open(k);
        kit_settle(k, kit_session(k->port, 1, "anna"));
        kit_close(k);
    }
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(an_empty_store_tells_nothing),
        T(all_that_was_told_is_told_again),
        T(what_is_done_with_is_gone),
        T(the_end_of_a_session_is_the_end_of_all_it_has),
        T(what_a_clean_session_owes_is_told_until_it_is_paid),
        T(what_is_appended_before_the_start_is_committed),
        T(a_message_for_many_is_stored_once_and_shared),
        T(times_outlive_the_clock_they_were_told_in),
        T(the_higher_qos_of_two_stays),
        T(a_reader_without_memory_ends_the_load),
        T(a_second_store_on_the_directory_is_refused),
        T(a_lock_that_the_dead_have_left_is_waited_for),
        T(a_store_that_was_never_written_to_is_not_damaged),
        T(a_damaged_record_is_put_aside_and_the_rest_is_told),
        T(a_store_that_does_not_say_what_it_is_is_damaged),
        T(a_damaged_record_stays_while_it_cannot_be_put_aside),
        T(a_file_that_cannot_be_read_is_put_aside_whole),
        T(a_file_that_was_cut_after_a_good_end_is_put_aside),
        T(a_walk_that_somebody_ends_says_nothing_about_the_file),
        T(a_file_that_may_not_be_read_is_not_damaged),
        T(what_root_makes_is_the_owners_of_the_directory),
        T(a_start_on_a_damaged_file_never_fails),
    };

    return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
