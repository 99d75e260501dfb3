/* SPDX-License-Identifier: Apache-2.0 */
/* errors.c — the words for what can go wrong. */
#include "mqtt/reason.h"

#include <nightjar/client.h>

const char *
nj_client_error_text(enum nj_client_err err)
{
    switch (err) {
    case NJ_CLIENT_OK:
        return "no error";
    case NJ_CLIENT_ENOMEM:
        return "out of memory";
    case NJ_CLIENT_EINVAL:
        return "invalid argument";
    case NJ_CLIENT_ENOTCONN:
        return "not connected";
    case NJ_CLIENT_EFULL:
        return "no room now";
    case NJ_CLIENT_ETIMEOUT:
        return "timed out";
    case NJ_CLIENT_ELOOKUP:
        return "the host's name has no address";
    case NJ_CLIENT_ESYS:
        return "a system call failed";
    case NJ_CLIENT_EREFUSED:
        return "the broker refused the connection";
    case NJ_CLIENT_ELOST:
        return "the connection was lost";
    case NJ_CLIENT_EDISCONNECTED:
        return "the broker ended the connection";
    case NJ_CLIENT_EKEEPALIVE:
        return "the broker does not answer";
    case NJ_CLIENT_EPROTOCOL:
        return "the broker broke a rule of the protocol";
    case NJ_CLIENT_EMALFORMED:
        return "the broker sent a malformed packet";
    case NJ_CLIENT_ETOOLARGE:
        return "packet too large";
    case NJ_CLIENT_EQOS:
        return "the broker does not support this QoS";
    case NJ_CLIENT_ERETAIN:
        return "the broker does not support retained messages";
    case NJ_CLIENT_EWILDCARD:
        return "the broker does not support wildcards in subscriptions";
    case NJ_CLIENT_ESHARED:
        return "the broker does not support shared subscriptions";
    case NJ_CLIENT_EIDENTIFIER:
        return "the broker does not support subscription identifiers";
    case NJ_CLIENT_EAUTH:
        return "the authentication exchange failed";
    case NJ_CLIENT_EUNSUPPORTED:
        return "not supported by this version of the protocol";
    case NJ_CLIENT_ETLS:
        return "TLS failed";
    case NJ_CLIENT_EWANTSTLS:
        return "the broker's port speaks TLS, and the client none";
    case NJ_CLIENT_ETLSFILES:
        return "the files for TLS are of no use";
    }
    return "unknown error";
}

const char *
nj_client_reason_text(unsigned reason)
{
    return nj_reason_text(reason);
}
