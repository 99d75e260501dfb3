/* SPDX-License-Identifier: Apache-2.0 */
/* mount.h — mount_point: the clients of a listener live in a part of the topic tree of their own.
 * The prefix is put before what they name, and taken away from what they see. */
#ifndef NJ_SERVER_MOUNT_H
#define NJ_SERVER_MOUNT_H

#include "base/str.h"

struct nj_mounted {
    struct nj_str text; /* with the prefix; valid until fini */
    char *copy;         /* private: NULL where there is no prefix */
};

/* A topic may have 65,535 bytes, those of the prefix among them. [MQTT5-4.7.3-3] [MQTT311-4.7.3-3]
 */
bool nj_mount_fits(const char *prefix, struct nj_str topic);
/* A topic name, or a filter: the filter of `$share/NAME/FILTER` gets the prefix, not the whole.
 * `prefix` may be NULL. False without memory. */
bool nj_mount(struct nj_mounted *out, const char *prefix, struct nj_str topic);
void nj_mounted_fini(struct nj_mounted *m);

/* As the client sees it. */
struct nj_str nj_unmount(const char *prefix, struct nj_str topic);

#endif
