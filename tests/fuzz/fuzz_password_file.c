/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a password file, and as a file of pre-shared keys: read or refused by its line,
 * nothing kept; a hash that is read is written as it was. */
#include "auth/password.h"
#include "auth/password_file.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/psk_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
look_up(struct nj_users *users, struct nj_str name)
{
    struct nj_user user = users->ops->find(users, name);
    char text[NJ_PASSWORD_TEXT_MAX];
    struct nj_password again;
    size_t n;

    NJ_ASSERT(user.entry != NULL);
    n = nj_password_write(user.entry, text);
    NJ_ASSERT(nj_password_read(&again, (struct nj_str){text, n}, NULL) == NJ_OK);
    NJ_ASSERT(again.kind == ((const struct nj_password *)user.entry)->kind);
}

/* A link of /proc is followed only where it is asked for. */
static int
prepare(void)
{
    int file = memfd_create("users", MFD_CLOEXEC);

    NJ_ASSERT(file >= 0 && setenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1", 1) == 0);
    nj_hash_key_set(1, 2);
    atomic_store_explicit(&nj_log_types, 0, memory_order_relaxed);
    return file;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int file = -1;
    struct nj_users *users;
    struct nj_psk_file *keys;
    struct nj_diag diag = {0};
    char path[64];
    uint8_t key[NJ_PSK_KEY_MAX];

    if (file < 0)
        file = prepare();
    NJ_ASSERT(ftruncate(file, 0) == 0 && pwrite(file, data, bytes, 0) == (ssize_t)bytes);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);

    uint64_t before = nj_mem_used();
    if (nj_password_file_load(&users, path, &diag) == NJ_OK) {
        look_up(users, NJ_STR("alice"));
        look_up(users, (struct nj_str){(const char *)data, NJ_MIN(bytes, 3)});
        nj_users_unref(users);
    } else {
        NJ_ASSERT(diag.text[0] != '\0' && diag.line > 0);
    }
    if (nj_psk_file_load(&keys, path, &diag) == NJ_OK) {
        (void)nj_psk_file_find(keys, NJ_STR("alice"), key);
        nj_psk_file_free(keys);
    }
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
