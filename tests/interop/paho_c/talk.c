/* SPDX-License-Identifier: Apache-2.0 */
/* talk.c — the paho C library says what a test tells it to. One command a line on stdin, one answer
 * a line on stdout, so that the test decides the order of everything:
 *
 *   connect VERSION CLIENT-ID CLEAN   -> connected SESSION-PRESENT | refused CODE
 *   will TOPIC PAYLOAD QOS            (before connect)
 *   sub FILTER QOS                    -> subscribed QOS
 *   unsub FILTER                      -> unsubscribed
 *   pub TOPIC QOS RETAIN PAYLOAD      -> published
 *   take                              -> message TOPIC QOS RETAIN PAYLOAD | nothing
 *   disconnect                        -> disconnected
 */
#include <MQTTClient.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000L

static MQTTClient client;
static int version;
static MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
static char will_topic[256], will_payload[256];

static void
answer(const char *text)
{
    (void)printf("%s\n", text);
    (void)fflush(stdout);
}

static void
do_connect(const char *url, char *args)
{
    char id[256];
    int clean, rc;
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    MQTTClient_connectOptions v3 = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions v5 = MQTTClient_connectOptions_initializer5;
    MQTTClient_connectOptions *opts;
    MQTTResponse response;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};

    if (sscanf(args, "%d %255s %d", &version, id, &clean) != 3)
        exit(2);
    create.MQTTVersion = version;
    if (MQTTClient_createWithOptions(&client, url, id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                     &create) != 0)
        exit(2);
    opts = version == MQTTVERSION_5 ? &v5 : &v3;
    opts->MQTTVersion = version;
    opts->will = will.topicName != NULL ? &will : NULL;
    if (version == MQTTVERSION_5) {
        opts->cleanstart = clean;
        expiry.value.integer4 = clean ? 0 : 60;
        (void)MQTTProperties_add(&properties, &expiry);
        response = MQTTClient_connect5(client, opts, &properties, NULL);
        rc = (int)response.reasonCode;
        MQTTResponse_free(response);
        MQTTProperties_free(&properties);
    } else {
        opts->cleansession = clean;
        rc = MQTTClient_connect(client, opts);
    }
    if (rc == 0)
        (void)printf("connected %d\n", opts->returned.sessionPresent);
    else
        (void)printf("refused %d\n", rc);
    (void)fflush(stdout);
}

static void
do_sub(char *args)
{
    char filter[256];
    int qos;

    if (sscanf(args, "%255s %d", filter, &qos) != 2)
        exit(2);
    if (version == MQTTVERSION_5) {
        MQTTResponse response = MQTTClient_subscribe5(client, filter, qos, NULL, NULL);

        (void)printf("subscribed %d\n", (int)response.reasonCode);
        MQTTResponse_free(response);
    } else {
        (void)printf("subscribed %d\n", MQTTClient_subscribe(client, filter, qos) == 0 ? qos : -1);
    }
    (void)fflush(stdout);
}

static void
do_unsub(const char *filter)
{
    int rc;

    if (version == MQTTVERSION_5) {
        MQTTResponse response = MQTTClient_unsubscribe5(client, filter, NULL);

        rc = (int)response.reasonCode;
        MQTTResponse_free(response);
    } else {
        rc = MQTTClient_unsubscribe(client, filter);
    }
    answer(rc == 0 ? "unsubscribed" : "failed");
}

static void
do_pub(char *args)
{
    char topic[256];
    int qos, retain, at = 0, rc;
    MQTTClient_deliveryToken token;

    if (sscanf(args, "%255s %d %d %n", topic, &qos, &retain, &at) != 3)
        exit(2);
    if (version == MQTTVERSION_5) {
        MQTTResponse response = MQTTClient_publish5(client, topic, (int)strlen(args + at),
                                                    args + at, qos, retain, NULL, &token);

        rc = (int)response.reasonCode;
        MQTTResponse_free(response);
    } else {
        rc = MQTTClient_publish(client, topic, (int)strlen(args + at), args + at, qos, retain,
                                &token);
    }
    if (rc == 0)
        rc = MQTTClient_waitForCompletion(client, token, WAIT_MS);
    answer(rc == 0 ? "published" : "failed");
}

static void
do_take(void)
{
    char *topic = NULL;
    int topic_n = 0;
    MQTTClient_message *message = NULL;
    int rc = MQTTClient_receive(client, &topic, &topic_n, &message, WAIT_MS);

    if (rc != MQTTCLIENT_SUCCESS && rc != MQTTCLIENT_TOPICNAME_TRUNCATED)
        answer("failed");
    else if (message == NULL)
        answer("nothing");
    else
        (void)printf("message %.*s %d %d %.*s\n", topic_n != 0 ? topic_n : (int)strlen(topic),
                     topic, message->qos, message->retained, message->payloadlen,
                     (char *)message->payload);
    (void)fflush(stdout);
    if (message != NULL)
        MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
}

int
main(int argc, char **argv)
{
    static char line[1 << 17];

    if (argc != 2)
        return 2;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *args = strchr(line, ' ');

        line[strcspn(line, "\n")] = '\0';
        args = args != NULL ? args + 1 : line + strlen(line);
        if (strncmp(line, "connect ", 8) == 0) {
            do_connect(argv[1], args);
        } else if (strncmp(line, "will ", 5) == 0) {
            if (sscanf(args, "%255s %255s %d", will_topic, will_payload, &will.qos) != 3)
                return 2;
            will.topicName = will_topic;
            will.message = will_payload;
        } else if (strncmp(line, "sub ", 4) == 0) {
            do_sub(args);
        } else if (strncmp(line, "unsub ", 6) == 0) {
            do_unsub(args);
        } else if (strncmp(line, "pub ", 4) == 0) {
            do_pub(args);
        } else if (strcmp(line, "take") == 0) {
            do_take();
        } else if (strcmp(line, "disconnect") == 0) {
            answer(MQTTClient_disconnect(client, 1000) == 0 ? "disconnected" : "failed");
        } else {
            return 2;
        }
    }
    return 0;
}
