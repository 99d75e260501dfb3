/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/passed_on.h"

#include "base/mem.h"

bool
nj_passed_on_copy(struct nj_passed_on *out, const struct nj_properties *p)
{
    struct nj_reader r = nj_reader_of(p->block);
    struct nj_property_view view;
    struct nj_writer w;

    *out = (struct nj_passed_on){0};
    out->copy = nj_alloc(p->block.n);
    if (out->copy == NULL)
        return false;
    w = nj_writer_of(out->copy, p->block.n);
    while (nj_property_next(&r, &view))
        if ((UINT64_C(1) << view.id & NJ_PROPERTIES_NOT_PASSED_ON) == 0)
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
