/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/tls_priv.h"

const char *
nj_tls_version_words(unsigned version)
{
    switch (version) {
    case 0x0300:
        return "SSLv3";
    case 0x0301:
        return "TLSv1";
    case 0x0302:
        return "TLSv1.1";
    case NJ_TLS_1_2:
        return "TLSv1.2";
    case NJ_TLS_1_3:
        return "TLSv1.3";
    default:
        return NULL;
    }
}

static const char *
word_of(const char *const *table, size_t count, unsigned number)
{
    return number < count ? table[number] : NULL;
}

const char *
nj_tls_message_words(unsigned type)
{
    static const char *const words[] = {
        [0] = "Hello Request",
        [NJ_TLS_CLIENT_HELLO] = "Client Hello",
        [NJ_TLS_SERVER_HELLO] = "Server Hello",
        [3] = "Hello Verify Request",
        [NJ_TLS_NEW_SESSION_TICKET] = "New Session Ticket",
        [5] = "End of Early Data",
        [6] = "Hello Retry Request",
        [NJ_TLS_ENCRYPTED_EXTENSIONS] = "Encrypted Extensions",
        [NJ_TLS_CERTIFICATE] = "Certificate",
        [NJ_TLS_SERVER_KEY_EXCHANGE] = "Server Key Exchange",
        [NJ_TLS_CERTIFICATE_REQUEST] = "Certificate Request",
        [14] = "Server Hello Done",
        [NJ_TLS_CERTIFICATE_VERIFY] = "Certificate Verify",
        [NJ_TLS_CLIENT_KEY_EXCHANGE] = "Client Key Exchange",
        [NJ_TLS_FINISHED] = "Finished",
        [21] = "Client Certificate URL",
        [22] = "Certificate Status",
        [23] = "Supplemental Data",
        [NJ_TLS_KEY_UPDATE] = "Key Update",
        [25] = "Compressed Certificate",
    };

    return word_of(words, NJ_COUNT_OF(words), type);
}

const char *
nj_tls_level_words(unsigned level)
{
    static const char *const words[] = {[1] = "Warning", [2] = "Fatal"};

    return word_of(words, NJ_COUNT_OF(words), level);
}

const char *
nj_tls_alert_words(unsigned description)
{
    static const char *const words[] = {
        [0] = "Close Notify",
        [1] = "End of Early Data",
        [10] = "Unexpected Message",
        [20] = "Bad Record MAC",
        [21] = "Decryption Failed",
        [22] = "Record Overflow",
        [30] = "Decompression Failure",
        [40] = "Handshake Failure",
        [41] = "No Certificate",
        [42] = "Bad Certificate",
        [43] = "Unsupported Certificate",
        [44] = "Certificate Revoked",
        [45] = "Certificate Expired",
        [46] = "Certificate Unknown",
        [47] = "Illegal Parameter",
        [48] = "Unknown CA",
        [49] = "Access Denied",
        [50] = "Decode Error",
        [51] = "Decrypt Error",
        [60] = "Export Restriction",
        [70] = "Protocol Version",
        [71] = "Insufficient Security",
        [80] = "Internal Error",
        [86] = "Inappropriate Fallback",
        [90] = "User Canceled",
        [100] = "No Renegotiation",
        [109] = "Missing Extension",
        [110] = "Unsupported Extension",
        [111] = "Certificate Unobtainable",
        [112] = "Unrecognized Name",
        [113] = "Bad Certificate Status Response",
        [114] = "Bad Certificate Hash Value",
        [115] = "Unknown PSK Identity",
        [116] = "Certificate Required",
        [120] = "No application Protocol",
        [121] = "ECH Required",
    };

    return word_of(words, NJ_COUNT_OF(words), description);
}

const char *
nj_tls_alert_cause(unsigned description)
{
    static const char *const words[] = {
#define NJ_TLS_CAUSE(description_, english, french) [description_] = (english),
#include "sniff/payload/tls_cause.def"
#undef NJ_TLS_CAUSE
    };

    return word_of(words, NJ_COUNT_OF(words), description);
}
