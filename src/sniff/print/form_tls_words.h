/* SPDX-License-Identifier: Apache-2.0 */
/* form_tls_words.h — names for the numbers of TLS; NULL for those that have none here. */
#ifndef NJ_SNIFF_FORM_TLS_WORDS_H
#define NJ_SNIFF_FORM_TLS_WORDS_H

#include <stdint.h>

const char *nj_tls_suite_name(uint64_t number);
const char *nj_tls_extension_name(uint64_t number);
const char *nj_tls_group_name(uint64_t number);
const char *nj_tls_signature_name(uint64_t number);
const char *nj_tls_certificate_type_name(uint64_t number);

#endif
