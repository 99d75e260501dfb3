/* SPDX-License-Identifier: Apache-2.0 */
/* judge_side_priv.h — one end of a connection, with its files read. */
#ifndef NJ_PKI_JUDGE_SIDE_PRIV_H
#define NJ_PKI_JUDGE_SIDE_PRIV_H

#include "pki/judge_priv.h"

struct nj_judge_side {
    enum nj_end end;
    const struct nj_judge_end *given;
    const char *host; /* by which the broker is reached; NULL */
    struct nj_pki_file certificate, key, ca, crl;
    bool has_certificate, has_key, has_ca, has_crl;
    bool is_out_of_order; /* the first certificate is not its own */
};

/* judge_given.c: read the files; what is wrong with them is added. Close also what was not read. */
void nj_judge_side_read(struct nj_findings *out, struct nj_judge_side *s);
void nj_judge_side_close(struct nj_judge_side *s);
/* The finding is about this file. */
void nj_judge_place(struct nj_finding *f, const char *path);
/* What mends it is a new certificate in the place of this end's. */
void nj_judge_side_reissue(struct nj_finding *f, const struct nj_judge_side *s);

/* judge_side.c: read, and judge what is there. */
void nj_judge_side_alone(struct nj_findings *out, struct nj_judge_side *s);
/* Where nobody knows what the other end trusts: an intermediate that is at hand, and not sent. */
void nj_judge_side_chain(struct nj_findings *out, const struct nj_judge_side *s);
/* And a CA of its own chain that allows no such chain. */
void nj_judge_side_path(struct nj_findings *out, const struct nj_judge_side *s);

#endif
