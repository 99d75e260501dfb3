/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/parcel.h"

bool
nj_parcel_set_identifiers(struct nj_parcel *p, const uint32_t *identifiers, uint32_t count)
{
    p->identifier_count = (uint16_t)NJ_MIN(count, UINT16_MAX);
    if (count <= 1) {
        p->identifier = count == 1 ? identifiers[0] : 0;
        return true;
    }
    p->identifiers = nj_alloc_array(p->identifier_count, sizeof(*identifiers));
    if (p->identifiers == NULL)
        return false;
    memcpy(p->identifiers, identifiers, p->identifier_count * sizeof(*identifiers));
    return true;
}

void
nj_parcel_fini(struct nj_parcel *p)
{
    nj_msg_unref(p->msg);
    p->msg = NULL;
    if (p->identifier_count > 1)
        nj_free(p->identifiers);
    p->identifier_count = 0;
}
