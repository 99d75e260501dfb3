/* SPDX-License-Identifier: Apache-2.0 */
#include "server/properties.h"

#include "base/mem.h"

#define OURS                                                                                       \
    (UINT64_C(1) << NJ_PROPERTY_TOPIC_ALIAS | UINT64_C(1) << NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL | \
     UINT64_C(1) << NJ_PROPERTY_WILL_DELAY_INTERVAL)

bool
nj_passed_on_make(struct nj_passed_on *out, const struct nj_properties *p)
{
    struct nj_reader r = nj_reader_of(p->block);
    struct nj_property_view view;
    struct nj_writer w;

    *out = (struct nj_passed_on){.block = p->block};
    if ((p->present & OURS) == 0)
        return true;
    out->copy = nj_alloc(p->block.n);
    if (out->copy == NULL)
        return false;
    w = nj_writer_of(out->copy, p->block.n);
    while (nj_property_next(&r, &view))
        if ((UINT64_C(1) << view.id & OURS) == 0)
            nj_write_bytes(&w, view.bytes);
    out->block = (struct nj_str){(const char *)out->copy, (size_t)(w.p - out->copy)};
    return true;
}

void
nj_passed_on_fini(struct nj_passed_on *p)
{
    nj_free(p->copy);
    p->copy = NULL;
}
