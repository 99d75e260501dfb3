/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a hex dump: its frames, through all layers and out again as the tree and as a dump.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sniff/capture/capture_hex.h"
#include "sniff/print/print.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static FILE *nowhere;
    uint64_t before = nj_mem_used();
    struct nj_text line = {0};
    struct nj_diag diag = {0};
    enum nj_capture_next next;
    struct nj_captured frame;
    struct nj_dissector *d;
    struct nj_hex *hex;
    FILE *in;

    if (bytes == 0)
        return 0;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "we");
    nj_hash_key_set(1, 2);
    in = fmemopen((void *)(uintptr_t)data, bytes, "rb");
    NJ_ASSERT(in != NULL && nowhere != NULL);
    NJ_ASSERT(nj_hex_new(&hex, in) == NJ_OK && nj_dissector_new(&d) == NJ_OK);
    while ((next = nj_hex_next(hex, &frame, &diag)) == NJ_CAPTURE_FRAME) {
        NJ_ASSERT(frame.bytes.n > 0 && frame.bytes.n <= NJ_CAPTURE_FRAME_MAX);
        nj_print_tree(nowhere, nj_dissector_read(d, &frame), true, &line);
        nj_print_hex(nowhere, frame.bytes);
    }
    NJ_ASSERT((next == NJ_CAPTURE_FAULT) == (diag.text[0] != '\0'));
    nj_text_fini(&line);
    nj_dissector_free(d);
    nj_hex_free(hex);
    (void)fclose(in);
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
