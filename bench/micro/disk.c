/* SPDX-License-Identifier: Apache-2.0 */
/* What a commit costs on a disk, without a store before it: LMDB as the store opens it, with
 * `durability always`; values of 128 bytes under numbers that rise.
 *
 *   micro-disk DIRECTORY [OPERATIONS MILLISECONDS]...
 *
 * For each pair, by default 1, 10, 100 and 1,000 operations for a second each, one line: operations
 * in a commit, its µs (half of them took longer, one of a hundred), operations in a second. The
 * file is begun anew in a directory that must be there, and removed. */
#include "store/db.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VALUE_BYTES 128u
#define MAP_BYTES   ((uint64_t)4 << 30)
#define COMMITS_MAX 1000000u

static struct nj_db *db;
static uint64_t next_key;
static int64_t took_ns[COMMITS_MAX];

static void
die(const char *doing)
{
    (void)fprintf(stderr, "micro-disk: cannot %s: %s\n", doing,
                  db != NULL ? nj_db_fault(db) : "no database");
    exit(1);
}

static int64_t
commit(unsigned operations)
{
    static const char value[VALUE_BYTES];
    int64_t begun = nj_clock_monotonic_ns();

    if (nj_db_begin(db) != NJ_END_DONE)
        die("begin");
    for (unsigned i = 0; i < operations; i++) {
        const struct nj_key key = nj_key_number(++next_key);

        if (nj_db_put(db, NJ_TABLE_MESSAGES, &key, (struct nj_str){value, sizeof(value)}) !=
            NJ_END_DONE)
            die("put");
    }
    if (nj_db_commit(db) != NJ_END_DONE)
        die("commit");
    return nj_clock_monotonic_ns() - begun;
}

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void
measure(unsigned operations, unsigned ms)
{
    int64_t begun = nj_clock_monotonic_ns(), end = begun + ms * INT64_C(1000000), now;
    size_t n = 0;

    do {
        took_ns[n++] = commit(operations);
        now = nj_clock_monotonic_ns();
    } while (now < end && n < COMMITS_MAX);
    qsort(took_ns, n, sizeof(took_ns[0]), by_size);
    printf("%u %.1f %.1f %.0f\n", operations, (double)took_ns[n / 2] / 1e3,
           (double)took_ns[n - 1 - n / 100] / 1e3,
           (double)n * operations * 1e9 / (double)(now - begun));
    (void)fflush(stdout);
}

static void
remove_files(const char *directory)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[PATH_MAX];

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
}

int
main(int argc, char **argv)
{
    struct nj_db_opts opts = {
        .directory = argc > 1 ? argv[1] : NULL, .mode = NJ_DB_SYNCED, .first_bytes = MAP_BYTES};
    struct nj_diag diag = {0};

    if (argc < 2 || argc % 2 != 0) {
        (void)fputs("usage: micro-disk DIRECTORY [OPERATIONS MILLISECONDS]...\n", stderr);
        return 2;
    }
    remove_files(opts.directory);
    if (nj_db_open(&db, &opts, &diag) != NJ_END_DONE) {
        (void)fprintf(stderr, "micro-disk: %s\n", diag.text);
        return 1;
    }
    for (int i = 2; i < argc; i += 2)
        measure((unsigned)strtoul(argv[i], NULL, 10), (unsigned)strtoul(argv[i + 1], NULL, 10));
    for (unsigned operations = 1; operations <= 1000 && argc == 2; operations *= 10)
        measure(operations, 1000);
    nj_db_close(db);
    remove_files(opts.directory);
    return 0;
}
