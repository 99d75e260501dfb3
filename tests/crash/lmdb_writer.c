/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_writer.c — a small program that promises on LMDB, for the proof of the shim.
 *
 *   lmdb_writer DIR sync|nosync|nometasync|writemap [COUNT]
 *       writes records, says "committed N" after each commit
 *   lmdb_writer DIR check
 *       says "holds N", or what is wrong, and ends with 1 then
 *
 * With `nosync` and `nometasync` the promise is false, and powerloss.py has to find that out.
 * Records are of several sizes, and old ones are deleted, so that pages are used again. */
#include <inttypes.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT      300 /* records that are there at a time */
#define IN_ONE    7   /* records in a transaction */
#define MAP_BYTES (2 << 20)
#define LONGEST   9000 /* bytes: more than a page */

static void
must(int code, const char *what)
{
    if (code == MDB_SUCCESS)
        return;
    printf("%s: %s\n", what, mdb_strerror(code));
    exit(2);
}

/* Whoever knows the number knows the bytes. */
static size_t
fill(unsigned char *to, uint64_t number)
{
    size_t bytes = number % 41 == 0 ? LONGEST : 20 + number * 37 % 700;

    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(number * 31 + i * 7);
    return bytes;
}

static MDB_env *
open_env(const char *dir, unsigned flags)
{
    MDB_env *env;

    must(mdb_env_create(&env), "create");
    must(mdb_env_set_mapsize(env, MAP_BYTES), "mapsize");
    must(mdb_env_open(env, dir, flags, 0600), "open");
    return env;
}

static uint64_t
last_of(MDB_env *env, MDB_dbi *dbi, uint64_t *first, uint64_t *held)
{
    static unsigned char expected[LONGEST];
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t last = 0;

    *held = *first = 0;
    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    must(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, dbi), "dbi");
    must(mdb_cursor_open(txn, *dbi, &cursor), "cursor");
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
        uint64_t number;
        size_t bytes;

        memcpy(&number, key.mv_data, sizeof(number));
        bytes = fill(expected, number);
        if (value.mv_size != bytes || memcmp(value.mv_data, expected, bytes) != 0) {
            printf("record %" PRIu64 " is torn\n", number);
            exit(1);
        }
        if (*held > 0 && number != last + 1) {
            printf("records between %" PRIu64 " and %" PRIu64 " are missing\n", last, number);
            exit(1);
        }
        if ((*held)++ == 0)
            *first = number;
        last = number;
    }
    mdb_cursor_close(cursor);
    must(mdb_txn_commit(txn), "commit");
    return last;
}

static void
write_on(MDB_env *env, MDB_dbi dbi, uint64_t number, uint64_t count)
{
    static unsigned char data[LONGEST];
    char line[64];

    for (uint64_t end = number + count; number < end;) {
        MDB_txn *txn;

        must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
        for (int i = 0; i < IN_ONE; i++) {
            uint64_t old;
            MDB_val key, value;

            number++;
            key = (MDB_val){.mv_data = &number, .mv_size = sizeof(number)};
            value = (MDB_val){.mv_data = data, .mv_size = fill(data, number)};
            must(mdb_put(txn, dbi, &key, &value, MDB_APPEND), "put");
            if (number > KEPT) {
                old = number - KEPT;
                key.mv_data = &old;
                must(mdb_del(txn, dbi, &key, NULL), "del");
            }
        }
        must(mdb_txn_commit(txn), "commit");
        (void)snprintf(line, sizeof(line), "committed %" PRIu64 "\n", number);
        if (write(STDOUT_FILENO, line, strlen(line)) < 0)
            return;
    }
}

int
main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[2] : "";
    unsigned flags = strcmp(mode, "nosync") == 0       ? MDB_NOSYNC
                     : strcmp(mode, "nometasync") == 0 ? MDB_NOMETASYNC
                     : strcmp(mode, "writemap") == 0   ? MDB_WRITEMAP
                                                       : 0;
    uint64_t first, held, last;
    MDB_env *env;
    MDB_dbi dbi;

    if (argc < 3) {
        fputs("lmdb_writer DIR sync|nosync|nometasync|writemap|check [COUNT]\n", stderr);
        return 2;
    }
    env = open_env(argv[1], flags);
    last = last_of(env, &dbi, &first, &held);
    if (strcmp(mode, "check") == 0) {
        printf("holds %" PRIu64 "\n", last);
        if (held != (last < KEPT ? last : KEPT)) {
            printf("%" PRIu64 " records instead of %d\n", held, KEPT);
            return 1;
        }
    } else {
        write_on(env, dbi, last, argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX / 2);
    }
    mdb_env_close(env);
    return 0;
}
