/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file of certificates and keys: read or refused, nothing kept. */
#include "base/assert.h"
#include "base/mem.h"
#include "pki/file.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const unsigned wanted[] = {NJ_PKI_CERTIFICATE, NJ_PKI_KEY, NJ_PKI_REQUEST, NJ_PKI_CRL};
    uint64_t before = nj_mem_used();

    for (size_t i = 0; i < NJ_COUNT_OF(wanted); i++) {
        struct nj_pki_file_opts opts = {.wanted = wanted[i], .is_der_good = i % 2 == 0};
        struct nj_diag diag = {0};
        struct nj_pki_file file;
        enum nj_err err =
            nj_pki_file_parse(&file, "x", (struct nj_str){(const char *)data, bytes}, &opts, &diag);

        NJ_ASSERT((err == NJ_OK) == (file.fault == NJ_FILE_GOOD));
        NJ_ASSERT((err == NJ_OK) == (diag.text[0] == '\0'));
        NJ_ASSERT(err != NJ_OK || (file.holds & wanted[i]) != 0);
        nj_pki_file_fini(&file);
    }
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
