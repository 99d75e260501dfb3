/* SPDX-License-Identifier: Apache-2.0 */
/* What a client claims in its ClientHello, read beside OpenSSL: on the strength of the four bytes
 * that a message begins with, that allocates all they claim, up to 128 KiB, and keeps it until the
 * rest has come or the client is cut off. Later messages of strangers have limits of their own.
 *
 *     record:  type, version, version, length, length, ► body of so many bytes
 *     message:            spread over bodies:  type, length, length, length, ► so many bytes
 *
 * A client of TLS 1.3 may be asked for a second one, in the clear as the first; what it sends then
 * is encrypted, and of another type. */
#include "net/tls_priv.h"

enum {
    HEAD_OF_RECORD = 5,
    HEAD_OF_MESSAGE = 4,
    CHANGE_CIPHER_SPEC = 20, /* to please middleboxes, between two hellos */
    HANDSHAKE = 22,
    CLIENT_HELLO = 1,
};

/* One byte of a message. False: it claims too much. */
static bool
take_message(struct nj_tls_hello *h, uint8_t byte)
{
    if (h->message_n == HEAD_OF_MESSAGE) {
        h->claimed--;
    } else if (h->message_n++ == 0) {
        h->is_over = byte != CLIENT_HELLO;
        h->claimed = 0;
        return true;
    } else {
        h->claimed = h->claimed << 8 | byte;
    }
    if (h->message_n < HEAD_OF_MESSAGE)
        return true;
    if (h->claimed > NJ_TLS_HELLO_MAX)
        return false;
    if (h->claimed == 0) {
        h->message_n = 0;
        h->has_come = true;
    }
    return true;
}

static void
take_record_head(struct nj_tls_hello *h, uint8_t byte)
{
    if (h->record_n == 0) {
        h->type = byte;
        h->is_over = byte != HANDSHAKE && byte != CHANGE_CIPHER_SPEC;
    }
    h->body = (uint16_t)(h->body << 8 | byte); /* at last the length */
    h->record_n++;
    if (h->record_n == HEAD_OF_RECORD && h->body == 0)
        h->record_n = 0;
}

bool
nj_tls_hello_take(struct nj_tls_hello *h, const SSL *ssl, const uint8_t *bytes, size_t n)
{
    if (h->has_come && h->record_n == 0 && SSL_version(ssl) != TLS1_3_VERSION)
        h->is_over = true;
    for (size_t i = 0; i < n && !h->is_over; i++) {
        if (h->record_n < HEAD_OF_RECORD) {
            take_record_head(h, bytes[i]);
            continue;
        }
        if (h->type == HANDSHAKE && !take_message(h, bytes[i]))
            return false;
        if (--h->body == 0)
            h->record_n = 0;
    }
    return true;
}
