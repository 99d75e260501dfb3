/* SPDX-License-Identifier: Apache-2.0 */
/* names.h — by which names and addresses the owner of a certificate may be called: what becomes its
 * subjectAltName. And which names may become a folder's.
 *
 * A name is kept as OpenSSL writes it: "DNS:broker.example", "IP:192.168.56.101", "URI:…",
 * "email:…". No duplicates, at most NJ_NAMES_MAX.
 * Thread: any, each its own. */
#ifndef NJ_PKI_NAMES_H
#define NJ_PKI_NAMES_H

#include "base/err.h"
#include "base/str.h"

#define NJ_NAMES_MAX 64
#define NJ_NAME_SIZE 264 /* kind, 253 letters, NUL */

struct nj_names {
    unsigned count;
    char at[NJ_NAMES_MAX][NJ_NAME_SIZE];
};

/* One name, or several between commas; without its kind, an address is an IP and all else a DNS
 * name. An address as a DNS name is refused: clients that go by the standard would not find it.
 * Errors: NJ_EINVAL, NJ_EQUOTA, said in diag; those before the faulty one stay. */
NJ_NODISCARD enum nj_err nj_names_add(struct nj_names *names, struct nj_str list,
                                      struct nj_diag *diag);
/* What this machine answers to: its host name, alone, as "….local" and with its domain, localhost,
 * and the addresses of all its interfaces, but for those that need a zone (fe80::). May ask the
 * resolver, and wait for it. What does not fit is left out. */
void nj_names_add_machine(struct nj_names *names);
/* "DNS:a, IP:b", cut if too long. */
void nj_names_print(const struct nj_names *names, char *out, size_t bytes);

/* Is it UTF-8, and does it show as what it is? Refused are control characters, and those that
 * cannot be seen or turn the direction of what follows (U+202E shows "nimda" as "admin"); not
 * letters that look like others. `of`: whose text it is, for the message. Errors: NJ_EINVAL, said
 * in diag. */
NJ_NODISCARD enum nj_err nj_names_check_text(struct nj_str text, const char *of,
                                             struct nj_diag *diag);
/* May `name` be the common name in a certificate, a folder's name, a user name of MQTT, and a word
 * in a shell, all at once? UTF-8, 1 to 64 bytes; of ASCII only letters, digits and . _ - @ : = ,
 * and neither . nor - at the beginning. Errors: NJ_EINVAL, said in diag. */
NJ_NODISCARD enum nj_err nj_names_check_folder(const char *name, struct nj_diag *diag);
/* `text`, with a - for each of its characters that no such name may have. False: `out` is none even
 * so. */
bool nj_names_as_folder(const char *text, char *out, size_t room);

#endif
