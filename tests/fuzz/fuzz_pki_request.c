/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what `pki sign` and `pki inspect` are given: a request is read as if its signature
 * were good, whatever it is, and anything is printed and judged. */
#include "base/assert.h"
#include "base/mem.h"
#include "pki/file.h"
#include "pki/inspect.h"
#include "pki/profile_priv.h"
#include "pki/request_priv.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* What is granted can be written, and is what may be granted. */
static void
check(const struct nj_request *asked, const struct nj_issue *wish)
{
    GENERAL_NAMES *list = NULL;

    NJ_ASSERT(asked->kind == NJ_ISSUE_SERVER || asked->kind == NJ_ISSUE_CLIENT);
    NJ_ASSERT(asked->kind == NJ_ISSUE_CLIENT || asked->names.count > 0);
    NJ_ASSERT(X509_NAME_entry_count(asked->subject) > 0 || asked->names.count > 0);
    NJ_ASSERT(nj_names_check_text(nj_str_of(asked->common_name), "it", NULL) == NJ_OK);
    for (unsigned i = 0; i < asked->names.count; i++)
        NJ_ASSERT(wish->allows_wildcard || strchr(asked->names.at[i], '*') == NULL);
    NJ_ASSERT(nj_profile_general_names(&list, &asked->names, NULL) == NJ_OK);
    GENERAL_NAMES_free(list);
}

static void
sign(X509_REQ *request)
{
    static const struct nj_issue wishes[] = {
        {.kind = NJ_ISSUE_AS_ASKED},
        {.kind = NJ_ISSUE_CLIENT},
        {.kind = NJ_ISSUE_SERVER, .allows_wildcard = true},
    };

    (void)!nj_request_verify(request, "x", NULL);
    for (size_t i = 0; i < NJ_COUNT_OF(wishes); i++) {
        struct nj_diag diag = {0};
        struct nj_request asked;
        enum nj_err err = nj_request_read(&asked, request, &wishes[i], &diag);

        NJ_ASSERT((err == NJ_OK) == (diag.text[0] == '\0'));
        if (err == NJ_OK)
            check(&asked, &wishes[i]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static FILE *nowhere;
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_ANY, .is_der_good = true};
    uint64_t before = nj_mem_used();
    struct nj_pki_file file;

    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "we");
    NJ_ASSERT(nowhere != NULL);
    if (nj_pki_file_parse(&file, "x", (struct nj_str){(const char *)data, bytes}, &opts, NULL) ==
        NJ_OK) {
        bool is_good;

        (void)!nj_inspect_file(&file, "/nowhere", "broker.example", nowhere, &is_good, NULL);
        if (file.request != NULL)
            sign(file.request);
    }
    nj_pki_file_fini(&file);
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
