/* SPDX-License-Identifier: Apache-2.0 */
/* Backups beside a writer, and what a start makes of them. */
#include "store/backup.h"

#include "store/copy.h"
#include "store/kit_test.h"
#include "store/shelf.h"
#include "store/survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

static int
setup(void **state)
{
    struct kit *k = kit_new();

    k->backup_interval_s = 3600;
    *state = k;
    return 0;
}

/* One more backup, of what is safe by now. */
static void
back_up(struct kit *k)
{
    uint64_t before = nj_store_metric(k->store, NJ_METRIC_STORE_BACKUPS);

    assert_true(nj_store_back_up(k->store));
    kit_await_backups(k, before + 1);
    assert_int_equal(nj_store_metric(k->store, NJ_METRIC_STORE_BACKUPS), before + 1);
}

static unsigned
count_like(const struct kit *k, const char *prefix)
{
    DIR *dir = opendir(k->path);
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    (void)closedir(dir);
    return count;
}

/* As kill -9 leaves it: with a file that is no store. */
static void
damage(const char *directory)
{
    char path[PATH_MAX], noise[4096];
    struct stat is;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/clean", directory);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", directory);
    fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &is), 0);
    memset(noise, 0xa5, sizeof(noise));
    for (off_t at = 2 * 4096; at < is.st_size; at += 4096)
        assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
    (void)close(fd);
}

static void
newest(const struct kit *k, uint64_t below, struct nj_shelved *out)
{
    const struct nj_folder *folder = &k->store->folder;

    assert_true(nj_shelf_newest(folder, below, out));
}

/* Session n has n; three backups: of 1, of 1 and 2, of 1, 2 and 3; and then comes 4. */
static void
fill(struct kit *k)
{
    kit_open(k);
    for (uint64_t n = 1; n <= 4; n++) {
        uint64_t number = kit_session(k->port, n, "anna");

        for (uint64_t i = 0; i < 100; i++)
            number = kit_queued(k->port, n, n * 1000 + i, 1);
        kit_settle(k, number);
        if (n < 4)
            back_up(k);
    }
}

static void
the_newest_two_stay(void **state)
{
    struct kit *k = *state;
    struct nj_shelved it;
    struct nj_survey found;
    struct nj_diag diag = {0};

    fill(k);
    assert_int_equal(count_like(k, "backup-"), 2);
    newest(k, UINT64_MAX, &it);
    assert_int_equal(it.number, 3);
    assert_int_equal(nj_store_metric(k->store, NJ_METRIC_STORE_BACKUP_TIME), it.taken_s);
    assert_in_range(nj_clock_wall_ms() / 1000 - it.taken_s, 0, 600);
    assert_int_equal(nj_store_survey(it.path, NULL, NULL, &found, &diag), NJ_OK);
    assert_int_equal(found.records[NJ_TABLE_SESSIONS], 3);
    assert_int_equal(found.faults, 0);
    newest(k, it.number, &it);
    assert_int_equal(it.number, 2);
    assert_false(nj_shelf_newest(&k->store->folder, it.number, &it));
}

static void
without_an_interval_there_are_none(void **state)
{
    struct kit *k = *state;

    k->backup_interval_s = 0;
    kit_open(k);
    assert_false(nj_store_back_up(k->store));
}

static void
one_comes_by_itself(void **state)
{
    struct kit *k = *state;

    k->backup_interval_s = 1;
    kit_open(k);
    kit_settle(k, kit_session(k->port, 1, "anna"));
    kit_await_backups(k, 1);
    kit_settle(k, kit_session(k->port, 2, "bert"));
    kit_await_backups(k, 2);
    assert_int_equal(nj_store_metric(k->store, NJ_METRIC_STORE_BACKUPS), 2);
}

/* ---- a damaged store ---- */

#define HAS(k, line)   assert_non_null(strstr((k)->tale.text, line))
#define LACKS(k, line) assert_null(strstr((k)->tale.text, line))

static void
a_damaged_file_gives_way_to_the_newest_backup(void **state)
{
    struct kit *k = *state;
    char path[2 * PATH_MAX], text[4096], expected[PATH_MAX + 64];
    struct nj_shelved it;
    struct dirent *entry;
    FILE *file = NULL;
    DIR *dir;

    fill(k);
    newest(k, UINT64_MAX, &it);
    kit_close(k);
    damage(k->path);
    kit_open(k);
    HAS(k, "session 3 ");
    HAS(k, " queued 3099 ");
    LACKS(k, "session 4 ");
    assert_int_equal(count_like(k, "damaged-"), 1);
    assert_int_equal(count_like(k, "backup-"), 2);

    dir = opendir(k->path);
    while ((entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s/report", k->path, entry->d_name);
        if (strncmp(entry->d_name, "damaged-", 8) == 0)
            file = fopen(path, "r");
    }
    (void)closedir(dir);
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    (void)snprintf(expected, sizeof(expected), "UTC (%s) is in its place", it.path);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "after that time is lost"));

    /* It goes on from there, and is backed up again. */
    kit_settle(k, kit_session(k->port, 5, "carl"));
    back_up(k);
    kit_reopen(k);
    HAS(k, "session 5 ");
    newest(k, UINT64_MAX, &it);
    assert_int_equal(it.number, 4);
}

static void
an_unreadable_backup_gives_way_to_the_next(void **state)
{
    struct kit *k = *state;
    struct nj_shelved it;

    fill(k);
    newest(k, UINT64_MAX, &it);
    kit_close(k);
    damage(k->path);
    damage(it.path);
    kit_open(k);
    HAS(k, "session 2 ");
    LACKS(k, "session 3 ");
    assert_int_equal(count_like(k, "damaged-"), 2);
    assert_int_equal(count_like(k, "backup-"), 1);
}

static void
without_a_backup_that_is_whole_it_begins_anew(void **state)
{
    struct kit *k = *state;
    struct nj_shelved it = {.number = UINT64_MAX};

    fill(k);
    while (nj_shelf_newest(&k->store->folder, it.number, &it))
        damage(it.path);
    kit_close(k);
    damage(k->path);
    kit_open(k);
    assert_string_equal(k->tale.text, "");
    assert_int_equal(count_like(k, "damaged-"), 3);
    kit_settle(k, kit_session(k->port, 1, "anna"));
    kit_reopen(k);
    HAS(k, "session 1 ");
}

/* As a start leaves it that is killed while it puts the backup in its place. */
static void
a_file_that_is_gone_gives_way_too(void **state)
{
    struct kit *k = *state;
    char path[PATH_MAX];

    fill(k);
    for (int i = 0; i < 2; i++) {
        kit_close(k);
        (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
        assert_int_equal(i == 0 ? unlink(path) : truncate(path, 0), 0);
        kit_open(k);
        HAS(k, "session 3 ");
        LACKS(k, "session 4 ");
        kit_settle(k, kit_session(k->port, 4, "anna"));
    }
}

static void
a_file_that_lost_all_its_bytes_is_told(void **state)
{
    struct kit *k = *state;
    char path[PATH_MAX];

    kit_open(k);
    kit_close(k);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
    assert_int_equal(truncate(path, 0), 0);
    kit_open(k);
    assert_int_equal(count_like(k, "damaged-"), 1);
}

static void
what_a_killed_one_has_left_is_removed(void **state)
{
    struct kit *k = *state;
    char path[PATH_MAX];
    int fd;

    kit_open(k);
    kit_close(k);
    (void)snprintf(path, sizeof(path), "%s/backup-part", k->path);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/backup-part/data.mdb", k->path);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    kit_open(k);
    assert_int_equal(count_like(k, "backup-"), 0);
}

/* ---- beside the writer ---- */

static uint64_t
fill_up(struct kit *k, uint64_t from, uint64_t count)
{
    static char payload[8192];
    uint64_t number = 0;

    memset(payload, 'x', sizeof(payload) - 1);
    for (uint64_t i = from; i < from + count; i++) {
        char topic[32];

        (void)snprintf(topic, sizeof(topic), "r/%" PRIu64, i);
        number = kit_retained(k->port, i, topic, payload);
    }
    return number;
}

/* Each time that the map changes, the copy ends and begins again: nobody reads what is unmapped. */
static void
the_map_may_change_meanwhile(void **state)
{
    struct kit *k = *state;
    struct nj_shelved it;
    struct nj_survey found;
    struct nj_db_room room;
    struct nj_diag diag = {0};
    uint64_t before, count = 100;

    kit_open(k);
    kit_settle(k, fill_up(k, 1, count));
    nj_db_room(k->store->db, &room);
    before = room.map_bytes;
    k->store->backup.bytes_per_second = 1 << 20; /* most of a second */
    k->store->backup.most_growth_bytes = UINT64_MAX / 2;
    assert_true(nj_store_back_up(k->store));
    for (int i = 0; i < 30; i++) {
        kit_settle(k, fill_up(k, count + 1, 100));
        count += 100;
    }
    kit_close(k); /* what is being made is given up, or done */
    kit_open(k);
    nj_db_room(k->store->db, &room);
    assert_true(room.map_bytes > 2 * before);
    back_up(k);
    newest(k, UINT64_MAX, &it);
    assert_int_equal(nj_store_survey(it.path, NULL, NULL, &found, &diag), NJ_OK);
    assert_int_equal(found.records[NJ_TABLE_RETAINED], count);
    assert_int_equal(found.faults, 0);
}

static void
a_store_that_doubles_meanwhile_is_not_kept_from_its_pages(void **state)
{
    struct kit *k = *state;
    struct nj_shelved it;
    uint64_t next = 1;

    k->tuning.map_bytes = 256 << 20; /* which does not change */
    kit_open(k);
    kit_settle(k, fill_up(k, next, 200));
    next += 200;
    k->store->backup.bytes_per_second = 1;
    k->store->backup.most_growth_bytes = 0;
    assert_true(nj_store_back_up(k->store));
    while (nj_store_metric(k->store, NJ_METRIC_STORE_BACKUP_FAULTS) == 0) {
        kit_settle(k, fill_up(k, next, 20));
        next += 20;
    }
    assert_int_equal(nj_store_metric(k->store, NJ_METRIC_STORE_BACKUPS), 0);
    assert_false(nj_shelf_newest(&k->store->folder, UINT64_MAX, &it));
    assert_int_equal(count_like(k, "backup-part"), 0);
}

static void
the_room_of_the_store_is_left_to_it(void **state)
{
    struct kit *k = *state;
    struct nj_shelved it;

    fill(k);
    newest(k, UINT64_MAX, &it);
    (void)pthread_mutex_lock(&k->store->backup.mutex); /* its thread has read it, without */
    k->store->backup.reserve_bytes = UINT64_MAX / 2;
    (void)pthread_mutex_unlock(&k->store->backup.mutex);
    assert_true(nj_store_back_up(k->store));
    kit_await_backups(k, 4);
    assert_int_equal(nj_store_metric(k->store, NJ_METRIC_STORE_BACKUP_FAULTS), 1);
    newest(k, UINT64_MAX, &it);
    assert_int_equal(it.number, 3);
    assert_int_equal(count_like(k, "backup-"), 2);
    kit_settle(k, kit_session(k->port, 9, "dora")); /* and the store goes on */
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(the_newest_two_stay),
        T(without_an_interval_there_are_none),
        T(one_comes_by_itself),
        T(a_damaged_file_gives_way_to_the_newest_backup),
        T(an_unreadable_backup_gives_way_to_the_next),
        T(without_a_backup_that_is_whole_it_begins_anew),
        T(a_file_that_is_gone_gives_way_too),
        T(a_file_that_lost_all_its_bytes_is_told),
        T(what_a_killed_one_has_left_is_removed),
        T(the_map_may_change_meanwhile),
        T(a_store_that_doubles_meanwhile_is_not_kept_from_its_pages),
        T(the_room_of_the_store_is_left_to_it),
    };

    return cmocka_run_group_tests_name("store/backup", tests, NULL, NULL);
}
