/* SPDX-License-Identifier: Apache-2.0 */
/* opts.h — what the store may be told. src/config fills it in; frozen from then on. */
#ifndef NJ_STORE_OPTS_H
#define NJ_STORE_OPTS_H

#include <stdint.h>

/* A file that is smaller has room for its empty tables, and for little else. */
#define NJ_STORE_LEAST_BYTES (512u << 10)

enum nj_durability {
    NJ_DURABILITY_ALWAYS,   /* safe: synced to the disk */
    NJ_DURABILITY_INTERVAL, /* safe at once; synced every interval_ms */
    NJ_DURABILITY_NONE,     /* safe once the system has it; the system syncs when it likes */
};

struct nj_store_opts {
    char *directory; /* made if it is not there, 0700 */
    struct {         /* together, as the directive: a reload compares it as one */
        enum nj_durability mode;
        uint32_t interval_ms; /* NJ_DURABILITY_INTERVAL alone */
    } durability;
    uint64_t max_bytes; /* of the file: NJ_STORE_LEAST_BYTES or more; 0: as large as the disk */
    uint32_t backup_interval_s; /* between backups, beside it in the directory; 0: none */
};

#endif
