/* SPDX-License-Identifier: Apache-2.0 */
#include "server/mount.h"

#include "base/mem.h"
#include "mqtt/topic.h"

bool
nj_mount_fits(const char *prefix, struct nj_str topic)
{
    return topic.n + (prefix != NULL ? strlen(prefix) : 0) <= UINT16_MAX;
}

bool
nj_mount(struct nj_mounted *out, const char *prefix, struct nj_str topic)
{
    size_t prefix_n = prefix != NULL ? strlen(prefix) : 0, before = 0;
    struct nj_filter parsed;

    *out = (struct nj_mounted){.text = topic};
    if (prefix_n == 0)
        return true;
    if (nj_str_starts(topic, NJ_STR("$share/")) && nj_filter_parse(topic, &parsed))
        before = (size_t)(parsed.filter.p - topic.p);
    out->copy = nj_alloc(topic.n + prefix_n);
    if (out->copy == NULL)
        return false;
    memcpy(out->copy, topic.p, before);
    memcpy(out->copy + before, prefix, prefix_n);
    memcpy(out->copy + before + prefix_n, topic.p + before, topic.n - before);
    out->text = (struct nj_str){out->copy, topic.n + prefix_n};
    return true;
}

void
nj_mounted_fini(struct nj_mounted *m)
{
    nj_free(m->copy);
    m->copy = NULL;
}

struct nj_str
nj_unmount(const char *prefix, struct nj_str topic)
{
    struct nj_str p = nj_str_of(prefix);

    return nj_str_starts(topic, p) ? nj_str_from(topic, p.n) : topic;
}
