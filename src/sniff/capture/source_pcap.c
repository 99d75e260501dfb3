/* SPDX-License-Identifier: Apache-2.0 */
/* source_pcap.c — libpcap is loaded when the first function of this file needs it: it brings D-Bus,
 * systemd and compression with it, which a broker shall not carry (docs/decisions/0021). */
#include "sniff/capture/source_pcap.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/shell.h"
#include "sniff/wire/link.h"

#include <dlfcn.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S 1000000000

#define FUNCTIONS(X)                                                                               \
    X(activate)                                                                                    \
    X(close)                                                                                       \
    X(compile)                                                                                     \
    X(create)                                                                                      \
    X(datalink)                                                                                    \
    X(datalink_val_to_name)                                                                        \
    X(findalldevs)                                                                                 \
    X(freealldevs)                                                                                 \
    X(freecode)                                                                                    \
    X(get_selectable_fd)                                                                           \
    X(geterr)                                                                                      \
    X(next_ex)                                                                                     \
    X(set_buffer_size)                                                                             \
    X(set_promisc)                                                                                 \
    X(set_snaplen)                                                                                 \
    X(set_timeout)                                                                                 \
    X(set_tstamp_precision)                                                                        \
    X(setfilter)                                                                                   \
    X(setnonblock)                                                                                 \
    X(stats)                                                                                       \
    X(statustostr)

static struct {
#define X(name) __typeof__ (&pcap_##name)(name);
    FUNCTIONS(X)
#undef X
} libpcap;

static const struct {
    const char *name;
    void *at; /* in libpcap */
} functions[] = {
#define X(name) {"pcap_" #name, &libpcap.name},
    FUNCTIONS(X)
#undef X
};

/* As Debian names it, and others. It stays loaded. */
static enum nj_err
load(struct nj_diag *diag)
{
    void *library = dlopen("libpcap.so.0.8", RTLD_NOW | RTLD_LOCAL);
    void *function;

    if (library == NULL)
        library = dlopen("libpcap.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        nj_diag_hint(diag, "Debian has it in the package libpcap0.8.");
        return nj_diag_fail(diag, NJ_EUNSUPPORTED,
                            "Capturing takes libpcap, which is not there: %s.", dlerror());
    }
    for (size_t i = 0; i < NJ_COUNT_OF(functions); i++) {
        function = dlsym(library, functions[i].name);
        if (function == NULL)
            return nj_diag_fail(diag, NJ_EUNSUPPORTED, "This libpcap is too old: it has no %s.",
                                functions[i].name);
        memcpy(functions[i].at, &function, sizeof(function));
    }
    return NJ_OK;
}

struct nj_source {
    pcap_t *pcap;
    uint32_t link_type;
    uint64_t frames;
};

/* Besides network interfaces libpcap knows USB, Bluetooth, D-Bus and netfilter's logs. */
static bool
is_network(const char *name)
{
    return strcmp(name, "any") == 0 || if_nametoindex(name) != 0;
}

static enum nj_err
find_all(pcap_if_t **out, struct nj_diag *diag)
{
    char why[PCAP_ERRBUF_SIZE];

    if (libpcap.findalldevs(out, why) != 0)
        return nj_diag_fail(diag, NJ_ESYS, "The interfaces cannot be listed: %s.", why);
    return NJ_OK;
}

enum nj_err
nj_source_list(FILE *out, struct nj_diag *diag)
{
    unsigned number = 0;
    pcap_if_t *all;
    enum nj_err err = load(diag);

    if (err == NJ_OK)
        err = find_all(&all, diag);
    if (err != NJ_OK)
        return err;
    for (const pcap_if_t *i = all; i != NULL; i = i->next) {
        if (!is_network(i->name))
            continue;
        (void)fprintf(out, "%u. %s", ++number, i->name);
        if (i->description != NULL)
            (void)fprintf(out, " (%s)", i->description);
        else if ((i->flags & PCAP_IF_LOOPBACK) != 0)
            (void)fputs(" (Loopback)", out);
        (void)fputc('\n', out);
    }
    libpcap.freealldevs(all);
    return NJ_OK;
}

enum nj_err
nj_source_first(char out[NJ_SOURCE_NAME_BYTES], struct nj_diag *diag)
{
    const pcap_if_t *first;
    pcap_if_t *all;
    enum nj_err err = load(diag);

    if (err == NJ_OK)
        err = find_all(&all, diag);
    if (err != NJ_OK)
        return err;
    first = all;
    while (first != NULL && !is_network(first->name))
        first = first->next;
    if (first != NULL)
        (void)snprintf(out, NJ_SOURCE_NAME_BYTES, "%s", first->name);
    else
        err = nj_diag_fail(diag, NJ_ENOENT, "There is no interface to capture on.");
    libpcap.freealldevs(all);
    return err;
}

static enum nj_err
no_such_interface(const char *name, struct nj_diag *diag)
{
    struct nj_nearest near = nj_nearest_to(nj_str_of(name));
    pcap_if_t *all;

    nj_diag_hint(diag, "`nightjar sniff -D` lists the interfaces.");
    if (find_all(&all, NULL) != NJ_OK)
        return nj_diag_fail(diag, NJ_ENOENT, "There is no interface '%s'.", name);
    for (const pcap_if_t *i = all; i != NULL; i = i->next)
        if (is_network(i->name))
            nj_nearest_try(&near, i->name);
    if (near.name != NULL)
        (void)nj_diag_fail(diag, NJ_ENOENT, "There is no interface '%s'; did you mean '%s'?", name,
                           near.name);
    else
        (void)nj_diag_fail(diag, NJ_ENOENT, "There is no interface '%s'.", name);
    libpcap.freealldevs(all);
    return NJ_ENOENT;
}

static enum nj_err
no_right(const char *interface, struct nj_diag *diag)
{
    char self[160] = "", word[600];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    nj_diag_hint(diag,
                 "Run it as root (sudo nightjar sniff ...), or grant it once:\n"
                 "  sudo setcap cap_net_raw+ep %s",
                 n > 0 && (size_t)n < sizeof(self) - 1
                     ? nj_shell_word(word, sizeof(word), nj_str_of(self))
                     : "\"$(which nightjar)\"");
    return nj_diag_fail(diag, NJ_ESYS,
                        "Capturing on '%s' takes the right CAP_NET_RAW, which this process does "
                        "not have.",
                        interface);
}

/* Warnings are above 0: what it warns of is no promiscuous mode, or clock, that was asked for. */
static enum nj_err
activate(struct nj_source *s, const struct nj_source_opts *opts, struct nj_diag *diag)
{
    int code;

    (void)libpcap.set_snaplen(s->pcap, (int)opts->snap_bytes);
    (void)libpcap.set_buffer_size(s->pcap, (int)(opts->buffer_mib << 20));
    (void)libpcap.set_promisc(s->pcap, 1);
    (void)libpcap.set_timeout(s->pcap, NJ_SOURCE_DELAY_MS);
    (void)libpcap.set_tstamp_precision(s->pcap, PCAP_TSTAMP_PRECISION_NANO);
    code = libpcap.activate(s->pcap);
    if (code >= 0)
        return NJ_OK;
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED)
        return no_right(opts->interface, diag);
    if (code == PCAP_ERROR_NO_SUCH_DEVICE)
        return no_such_interface(opts->interface, diag);
    return nj_diag_fail(diag, NJ_ESYS, "Capturing on '%s' is not possible: %s.", opts->interface,
                        code == PCAP_ERROR ? libpcap.geterr(s->pcap) : libpcap.statustostr(code));
}

static enum nj_err
set_filter(struct nj_source *s, const char *text, struct nj_diag *diag)
{
    struct bpf_program program;
    int code;

    if (text[0] == '\0')
        return NJ_OK;
    if (libpcap.compile(s->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        nj_diag_hint(diag, "The language of capture filters is described in pcap-filter(7).");
        return nj_diag_fail(diag, NJ_EINVAL, "The capture filter '%s' makes no sense: %s.", text,
                            libpcap.geterr(s->pcap));
    }
    code = libpcap.setfilter(s->pcap, &program);
    libpcap.freecode(&program);
    if (code != 0)
        return nj_diag_fail(diag, NJ_ESYS, "The capture filter cannot be set: %s.",
                            libpcap.geterr(s->pcap));
    return NJ_OK;
}

/* libpcap's number of a link type is the one in files, but for raw IP. */
static enum nj_err
set_link_type(struct nj_source *s, const char *interface, struct nj_diag *diag)
{
    int type = libpcap.datalink(s->pcap);

    s->link_type = type == DLT_RAW ? (uint32_t)NJ_LINK_RAW : (uint32_t)type;
    if (type >= 0 && nj_link_is_known(s->link_type))
        return NJ_OK;
    return nj_diag_fail(diag, NJ_EUNSUPPORTED,
                        "The frames of '%s' are of a kind that is not read here: %s.", interface,
                        libpcap.datalink_val_to_name(type) != NULL
                            ? libpcap.datalink_val_to_name(type)
                            : "it has no name");
}

static enum nj_err
begin(struct nj_source *s, const struct nj_source_opts *opts, struct nj_diag *diag)
{
    char why[PCAP_ERRBUF_SIZE];
    enum nj_err err = load(diag);

    if (err != NJ_OK)
        return err;
    if (!is_network(opts->interface))
        return no_such_interface(opts->interface, diag);
    s->pcap = libpcap.create(opts->interface, why);
    if (s->pcap == NULL)
        return nj_diag_fail(diag, NJ_ESYS, "Capturing on '%s' is not possible: %s.",
                            opts->interface, why);
    err = activate(s, opts, diag);
    if (err == NJ_OK)
        err = set_link_type(s, opts->interface, diag);
    if (err == NJ_OK)
        err = set_filter(s, opts->filter, diag);
    if (err == NJ_OK && libpcap.setnonblock(s->pcap, 1, why) != 0)
        err = nj_diag_fail(diag, NJ_ESYS, "Capturing on '%s' is not possible: %s.", opts->interface,
                           why);
    return err;
}

enum nj_err
nj_source_open(struct nj_source **out, const struct nj_source_opts *opts, struct nj_diag *diag)
{
    struct nj_source *s = nj_zalloc(sizeof(*s));
    enum nj_err err;

    if (s == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Out of memory.");
    err = begin(s, opts, diag);
    if (err != NJ_OK) {
        nj_source_close(s);
        return err;
    }
    *out = s;
    return NJ_OK;
}

void
nj_source_close(struct nj_source *s)
{
    if (s == NULL)
        return;
    if (s->pcap != NULL)
        libpcap.close(s->pcap);
    nj_free(s);
}

int
nj_source_fd(const struct nj_source *s)
{
    return libpcap.get_selectable_fd(s->pcap);
}

uint32_t
nj_source_link_type(const struct nj_source *s)
{
    return s->link_type;
}

enum nj_source_next
nj_source_next(struct nj_source *s, struct nj_captured *out, struct nj_diag *diag)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int code = libpcap.next_ex(s->pcap, &header, &bytes);

    if (code == 0)
        return NJ_SOURCE_WAIT;
    if (code != 1) {
        (void)nj_diag_fail(diag, NJ_ESYS, "The capture cannot go on: %s.", libpcap.geterr(s->pcap));
        return NJ_SOURCE_FAULT;
    }
    *out = (struct nj_captured){
        .number = ++s->frames,
        /* Asked for nanoseconds, libpcap puts them where microseconds are named. */
        .time_ns = (int64_t)header->ts.tv_sec * NS_PER_S + header->ts.tv_usec,
        .time_digits = NJ_SOURCE_DIGITS,
        .link_type = s->link_type,
        .wire_bytes = header->len,
        .bytes = {(const char *)bytes, header->caplen},
    };
    return NJ_SOURCE_FRAME;
}

struct nj_source_drops
nj_source_drops(const struct nj_source *s)
{
    struct pcap_stat stat;

    if (libpcap.stats(s->pcap, &stat) != 0)
        return (struct nj_source_drops){0};
    return (struct nj_source_drops){.by_kernel = stat.ps_drop, .by_interface = stat.ps_ifdrop};
}
