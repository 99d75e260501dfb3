/* SPDX-License-Identifier: Apache-2.0 */
/* publish HOST PORT TOPIC TEXT: the blocking way. Connect, publish at QoS 1, wait until the broker
 * has it.
 *
 *     cc publish.c $(pkg-config --cflags --libs nightjar) */
#include <nightjar/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(int argc, char **argv)
{
    const struct nj_client_properties none = {NULL, 0};
    struct nj_client_opts opts;
    struct nj_client *client;
    enum nj_client_err err;

    if (argc != 5) {
        fprintf(stderr, "usage: publish HOST PORT TOPIC TEXT\n");
        return 2;
    }
    nj_client_opts_init(&opts);
    opts.host = argv[1];
    opts.port = (uint16_t)strtoul(argv[2], NULL, 10);
    err = nj_client_new(&client, &opts);
    if (err != NJ_CLIENT_OK) {
        fprintf(stderr, "%s\n", nj_client_error_text(err));
        return 1;
    }

    err = nj_client_connect(client, NULL);
    if (err == NJ_CLIENT_OK) {
        const struct nj_client_message message = {
            .topic = argv[3], .payload = argv[4], .payload_n = strlen(argv[4]), .qos = 1};

        err = nj_client_publish_wait(client, &message, 10000, NULL);
    }
    if (err != NJ_CLIENT_OK)
        fprintf(stderr, "%s: %s\n", nj_client_error_text(err), nj_client_detail(client));
    else
        (void)nj_client_disconnect(client, 0, none);
    (void)nj_client_drain(client, 1000); /* DISCONNECT goes out */
    nj_client_free(client);
    return err == NJ_CLIENT_OK ? 0 : 1;
}
