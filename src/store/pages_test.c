/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pages.h"

#include "store/kit_test.h"

#include <fcntl.h>
#include <unistd.h>

/* ---- a file with all that a file can have ---- */

static struct nj_str
read_file(const struct kit *k)
{
    char path[KIT_FOLDER_SIZE + 32];
    struct nj_str file;
    struct stat is;
    char *bytes;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/data.mdb", k->path);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &is), 0);
    bytes = malloc((size_t)is.st_size);
    assert_int_equal(read(fd, bytes, (size_t)is.st_size), is.st_size);
    (void)close(fd);
    file = (struct nj_str){bytes, (size_t)is.st_size};
    return file;
}

static void
free_file(struct nj_str file)
{
    union {
        const char *in;
        void *out;
    } p = {.in = file.p};

    free(p.out);
}

static void
assert_good(const struct kit *k)
{
    struct nj_str file = read_file(k);
    const char *fault = nj_pages_fault(file);

    if (fault != NULL)
        fail_msg("%s", fault);
    free_file(file);
}

/* Trees that grow and shrink, long values, lists of free pages. */
static void
fill(struct kit *k, unsigned seed, unsigned changes)
{
    static char payload[20000];
    struct nj_rand rand;
    uint64_t last = 0;

    nj_rand_seed(&rand, seed);
    memset(payload, 'x', sizeof(payload));
    for (uint64_t i = 1; i <= 20; i++)
        last = kit_session(k->port, i, "anna");
    for (unsigned i = 0; i < changes; i++) {
        uint64_t session = 1 + nj_rand_below(&rand, 20), message = 1 + nj_rand_below(&rand, 2000);
        size_t n = nj_rand_below(&rand, 12) == 0 ? nj_rand_below(&rand, sizeof(payload)) : 40;
        struct nj_publication pub = kit_publication(message, "t", (struct nj_str){payload, n});
        const struct nj_terms terms = {.qos = 2};
        const struct nj_change queued = {
            .kind = NJ_CHANGE_QUEUED, .session = session, .publication = &pub, .terms = &terms};

        switch (nj_rand_below(&rand, 4)) {
        case 0:
            last = kit_step(k->port, NJ_CHANGE_DELIVERED, session, message, 0);
            break;
        case 1: {
            char topic[16];

            (void)snprintf(topic, sizeof(topic), "r/%u", nj_rand_below(&rand, 300));
            pub.topic = nj_str_of(topic);
            last = kit_append(k->port,
                              &(struct nj_change){.kind = NJ_CHANGE_RETAINED, .publication = &pub});
            break;
        }
        default:
            last = kit_append(k->port, &queued);
            break;
        }
        if (nj_rand_below(&rand, 100) == 0)
            kit_settle(k, last);
    }
    kit_settle(k, last);
}

static void
what_lmdb_writes_is_good(void **state)
{
    struct kit *k = *state;

    k->durability = NJ_DURABILITY_NONE;
    kit_open(k);
    kit_close(k);
    assert_good(k);
    for (unsigned round = 0; round < 12; round++) {
        kit_open(k);
        fill(k, round, round < 8 ? 1500 : 100);
        if (round % 3 == 2) {
            for (uint64_t i = 1; i <= 20; i++)
                (void)kit_step(k->port, NJ_CHANGE_SESSION_END, i, 0, 0);
        }
        kit_close(k);
        assert_good(k);
    }
}

static void
nothing_is_a_new_file(void **state)
{
    (void)state;
    assert_null(nj_pages_fault((struct nj_str){"", 0}));
    assert_non_null(nj_pages_fault(NJ_STR("no file of LMDB's")));
}

/* Each byte of the heads, and of each page what stands before its nodes. Some of them mean nothing
 * (a pad, the size of the map); no more than those go unseen. */
static void
a_damaged_page_is_found(void **state)
{
    struct kit *k = *state;
    struct nj_str file;
    unsigned missed = 0, tried = 0, seen = 0;
    char *bytes;

    k->durability = NJ_DURABILITY_NONE;
    kit_open(k);
    fill(k, 1, 1500);
    kit_close(k);
    file = read_file(k);
    bytes = malloc(file.n);
    for (size_t page = 2; page < file.n / 4096; page++) {
        bool is_seen = false;

        memcpy(bytes, file.p, file.n);
        for (size_t i = 0; i < 16; i++) {
            if (i == 8 || i == 9)
                continue; /* the pad */
            bytes[page * 4096 + i] = (char)(bytes[page * 4096 + i] ^ 0x2c);
            tried++;
            if (nj_pages_fault((struct nj_str){bytes, file.n}) != NULL) {
                seen++;
                is_seen = true;
            } else if (is_seen) {
                missed++; /* a page that is in use: seen in one byte, and not in another */
            }
            bytes[page * 4096 + i] = file.p[page * 4096 + i];
        }
    }
    assert_in_range(seen, tried / 8, tried); /* others are free, or of the tree before */
    /* Long values: how many pages they have may be more than needed. */
    assert_in_range(missed, 0, tried / 50);
    /* Cut; its last pages may be free. */
    for (size_t n = 0; n < file.n / 2; n += 4096 + 100)
        assert_non_null(nj_pages_fault((struct nj_str){bytes, n > 0 ? n : 100}));
    free(bytes);
    free_file(file);
}

/* Whatever stands in it, it is looked at to its end and not beyond: for the sanitizers. */
static void
noise_is_survived(void **state)
{
    struct kit *k = *state;
    struct nj_rand rand;
    struct nj_str file;
    unsigned found = 0;
    char *bytes;

    nj_rand_seed(&rand, 4);
    k->durability = NJ_DURABILITY_NONE;
    kit_open(k);
    fill(k, 2, 800);
    kit_close(k);
    file = read_file(k);
    for (unsigned round = 0; round < 1500; round++) {
        size_t n = round % 5 == 0 ? nj_rand_below(&rand, (uint32_t)file.n) : file.n;

        bytes = malloc(n > 0 ? n : 1);
        memcpy(bytes, file.p, n);
        for (unsigned i = 0; i < 200 && n > 0; i++) {
            size_t at = nj_rand_below(&rand, (uint32_t)n);

            if (i % 2 == 0)
                at = at / 4096 * 4096 + nj_rand_below(&rand, 64);
            if (at < n && (at >= 8192 || round % 3 == 0))
                bytes[at] = (char)nj_rand_u64(&rand);
        }
        found += nj_pages_fault((struct nj_str){bytes, n}) != NULL;
        free(bytes);
    }
    assert_in_range(found, 1400, 1500);
    free_file(file);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(what_lmdb_writes_is_good),
        cmocka_unit_test(nothing_is_a_new_file),
        T(a_damaged_page_is_found),
        T(noise_is_survived),
    };

    return cmocka_run_group_tests_name("store/pages", tests, NULL, NULL);
}
