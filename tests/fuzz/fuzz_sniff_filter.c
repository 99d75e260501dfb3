/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a display filter: up to the first NUL the expression, behind it bytes of a frame in
 * which its values are looked for. */
#include "base/assert.h"
#include "base/mem.h"
#include "sniff/filter/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A field of each type, twice those that may have two values. */
static void
make_tree(struct nj_tree *t, struct nj_str bytes)
{
    static const char zeros[16];
    struct nj_str part = {bytes.p, NJ_MIN(bytes.n, 200)};
    uint64_t number = part.n > 0 ? (uint8_t)part.p[0] : 0;

    nj_tree_bytes(t, NJ_FIELD_FRAME, part);
    nj_tree_number(t, NJ_FIELD_FRAME_TIME_RELATIVE, number - 100, part);
    nj_tree_bytes(t, NJ_FIELD_ETH_SRC, (struct nj_str){zeros, 6});
    nj_tree_bytes(t, NJ_FIELD_IP_SRC, (struct nj_str){zeros, 4});
    nj_tree_bytes(t, NJ_FIELD_IPV6_SRC, (struct nj_str){zeros, 16});
    nj_tree_number(t, NJ_FIELD_MQTT_HDRFLAGS, number, part);
    nj_tree_number(t, NJ_FIELD_MQTT_QOS, number, part);
    nj_tree_number(t, NJ_FIELD_MQTT_QOS, 1, part);
    nj_tree_bytes(t, NJ_FIELD_MQTT_PROPERTIES, part);
    nj_tree_bytes(t, NJ_FIELD_MQTT_TOPIC, part);
    nj_tree_bytes(t, NJ_FIELD_MQTT_TOPIC, NJ_STR("a/b"));
    nj_tree_bytes(t, NJ_FIELD_MQTT_MSG, part);
    nj_tree_bytes(t, NJ_FIELD_MQTT_MSG, (struct nj_str){NULL, 0});
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct nj_str all = {(const char *)data, bytes};
    const char *nul = bytes > 0 ? memchr(data, '\0', bytes) : NULL;
    struct nj_str text = {all.p, nul != NULL ? (size_t)(nul - all.p) : bytes};
    uint64_t before = nj_mem_used();
    struct nj_dissected d = {0};
    struct nj_diag diag = {0};
    struct nj_dfilter *f;

    d.frame.bytes = nj_str_from(all, text.n);
    make_tree(&d.tree, d.frame.bytes);
    if (nj_dfilter_new(&f, text, &diag) == NJ_OK) {
        (void)nj_dfilter_passes(f, &d);
        nj_dfilter_free(f);
    } else {
        NJ_ASSERT(diag.text[0] != '\0');
    }
    nj_tree_fini(&d.tree);
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
