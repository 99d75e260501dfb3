/* SPDX-License-Identifier: Apache-2.0 */
/* psk_file.h — pre-shared keys: lines `identity:key`, the key in hex, read as secret_file.h says.
 */
#ifndef NJ_NET_PSK_FILE_H
#define NJ_NET_PSK_FILE_H

#include "base/err.h"
#include "base/str.h"

/* OpenSSL's, in bytes. */
#define NJ_PSK_KEY_MAX      512
#define NJ_PSK_IDENTITY_MAX 256

struct nj_psk_file;

/* Blocks for the file. Errors, told in diag: NJ_ESYS it cannot be read; NJ_ECONFIG a mistake, with
 * file and line; NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_psk_file_load(struct nj_psk_file **out, const char *path,
                                          struct nj_diag *diag);
/* NULL is accepted. */
void nj_psk_file_free(struct nj_psk_file *file);

/* Any thread. The bytes of the key, written to `key`, to be wiped by the caller; 0: the identity is
 * not known. */
size_t nj_psk_file_find(const struct nj_psk_file *file, struct nj_str identity,
                        uint8_t key[NJ_PSK_KEY_MAX]);
/* All that stands in it, to tell one from another; lent. */
struct nj_str nj_psk_file_text(const struct nj_psk_file *file);

/* Hex into bytes. How many there are; 0: that is no key. */
size_t nj_psk_read(struct nj_str hex, uint8_t key[NJ_PSK_KEY_MAX]);

#endif
