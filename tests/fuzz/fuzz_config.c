/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: read or refused, nothing kept. */
#include "base/assert.h"
#include "base/mem.h"
#include "config/config.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int file = -1;
    struct nj_config *config;
    char path[64];

    if (file < 0)
        file = memfd_create("config", MFD_CLOEXEC);
    NJ_ASSERT(file >= 0 && ftruncate(file, 0) == 0);
    NJ_ASSERT(pwrite(file, data, bytes, 0) == (ssize_t)bytes);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);

    atomic_store_explicit(&nj_log_types, 0, memory_order_relaxed);
    uint64_t before = nj_mem_used();
    if (nj_config_load(&config, path, NULL, NULL) == NJ_OK) {
        NJ_ASSERT(config->server.listener_count > 0 && config->server.workers > 0);
        NJ_ASSERT(nj_config_reload_check(config, config, NULL) == NJ_OK);
        nj_config_free(config);
    }
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
