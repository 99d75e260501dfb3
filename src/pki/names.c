/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/asn1.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_MAX        253
#define LABEL_MAX      63
#define NAME_MAX_BYTES 64

/* --- one name --- */

static enum nj_err
add_kind(struct nj_names *names, const char *kind, const char *text, struct nj_diag *diag)
{
    char name[NJ_NAME_SIZE];

    if ((size_t)snprintf(name, sizeof(name), "%s:%s", kind, text) >= sizeof(name))
        return nj_diag_fail(diag, NJ_EINVAL, "the name '%.64s…' is too long", text);
    for (unsigned i = 0; i < names->count; i++) {
        if (strcasecmp(names->at[i], name) == 0)
            return NJ_OK;
    }
    if (names->count == NJ_NAMES_MAX)
        return nj_diag_fail(diag, NJ_EQUOTA, "more than %d names in one certificate", NJ_NAMES_MAX);
    memcpy(names->at[names->count++], name, sizeof(name));
    return NJ_OK;
}

/* In the one way of writing it that inet_ntop has; false: it is no address. */
static bool
read_address(const char *text, char out[INET6_ADDRSTRLEN])
{
    unsigned char bytes[sizeof(struct in6_addr)];
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

    return inet_pton(family, text, bytes) == 1 &&
           inet_ntop(family, bytes, out, INET6_ADDRSTRLEN) != NULL;
}

static enum nj_err
add_address(struct nj_names *names, const char *text, struct nj_diag *diag)
{
    char address[INET6_ADDRSTRLEN];

    if (!read_address(text, address))
        return nj_diag_fail(diag, NJ_EINVAL, "'%s' is no IP address", text);
    return add_kind(names, "IP", address, diag);
}

/* Labels of letters, digits, '-' and '_'; a star only for the whole first one. */
static bool
is_dns_name(const char *text)
{
    if (text[0] == '*' && text[1] == '.')
        text += 2;
    if (*text == '\0' || strlen(text) > DNS_MAX)
        return false;
    for (;;) {
        size_t n = strcspn(text, ".");

        if (n == 0 || n > LABEL_MAX || text[0] == '-' || text[n - 1] == '-')
            return false;
        for (size_t i = 0; i < n; i++) {
            if (!isascii(text[i]) ||
                (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_'))
                return false;
        }
        if (text[n] == '\0')
            return true;
        text += n + 1;
    }
}

static enum nj_err
add_dns(struct nj_names *names, const char *text, struct nj_diag *diag)
{
    char address[INET6_ADDRSTRLEN];

    if (read_address(text, address)) {
        nj_diag_hint(diag, "Write IP:%s.", address);
        return nj_diag_fail(diag, NJ_EINVAL,
                            "'DNS:%s' is an address written as a DNS name, which strict clients "
                            "do not accept",
                            text);
    }
    if (!is_dns_name(text)) {
        nj_diag_hint(diag, "Letters, digits, - and _ between dots; a name in another script is "
                           "written in its xn-- form.");
        return nj_diag_fail(diag, NJ_EINVAL, "'%s' is neither a host name nor an address", text);
    }
    return add_kind(names, "DNS", text, diag);
}

static enum nj_err
add_text(struct nj_names *names, const char *kind, const char *text, struct nj_diag *diag)
{
    for (const char *p = text; *p != '\0' || p == text; p++) {
        if (!isascii(*p) || !isgraph((unsigned char)*p))
            return nj_diag_fail(diag, NJ_EINVAL, "'%s:%s' is empty, or more than ASCII", kind,
                                text);
    }
    return add_kind(names, kind, text, diag);
}

static enum nj_err
add_one(struct nj_names *names, const char *text, struct nj_diag *diag)
{
    char address[INET6_ADDRSTRLEN];

    if (strncasecmp(text, "DNS:", 4) == 0)
        return add_dns(names, text + 4, diag);
    if (strncasecmp(text, "IP:", 3) == 0)
        return add_address(names, text + 3, diag);
    if (strncasecmp(text, "URI:", 4) == 0)
        return add_text(names, "URI", text + 4, diag);
    if (strncasecmp(text, "email:", 6) == 0)
        return add_text(names, "email", text + 6, diag);
    return read_address(text, address) ? add_kind(names, "IP", address, diag)
                                       : add_dns(names, text, diag);
}

/* --- lists --- */

enum nj_err
nj_names_add(struct nj_names *names, struct nj_str list, struct nj_diag *diag)
{
    size_t at = 0;

    do {
        char text[NJ_NAME_SIZE];
        const char *comma = memchr(list.p + at, ',', list.n - at);
        size_t n = comma != NULL ? (size_t)(comma - list.p) - at : list.n - at;
        enum nj_err err;

        if (n >= sizeof(text) || memchr(list.p + at, '\0', n) != NULL)
            return nj_diag_fail(diag, NJ_EINVAL, "the name '%.*s…' is too long, or has a NUL in it",
                                (int)NJ_MIN(n, 64), list.p + at);
        memcpy(text, list.p + at, n);
        text[n] = '\0';
        err = add_one(names, text, diag);
        if (err != NJ_OK)
            return err;
        at += n + 1;
    } while (at <= list.n);
    return NJ_OK;
}

static void
add_host_names(struct nj_names *names)
{
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_family = AF_UNSPEC};
    struct addrinfo *found;
    char host[DNS_MAX + 1 + sizeof(".local")];

    if (gethostname(host, DNS_MAX) != 0)
        return;
    host[DNS_MAX] = '\0';
    (void)add_dns(names, host, NULL);
    if (getaddrinfo(host, NULL, &hints, &found) == 0) {
        if (found->ai_canonname != NULL)
            (void)add_dns(names, found->ai_canonname, NULL);
        freeaddrinfo(found);
    }
    if (strchr(host, '.') == NULL) {
        memcpy(host + strlen(host), ".local", sizeof(".local"));
        (void)add_dns(names, host, NULL);
    }
}

static void
add_interface(struct nj_names *names, const struct ifaddrs *i)
{
    char text[INET6_ADDRSTRLEN];

    if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0)
        return;
    if (i->ifa_addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)i->ifa_addr;

        if (inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)) != NULL)
            (void)add_kind(names, "IP", text, NULL);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;

        if (!IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
            inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)) != NULL)
            (void)add_kind(names, "IP", text, NULL);
    }
}

void
nj_names_add_machine(struct nj_names *names)
{
    struct ifaddrs *interfaces;

    add_host_names(names);
    (void)add_kind(names, "DNS", "localhost", NULL);
    (void)add_kind(names, "IP", "127.0.0.1", NULL);
    (void)add_kind(names, "IP", "::1", NULL);
    if (getifaddrs(&interfaces) != 0)
        return;
    for (const struct ifaddrs *i = interfaces; i != NULL; i = i->ifa_next)
        add_interface(names, i);
    freeifaddrs(interfaces);
}

void
nj_names_print(const struct nj_names *names, char *out, size_t bytes)
{
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < names->count && at < bytes; i++)
        at += (size_t)snprintf(out + at, bytes - at, "%s%s", i > 0 ? ", " : "", names->at[i]);
}

/* --- what is seen --- */

/* The control characters, and of Unicode's those of the class Cf, the blanks besides U+0020, what
 * is drawn as nothing, and what is no character. */
static const struct {
    unsigned long first, last;
    const char *what;
} unseen[] = {
    {0x0000, 0x001f, "a control character"},
    {0x007f, 0x009f, "a control character"},
    {0x00a0, 0x00a0, "a blank that is none"},
    {0x00ad, 0x00ad, "which cannot be seen"},
    {0x034f, 0x034f, "which cannot be seen"},
    {0x0600, 0x0605, "which cannot be seen"},
    {0x061c, 0x061c, "which turns the direction of what follows"},
    {0x06dd, 0x06dd, "which cannot be seen"},
    {0x070f, 0x070f, "which cannot be seen"},
    {0x115f, 0x1160, "which cannot be seen"},
    {0x1680, 0x1680, "a blank that is none"},
    {0x17b4, 0x17b5, "which cannot be seen"},
    {0x180b, 0x180f, "which cannot be seen"},
    {0x2000, 0x200a, "a blank that is none"},
    {0x200b, 0x200d, "which cannot be seen"},
    {0x200e, 0x200f, "which turns the direction of what follows"},
    {0x2028, 0x2029, "which ends a line"},
    {0x202a, 0x202e, "which turns the direction of what follows"},
    {0x202f, 0x202f, "a blank that is none"},
    {0x205f, 0x205f, "a blank that is none"},
    {0x2060, 0x2065, "which cannot be seen"},
    {0x2066, 0x2069, "which turns the direction of what follows"},
    {0x206a, 0x206f, "which cannot be seen"},
    {0x2800, 0x2800, "a blank that is none"},
    {0x3000, 0x3000, "a blank that is none"},
    {0x3164, 0x3164, "which cannot be seen"},
    {0xd800, 0xdfff, "which is no character"},
    {0xfdd0, 0xfdef, "which is no character"},
    {0xfe00, 0xfe0f, "which cannot be seen"},
    {0xfeff, 0xfeff, "which cannot be seen"},
    {0xffa0, 0xffa0, "which cannot be seen"},
    {0xfff0, 0xffff, "which is no character"},
    {0x110bd, 0x110bd, "which cannot be seen"},
    {0x110cd, 0x110cd, "which cannot be seen"},
    {0x13430, 0x1343f, "which cannot be seen"},
    {0x1bca0, 0x1bca3, "which cannot be seen"},
    {0x1d173, 0x1d17a, "which cannot be seen"},
    {0xe0000, 0xe0fff, "which cannot be seen"},
    {0x110000, ULONG_MAX, "which is no character"},
};

/* NULL: it is seen as what it is. */
static const char *
fault_of_rune(unsigned long rune)
{
    for (size_t i = 0; i < NJ_COUNT_OF(unseen); i++) {
        if (rune >= unseen[i].first && rune <= unseen[i].last)
            return unseen[i].what;
    }
    return (rune & 0xfffe) == 0xfffe ? "which is no character" : NULL;
}

enum nj_err
nj_names_check_text(struct nj_str text, const char *of, struct nj_diag *diag)
{
    while (text.n > 0) {
        unsigned long rune;
        int n = UTF8_getc((const unsigned char *)text.p, (int)NJ_MIN(text.n, 8), &rune);
        const char *fault;

        if (n <= 0)
            return nj_diag_fail(diag, NJ_EINVAL, "%s is not UTF-8", of);
        fault = fault_of_rune(rune);
        if (fault != NULL)
            return nj_diag_fail(diag, NJ_EINVAL, "%s has U+%04lX in it, %s", of, rune, fault);
        text = nj_str_from(text, (size_t)n);
    }
    return NJ_OK;
}

/* --- folders --- */

/* What is wrong with a character that is seen; NULL: nothing. */
static const char *
fault_of_character(char c)
{
    if (c == '+' || c == '#' || c == '/')
        return "means something in a topic or a path";
    if (!isascii(c) || isalnum((unsigned char)c) || strchr("._-@:=,", c) != NULL)
        return NULL;
    return c == ' ' ? "is a blank" : "means something to a shell";
}

enum nj_err
nj_names_check_folder(const char *name, struct nj_diag *diag)
{
    static const char hint[] = "Letters, digits and . _ - @ : = , make a name that is safe "
                               "everywhere.";
    struct nj_str text = nj_str_of(name);
    enum nj_err err = nj_names_check_text(text, "the name", diag);

    if (err == NJ_OK && (text.n == 0 || text.n > NAME_MAX_BYTES))
        err = nj_diag_fail(diag, NJ_EINVAL, "the name '%.70s' is %s", name,
                           text.n == 0 ? "empty" : "longer than the 64 bytes of a common name");
    if (err == NJ_OK && (*name == '.' || *name == '-'))
        err = nj_diag_fail(diag, NJ_EINVAL,
                           "the name '%s' begins with '%c': a folder of that name would be hidden, "
                           "or taken for an option",
                           name, *name);
    for (size_t i = 0; err == NJ_OK && i < text.n; i++) {
        const char *fault = fault_of_character(name[i]);

        if (fault != NULL)
            err = nj_diag_fail(diag, NJ_EINVAL, "the name '%s' cannot be used: '%c' %s", name,
                               name[i], fault);
    }
    if (err != NJ_OK)
        nj_diag_hint(diag, "%s", hint);
    return err;
}

bool
nj_names_as_folder(const char *text, char *out, size_t room)
{
    (void)snprintf(out, room, "%s", text);
    for (char *c = out; *c != '\0'; c++) {
        if (fault_of_character(*c) != NULL)
            *c = '-';
    }
    return nj_names_check_folder(out, NULL) == NJ_OK;
}
