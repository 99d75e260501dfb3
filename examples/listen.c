/* SPDX-License-Identifier: Apache-2.0 */
/* listen HOST PORT FILTER COUNT: within a loop of one's own. Subscribe, print COUNT messages, say
 * goodbye. A connection that breaks is made again, and subscribed again. */
#include <nightjar/client.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

struct listener {
    struct nj_client *client;
    const char *filter;
    long left;
    bool is_over;
};

static void
on_event(struct listener *l, const struct nj_client_event *ev)
{
    const struct nj_client_properties none = {NULL, 0};
    const struct nj_client_subscription all = {.filter = l->filter, .qos = 1};

    switch (ev->type) {
    case NJ_CLIENT_CONNECTED:
        if (nj_client_subscribe(l->client, &all, 1, none, NULL) != NJ_CLIENT_OK)
            l->is_over = true;
        break;
    case NJ_CLIENT_SUBSCRIBED:
        fprintf(stderr, "listening\n");
        break;
    case NJ_CLIENT_MESSAGE:
        if (l->left > 0)
            printf("%s: %.*s\n", ev->message.topic, (int)ev->message.payload_n,
                   (const char *)ev->message.payload);
        if (--l->left == 0)
            (void)nj_client_disconnect(l->client, 0, none);
        break;
    case NJ_CLIENT_DISCONNECTED:
        if (ev->error != NJ_CLIENT_OK)
            fprintf(stderr, "%s\n", nj_client_error_text(ev->error));
        l->is_over = l->left <= 0;
        break;
    case NJ_CLIENT_PUBLISHED:
    case NJ_CLIENT_UNSUBSCRIBED:
        break;
    }
}

/* One turn of the loop; yours would watch other descriptors as well. */
static void
turn(struct nj_client *client)
{
    struct pollfd p = {.fd = nj_client_fd(client)};

    if (nj_client_wants_read(client))
        p.events |= POLLIN;
    if (nj_client_wants_write(client))
        p.events |= POLLOUT;
    if (poll(&p, 1, nj_client_timeout_ms(client)) < 0)
        return;
    if (p.revents & POLLIN)
        nj_client_on_readable(client);
    if (p.revents & (POLLOUT | POLLERR | POLLHUP))
        nj_client_on_writable(client);
    nj_client_on_time(client);
}

int
main(int argc, char **argv)
{
    struct listener l = {NULL, NULL, 0, false};
    struct nj_client_opts opts;
    struct nj_client_event ev;

    if (argc != 5) {
        fprintf(stderr, "usage: listen HOST PORT FILTER COUNT\n");
        return 2;
    }
    nj_client_opts_init(&opts);
    opts.host = argv[1];
    opts.port = (uint16_t)strtoul(argv[2], NULL, 10);
    l.filter = argv[3];
    l.left = strtol(argv[4], NULL, 10);
    if (nj_client_new(&l.client, &opts) != NJ_CLIENT_OK ||
        nj_client_start(l.client) != NJ_CLIENT_OK)
        return 1;
    while (!l.is_over) {
        enum nj_client_err err = nj_client_next(l.client, &ev, 0);

        if (err == NJ_CLIENT_OK)
            on_event(&l, &ev);
        else if (err == NJ_CLIENT_ETIMEOUT)
            turn(l.client);
        else
            break;
    }
    nj_client_free(l.client);
    return 0;
}
